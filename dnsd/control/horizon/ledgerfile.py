"""The file of the ledger: it is replaced as a whole, and is on disk when a write returns.

Knows nothing of its content.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.control.horizon.lease import Clocks, Lease
from dnsd.errors import StateError
from dnsd.process.durablefile import Durable, WriteOrder

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.image.keepsake import Keepsake

NAME = "ledger"
WITHDRAWN = "ledger.withdrawn"
"""Its content when it was last withdrawn."""


class LedgerFile:
    """The file in the state directory ``directory``; several threads may write it."""

    def __init__(
        self, directory: Path, keepsake: Keepsake | None = None, clocks: Clocks | None = None
    ) -> None:
        self._path = directory / NAME
        self._withdrawn = directory / WITHDRAWN
        self._keepsake = keepsake
        self._clocks = clocks or Clocks()
        self._lease = Lease(directory, self._clocks)
        self._is_ours = False
        self._file = Durable(self._path, keepsake)
        self._order = WriteOrder()

    def read(self) -> bytes | None:
        """Return its content; None if there is no file; StateError if it cannot be read."""
        try:
            return self._file.read()
        except OSError as error:
            raise StateError(f"{self._path}: cannot be read ({error.strerror})") from error

    def is_last(self) -> bool:
        """Return whether the file covers everything that was given out.

        True if an earlier process of this run left all that it knew in memory.
        """
        return self.believed_for() > 0 or bool(self._keepsake and self._keepsake.get())

    def believed_for(self) -> float:
        """Return for how many more seconds a restart would believe what is on disk."""
        return self._lease.left()

    def is_stuck(self) -> bool:
        """Return whether a restart would believe a file on disk that cannot be withdrawn.

        This happens on a read-only disk: nothing can be renamed there, not even to the same name.
        """
        try:
            self._path.replace(self._path)
        except FileNotFoundError:
            return False
        except OSError:
            return self.believed_for() > 0
        return False

    async def wait(self, seconds: float) -> None:
        """Wait, by the clocks of the lease."""
        await self._clocks.sleep(seconds)

    def kept(self) -> bytes:
        """Return the content of the file as a restart would find it; empty without one."""
        return _octets(self._path)

    def write(self, number: int, data: bytes) -> None:
        """Write ``data``, unless a later write (with a higher ``number``) came before.

        When it returns, the data survive a power cut. StateError if the disk refuses.
        """
        self._order.do(number, lambda: self._write(data))

    def _write(self, data: bytes) -> None:
        self._is_ours = False
        try:
            self._file.write(data)
        except OSError as error:
            raise StateError(
                f"{self._path} cannot be written ({error.strerror}): after a restart it "
                "is unknown for how long caches hold what is answered now"
            ) from error
        self._is_ours = True

    def vouch(self) -> None:
        """Renew the lease of what is on disk, if this process wrote it."""
        with self._order.lock, suppress(OSError):  # it is tried again before the lease ends
            if self._is_ours and self._lease.is_due():
                self._lease.renew()

    def close(self) -> None:
        """Have a later start believe what is on disk, if this process wrote it: the node stops."""
        with self._order.lock, suppress(OSError):
            if self._is_ours:
                self._lease.close()

    def withdraw(self) -> None:
        """Withdraw the file: its content is no longer true.

        A full disk allows that. A read-only disk does not, and then a restart believes the file
        until its lease ends. The file is renamed, not removed: it still proves what the node has
        had.
        """
        with self._order.lock, suppress(OSError):
            with suppress(FileNotFoundError):
                self._path.replace(self._withdrawn)
            self._lease.end()

    def history(self) -> tuple[bytes, ...]:
        """Return the content of the file, and its content when it was last withdrawn."""
        return tuple(filter(None, (self.kept(), _octets(self._withdrawn))))


def _octets(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
