"""The file of the ledger: replaced whole, on disk when it is said to be.

Knows nothing of what is in it.
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
"""What was in it when it was last withdrawn."""


class LedgerFile:
    """The file in the state directory ``directory``; may be written by several threads."""

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
        """Return its content; None: there is no file; StateError: it cannot be read."""
        try:
            return self._file.read()
        except OSError as error:
            raise StateError(f"{self._path}: cannot be read ({error.strerror})") from error

    def is_last(self) -> bool:
        """Return whether nothing was given out that what is read does not know.

        An earlier process of this run of the node has left all that it knew in memory.
        """
        return self.believed_for() > 0 or bool(self._keepsake and self._keepsake.get())

    def believed_for(self) -> float:
        """Return for how many seconds more a restart would believe what is on disk."""
        return self._lease.left()

    def is_stuck(self) -> bool:
        """Return whether a restart would believe what is on disk, and that cannot be withdrawn.

        That is so on a disk that is read-only: there nothing can be renamed, not even to the same.
        """
        try:
            self._path.replace(self._path)
        except FileNotFoundError:
            return False
        except OSError:
            return self.believed_for() > 0
        return False

    async def wait(self, seconds: float) -> None:
        """Wait by the clocks that the lease goes by."""
        await self._clocks.sleep(seconds)

    def kept(self) -> bytes:
        """Return the octets of the file, as a restart would find them; empty without one."""
        return _octets(self._path)

    def write(self, number: int, data: bytes) -> None:
        """Write ``data``, unless something with a higher ``number`` stands there already.

        When it returns, a power cut changes nothing any more. StateError if that cannot be.
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
        """Have a restart believe what is on disk, if this process has written it."""
        with self._order.lock, suppress(OSError):  # it is tried again before the lease ends
            if self._is_ours and self._lease.is_due():
                self._lease.renew()

    def close(self) -> None:
        """Have a later start believe what is on disk: this process, which wrote it, ends."""
        with self._order.lock, suppress(OSError):
            if self._is_ours:
                self._lease.close()

    def withdraw(self) -> None:
        """Have the file be there no more: what is in it is not true any more.

        A full disk allows that. A disk that is read-only does not, and then the file is believed
        until its lease ends. It is renamed, because it is still true what the node has had.
        """
        with self._order.lock, suppress(OSError):
            with suppress(FileNotFoundError):
                self._path.replace(self._withdrawn)
            self._lease.end()

    def history(self) -> tuple[bytes, ...]:
        """Return what stands in the file, and what stood there when it was last withdrawn."""
        return tuple(filter(None, (self.kept(), _octets(self._withdrawn))))


def _octets(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
