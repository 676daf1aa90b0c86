"""The file of the ledger: replaced whole, on disk when it is said to be.

Knows nothing of what is in it.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.control.durable import Durable
from dnsd.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.control.keepsake import Keepsake

NAME = "ledger"


class LedgerFile:
    """The file in the state directory ``directory``; may be written by several threads."""

    def __init__(self, directory: Path, keepsake: Keepsake | None = None) -> None:
        self._path = directory / NAME
        self._file = Durable(self._path, keepsake)
        self._lock = threading.Lock()
        self._written = 0

    def read(self) -> bytes | None:
        """Return what is in it, None if there is none; StateError if it cannot be read."""
        try:
            return self._file.read()
        except OSError as error:
            raise StateError(f"{self._path}: cannot be read ({error.strerror})") from error

    def holds(self, data: bytes) -> bool:
        """Return whether the file itself says ``data``, so that a restart would find it."""
        try:
            return self._path.read_bytes() == data
        except OSError:
            return False

    def write(self, number: int, data: bytes) -> None:
        """Write ``data``, unless something with a higher ``number`` stands there already.

        When it returns, a power cut changes nothing any more. StateError if that cannot be.
        """
        with self._lock:
            if number <= self._written:
                return
            try:
                self._file.write(data)
            except OSError as error:
                raise StateError(
                    f"{self._path} cannot be written ({error.strerror}): after a restart it "
                    "is unknown for how long caches hold what is answered now"
                ) from error
            self._written = number

    def discard(self) -> None:
        """Remove the file: what is in it is not true any more. A full disk allows that."""
        with self._lock, suppress(OSError):
            self._path.unlink()
