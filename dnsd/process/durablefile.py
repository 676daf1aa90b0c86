"""The one way to write a state file: it has the old content or the new one, never a part.

:func:`put` is enough for what can be made again; :func:`replace` waits for the disk, so that a
power cut cannot bring the old content back. A disk that refuses (full, read-only, broken) is an
OSError, and the file is as it was. :class:`WriteOrder` keeps threads from undoing each other.

State is put into memory first (:mod:`dnsd.image.keepsake`): a restarted control process continues
with that, even if the disk is full; only a restart of the node needs the disk.
"""

from __future__ import annotations

import errno
import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from dnsd.image.keepsake import Keepsake


OWN = 0o600
"""The mode of files that only their owner may read."""

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW


def put(path: Path, *data: bytes | bytearray | memoryview) -> None:
    """Make ``data``, joined, the content of ``path``; OSError if that fails.

    A power cut may leave less of it. Several processes may write the same file.
    """
    with _in_place_of(path, f"{os.getpid()}.tmp", OWN) as file:
        file.writelines(data)


def put_changed(path: Path, source: Path, changes: Iterable[tuple[int, bytes | bytearray]]) -> None:
    """Make the content of ``source``, with ``changes`` (by offset), the content of ``path``.

    The kernel makes the copy, and shares what stays where the file system can do that. As with
    :func:`put`, a power cut may leave less of it.
    """
    with _in_place_of(path, f"{os.getpid()}.tmp", OWN) as file, source.open("rb") as old:
        left = os.fstat(old.fileno()).st_size
        while left:
            copied = os.copy_file_range(old.fileno(), file.fileno(), left)
            if not copied:
                raise OSError(errno.EIO, f"{source} has become shorter")
            left -= copied
        for at, octets in changes:
            file.seek(at)
            file.write(octets)


def replace(path: Path, *data: bytes | memoryview, mode: int = OWN) -> None:
    """Make ``data``, joined, the content of ``path``, on disk when it returns; OSError if it fails.

    The file has ``mode``, whatever the umask.
    """
    # A fixed name: what a crash leaves behind is overwritten the next time.
    with _in_place_of(path, "tmp", mode) as file:
        file.writelines(data)
        file.flush()
        os.fsync(file.fileno())
    # Only after that a power cut cannot bring back the old content.
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def _in_place_of(path: Path, suffix: str, mode: int) -> Iterator[BinaryIO]:
    """Open a new file for writing, which replaces ``path`` if there is no error."""
    # BIRD's `include "*.conf"` skips names that begin with a dot.
    temporary = path.with_name(f".{path.name}.{suffix}")
    try:
        with os.fdopen(os.open(temporary, _FLAGS, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            yield file
        temporary.replace(path)
    except OSError:
        with suppress(OSError):  # half a file would only take room on a full disk
            temporary.unlink()
        raise


class Durable:
    """The state file ``path``; its latest content is also in ``keepsake``, if there is one."""

    def __init__(self, path: Path, keepsake: Keepsake | None = None) -> None:
        self.path = path
        self._keepsake = keepsake

    def read(self) -> bytes | None:
        """Return the latest content; None if there is none, OSError if it cannot be read."""
        kept = None if self._keepsake is None else self._keepsake.get()
        if kept is not None:
            return kept
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def keep(self, data: bytes) -> None:
        """Leave ``data`` to a successor of this process, in memory."""
        if self._keepsake is not None:
            self._keepsake.put(data)

    def write(self, data: bytes) -> None:
        """Make ``data`` the content; on OSError it is only in memory, and a restart forgets it."""
        self.keep(data)
        replace(self.path, data)


class WriteOrder:
    """Lets threads write one file, one at a time; none overwrites a higher number's content."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._last = 0

    def do(self, number: int, write: Callable[[], object]) -> None:
        """Call ``write``, unless a higher number was written; its exceptions are passed on."""
        with self.lock:
            if number > self._last:
                write()
                self._last = number
