"""A file with a bound: full, it takes the place of the one before it (``NAME.1``).

Then a new one begins. One begins, too, when the file has been moved away.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.process.descriptors import write_all

if TYPE_CHECKING:
    from pathlib import Path

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_MODE = 0o640
"""Addresses of clients are nobody's business."""


class BoundedFile:
    """Writes to ``path``; both files together have about ``size`` octets at most.

    Each file begins with ``head`` and ends with ``foot``. One that has a head is not continued by
    another process.
    """

    def __init__(self, path: Path, size: int, head: bytes = b"", foot: bytes = b"") -> None:
        self._path = path
        self._most = size // 2
        self._head, self._foot = head, foot
        self._fd: int | None = None
        self._size = 0

    def write(self, octets: bytes) -> None:
        """Append ``octets``, in one file; OSError if that is not possible."""
        try:
            fd = self._opened()
            if self._size > len(self._head) and self._size + len(octets) > self._most:
                self.close()
                self._put_aside()
                fd = self._opened()
            write_all(fd, octets)
            self._size += len(octets)
        except OSError:
            self.close()
            raise

    def look(self) -> None:
        """End the file if it has been moved away: the next one begins when there is something."""
        if self._fd is None:
            return
        with suppress(OSError):
            if os.path.samestat(self._path.stat(), os.fstat(self._fd)):
                return
        self.close()

    def close(self) -> None:
        """End the file."""
        if self._fd is None:
            return
        fd, self._fd = self._fd, None
        with suppress(OSError):  # a disk that is full
            write_all(fd, self._foot)
        os.close(fd)

    def _opened(self) -> int:
        if self._fd is not None:
            return self._fd
        self._fd = os.open(self._path, _FLAGS, _MODE)
        self._size = os.fstat(self._fd).st_size
        if self._size and self._head:
            os.close(self._fd)
            self._put_aside()
            self._fd = os.open(self._path, _FLAGS, _MODE)
            self._size = 0
        if not self._size:
            write_all(self._fd, self._head)
            self._size = len(self._head)
        return self._fd

    def _put_aside(self) -> None:
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
