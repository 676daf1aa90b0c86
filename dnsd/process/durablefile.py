"""The one way to write a file of state: the old content or the new one, never a part.

:func:`put` is enough for what can be made again; :func:`replace` waits for the disk, so that a
power cut cannot bring the old content back. A disk that refuses (full, read-only, broken) is an
OSError, and the file is as it was. :class:`WriteOrder` keeps threads from undoing each other.

What is to be kept is put into memory first (:mod:`dnsd.image.keepsake`): a control process that
is started again goes on with that, full disk or not; only a restart of the node needs the disk.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from dnsd.image.keepsake import Keepsake


OWN = 0o600
"""The mode of what is nobody else's business."""

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW


def put(path: Path, *data: bytes | bytearray | memoryview) -> None:
    """Make ``data`` the content of ``path``, one after the other; OSError if that cannot be.

    A power cut may leave less of it. Several processes may write the same file.
    """
    with _in_place_of(path, f"{os.getpid()}.tmp", OWN) as file:
        file.writelines(data)


def replace(path: Path, *data: bytes | memoryview, mode: int = OWN) -> None:
    """Make ``data`` the content of ``path``, for good when it returns; OSError if that cannot be.

    What it consists of is written one after the other; the file has ``mode``, whatever the umask.
    """
    # Without a number: so what an end in the middle leaves behind is written over the next time.
    with _in_place_of(path, "tmp", mode) as file:
        file.writelines(data)
        file.flush()
        os.fsync(file.fileno())
    # Only then a power cut cannot bring back what was there before.
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def _in_place_of(path: Path, suffix: str, mode: int) -> Iterator[BinaryIO]:
    """Give a new file to write to, which takes the place of ``path`` if all goes well."""
    # A name that begins with a dot is in no `include "*.conf"` of BIRD's.
    temporary = path.with_name(f".{path.name}.{suffix}")
    try:
        with os.fdopen(os.open(temporary, _FLAGS, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            yield file
        temporary.replace(path)
    except OSError:
        with suppress(OSError):  # half a file would only make a full disk fuller
            temporary.unlink()
        raise


class Durable:
    """The file ``path``; its last content is in ``keepsake``, too, if there is one."""

    def __init__(self, path: Path, keepsake: Keepsake | None = None) -> None:
        self.path = path
        self._keepsake = keepsake

    def read(self) -> bytes | None:
        """Return what was to be written last; None if nothing was, OSError if it is unknown."""
        kept = None if self._keepsake is None else self._keepsake.get()
        if kept is not None:
            return kept
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def keep(self, data: bytes) -> None:
        """Have a successor of this process read ``data``."""
        if self._keepsake is not None:
            self._keepsake.put(data)

    def write(self, data: bytes) -> None:
        """Make ``data`` the content; OSError if the disk refuses it: then a restart forgets it."""
        self.keep(data)
        replace(self.path, data)


class WriteOrder:
    """Lets threads write one file, one at a time, and none undo what a later number stands for."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._last = 0

    def do(self, number: int, write: Callable[[], object]) -> None:
        """Have ``write`` done, unless one with a higher number was; what it raises, is raised."""
        with self.lock:
            if number > self._last:
                write()
                self._last = number
