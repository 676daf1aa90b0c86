"""Opens zone files and the files they include, and keeps inclusion inside some directories.

Knows nothing of what is in them. A file is read whole, so what is checked is one state of it.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dnsd.errors import WantError
from dnsd.process import descriptors
from dnsd.zone.names import shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from dnsd.config.limits import Limits

_ESCAPE = re.compile(r"\\([0-9]{3}|.)", re.DOTALL)
_MORE = 1 << 16
"""Octets to read at a time from a file that has grown."""


class Unreadable(ValueError):
    """A file cannot be used; ``str()`` says why and what to do, ``code`` is the finding's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was when it was read; for one that could not be, all is 0 and ``digest`` empty.

    ``path`` is as the operator wrote it (symbolic links not followed), so that a link that is
    turned to another file shows as a change.
    """

    path: str
    mtime_ns: int = 0
    size: int = 0
    inode: int = 0
    digest: str = ""


class Sources:
    """The files of one zone, in the order in which they were read.

    No included file may be outside of all ``directories``, of which the zone file's own is the
    first; without any there are none.
    """

    def __init__(self, limits: Limits, directories: Sequence[Path] = ()) -> None:
        self.read: list[SourceFile] = []
        self._limits = limits
        self._directories = directories
        self._included = 0

    def open(self, path: Path) -> bytes:
        """Return the octets of the zone file."""
        return self._open(path, path)

    def _open(self, path: Path, real: Path) -> bytes:
        # Noted before it is read: a file that is missing now may come.
        self.read.append(SourceFile(str(path)))
        data, status = _read(path, real, self._limits.file_octets)
        self.read[-1] = SourceFile(
            str(path), status.st_mtime_ns, status.st_size, status.st_ino, digest(data)
        )
        return data

    def include(self, path: Path, chain: tuple[Path, ...]) -> tuple[bytes, Path]:
        """Return the octets of an included file, and its path with links resolved.

        ``chain`` are the resolved paths of the files that include one another down to here.
        """
        if not self._directories:
            raise Unreadable(
                "include-refused",
                "$INCLUDE needs a zone that is read from a file: check the file itself",
            )
        real = _confined(path, self._directories)
        if real in chain:
            raise Unreadable(
                "include-loop", f"'{path}' includes itself: remove this $INCLUDE or the other"
            )
        if len(chain) > self._limits.include_depth:
            raise Unreadable(
                "include-depth",
                f"$INCLUDE is nested deeper than {self._limits.include_depth} files: "
                "include the file higher up",
            )
        self._included += 1
        if self._included > self._limits.include_files:
            raise Unreadable(
                "include-files",
                f"more than {self._limits.include_files} files are included: join some",
            )
        return self._open(path, real), real


def file_name(text: str) -> Path:
    """Return the path in a token of $INCLUDE: its octets, with escapes resolved."""
    plain = _ESCAPE.sub(
        lambda found: chr(int(found[1]) & 0xFF) if len(found[1]) == 3 else found[1], text
    )
    try:
        name = plain.encode("latin-1").decode()
    except UnicodeDecodeError:
        name = ""
    if not name.isprintable() or not name:
        message = f"'{shown(text)}' is not the name of a file: write a path in UTF-8"
        raise Unreadable("cannot-read", message)
    return Path(name)


def digest(data: bytes) -> str:
    """Return a digest of ``data``."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def digest_of(path: Path, limit: int) -> str:
    """Return the digest of the file at ``path``, empty if it cannot be read."""
    try:
        return digest(_read(path, path, limit)[0])
    except (Unreadable, WantError):
        return ""


def _confined(path: Path, directories: Sequence[Path]) -> Path:
    """Return ``path`` with links resolved; Unreadable when it is in none of ``directories``."""
    try:
        real = path.resolve()
        inside = any(real.is_relative_to(directory.resolve()) for directory in directories)
    except (OSError, ValueError, RuntimeError):
        raise Unreadable("cannot-read", f"'{path}' cannot be a file: check the name") from None
    if not inside:
        raise Unreadable(
            "include-outside",
            f"'{path}' lies outside the zone's directory '{directories[0]}': move the file there, "
            "or list its directory in [zones] include",
        )
    return real


def _read(path: Path, real: Path, limit: int) -> tuple[bytes, os.stat_result]:
    """Return the octets of ``real``, which is called ``path``, and its status."""
    try:
        # Without O_NONBLOCK a named pipe in place of the file would hang the loader.
        handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            is_file = stat.S_ISREG(status.st_mode)
            data = _up_to(limit, file, status.st_size) if is_file else b""
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            descriptors.excuse(error, f"'{path}'")
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Unreadable(
            "cannot-read", f"cannot read '{path}': {reason}; check the path and its permissions"
        ) from None
    if not is_file:
        raise Unreadable("cannot-read", f"'{path}' is not a regular file: name a zone file")
    if len(data) > limit:
        raise Unreadable("file-too-large", f"'{path}' is larger than {limit} octets: split it")
    return data, status


def _up_to(limit: int, file: BinaryIO, size: int) -> bytes:
    """Return what is in ``file`` (it has about ``size`` octets), and if it is more, ``limit`` + 1.

    Never asked for more than there is: what is asked for is allocated, and the limit may be more
    than this process can have.
    """
    data = file.read(min(size, limit) + 1)
    while len(data) <= limit and (more := file.read(min(limit + 1 - len(data), _MORE))):
        data += more  # it grows
    return data
