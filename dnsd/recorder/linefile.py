"""A file of lines with a bound: full, it takes the place of the one before it (``NAME.1``).

Then a new one begins. One begins, too, when somebody has moved the file away.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dnsd.process.descriptors import write_all
from dnsd.recorder.lines import as_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dnsd.image.tap import Tapped
    from dnsd.recorder.spec import LineSink

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_MODE = 0o640
"""Addresses of clients are nobody's business."""


class LineFile:
    """Writes lines to ``path``; both files together have ``size`` octets at most."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._most = size // 2
        self._fd: int | None = None
        self._size = 0

    def write(self, octets: bytes) -> None:
        """Append whole lines; OSError if that is not possible: then it is tried anew."""
        try:
            fd = self._opened()
            if self._size and self._size + len(octets) > self._most:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
                self.close()
                fd = self._opened()
            write_all(fd, octets)
            self._size += len(octets)
        except OSError:
            self.close()
            raise

    def look(self) -> None:
        """Begin a new file if this one has been moved away."""
        if self._fd is None:
            return
        try:
            there = self._path.stat()
            if os.path.samestat(there, os.fstat(self._fd)):
                return
        except OSError:
            pass
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _opened(self) -> int:
        if self._fd is None:
            self._fd = os.open(self._path, _FLAGS, _MODE)
            self._size = os.fstat(self._fd).st_size
        return self._fd


class LinesDown:
    """Writes a line for each query to a file: what :class:`LineSink` asks for."""

    def __init__(self, sink: LineSink, file: LineFile) -> None:
        self._line = as_json if sink.format == "json" else text
        self._file = file
        self.fault = ""

    def write(self, entries: Sequence[Tapped], offset: int) -> bool:
        """Write ``entries``; ``offset`` is the time of the day less the monotonic one (ns)."""
        try:
            self._file.write(b"".join(self._line(one, one.at + offset) for one in entries))
        except OSError as error:
            self.fault = f"the query log cannot be written: {error.filename or ''} {error.strerror}"
            return False
        self.fault = ""
        return True

    def look(self) -> None:
        """See to it that the file is the one that is meant."""
        self._file.look()

    def close(self) -> None:
        """Write what is left."""
        self._file.close()
