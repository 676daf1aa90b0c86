"""The state directory: made private, and trusted only if it is ours.

Its content decides what is answered and announced. So it and its files must belong to the user that
dnsd runs as, no symbolic link is followed, and no other user may write there. A refusing disk is
no such problem: answers need no disk, and missing directories are made later.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dnsd.errors import StateError
from dnsd.process.users import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMAGES = "images"
"""The directory of the image files, in the state directory."""

REFUSALS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO))
"""The errors of a full, read-only or broken disk: they may pass, and the setup is not wrong."""

_OTHERS = 0o077
_OTHERS_WRITE = 0o022
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REMEDY = "or set [server] state_directory or $STATE_DIRECTORY to another"


def prepare(directory: Path) -> str:
    """Make ``directory`` and its subdirectories, for their owner only.

    Return why the disk refuses that now; empty if it does not. StateError if the directory cannot
    be trusted, or can never be used.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _opened(directory) as opened:
            loose = _make_private(directory, opened)
            _check_entries(directory, opened)
            with suppress(FileExistsError):
                os.mkdir(IMAGES, 0o700, dir_fd=opened)
            with _opened(directory / IMAGES, IMAGES, opened) as images:
                if _make_private(directory / IMAGES, images) or loose:
                    _check_entries(directory / IMAGES, images)
    except OSError as error:
        if error.errno in REFUSALS:
            return f"the state directory {directory} cannot be written: {error.strerror}"
        raise StateError(
            f"cannot use the state directory {directory}: {error.strerror}; change its owner, "
            f"{_REMEDY}"
        ) from error
    return ""


@contextmanager
def _opened(path: Path, name: str | None = None, within: int | None = None) -> Iterator[int]:
    """Open the directory ``path`` without following a link; ``name`` is relative to ``within``."""
    try:
        opened = os.open(name or path, _OPEN, dir_fd=within)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and path.is_symlink():
            raise StateError(
                f"{path} is a symbolic link, and dnsd does not follow one to its state: name the "
                f"directory itself, {_REMEDY}"
            ) from error
        raise
    try:
        yield opened
    finally:
        os.close(opened)


def _make_private(path: Path, opened: int) -> bool:
    """Remove other users' rights to the directory; return whether they could write to it.

    StateError if it is not ours; it is not changed then.
    """
    status = os.fstat(opened)
    if status.st_uid != os.geteuid():
        raise StateError(
            f"{path} belongs to {name_of(status.st_uid)}, and dnsd runs as "
            f"{name_of(os.geteuid())}: it is not trusted; look at what is in it "
            f"and change its owner, {_REMEDY}"
        )
    loose = bool(status.st_mode & _OTHERS_WRITE)
    if status.st_mode & _OTHERS:
        try:
            os.fchmod(opened, 0o700)
        except OSError as error:
            if error.errno != errno.EROFS:
                raise
    return loose


def _check_entries(path: Path, opened: int) -> None:
    """Raise StateError if something in the directory is a link, or another user's."""
    for name in os.listdir(opened):
        try:
            status = os.stat(name, dir_fd=opened, follow_symlinks=False)
        except FileNotFoundError:  # it was a temporary file that is gone
            continue
        if stat.S_ISDIR(status.st_mode) and name != IMAGES:
            continue  # not a file of dnsd's, such as lost+found
        if stat.S_ISLNK(status.st_mode):
            raise StateError(
                f"{path / name} is a symbolic link, and dnsd does not follow one to its state: "
                f"remove it, "
                f"{_REMEDY}"
            )
        if status.st_uid != os.geteuid():
            raise StateError(
                f"{path / name} belongs to {name_of(status.st_uid)}, and dnsd runs as "
                f"{name_of(os.geteuid())}: it is not trusted; remove it, change its owner, "
                f"{_REMEDY}"
            )
