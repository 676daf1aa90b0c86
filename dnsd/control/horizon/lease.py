"""Whether the ledger on disk is the last one, or a later one could not be written.

On a disk that has become read-only the file can be neither replaced nor removed. So a lease lies
beside it: after a restart the ledger is believed only until a time, and until then nothing is
given out that it does not declare. While a node runs and the
disk takes its ledger, the lease is renewed; a clean stop gives it a longer one, for the restart of
the machine.

A running node's lease ends by CLOCK_BOOTTIME and holds for this boot only; that of a stopped one
ends by the clock of the day, since nothing else outlives a boot.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from dnsd.build import images
from dnsd.process import durablefile

if TYPE_CHECKING:
    from pathlib import Path

NAME = "ledger.lease"

RUNNING_S = 60.0
"""A node that was killed may be away for so long; a zone may wait for so long on a disk that has
become read-only."""

STOPPED_S = 600.0
"""A machine may take so long to start again."""

RENEW_S = 20.0
"""Three attempts in one lease."""


class _Written(msgspec.Struct, frozen=True):
    """A lease from ``began`` to ``ends`` in the boot ``boot``; if empty, by the time of day."""

    boot: str
    began: float
    ends: float


_NONE = _Written("", 0.0, 0.0)


class Clocks:
    """The clocks of this machine."""

    def boot(self) -> str:
        """Return a name for this boot; empty if the machine gives none."""
        return images.boot()

    def running(self) -> float:
        """Return the seconds since the boot, including those while the machine was suspended."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def day(self) -> float:
        """Return POSIX seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class Lease:
    """The lease in ``directory``: at first that of an earlier process."""

    def __init__(self, directory: Path, clocks: Clocks | None = None) -> None:
        self._path = directory / NAME
        self._clocks = clocks or Clocks()
        self._written = _NONE
        with suppress(OSError, msgspec.DecodeError):
            self._written = msgspec.json.decode(self._path.read_bytes(), type=_Written)

    def left(self) -> float:
        """Return for how many more seconds a restart would believe the ledger."""
        lease = self._written
        if lease.boot and lease.boot != self._clocks.boot():
            return 0.0
        now = self._clocks.running() if lease.boot else self._clocks.day()
        return max(0.0, lease.ends - now) if lease.began <= now else 0.0

    def is_due(self) -> bool:
        """Return whether it is time to renew the lease."""
        boot = self._clocks.boot()
        return bool(boot) and (self._written.boot != boot or self.left() <= RUNNING_S - RENEW_S)

    def renew(self) -> None:
        """Renew the lease: the ledger on disk is the last one; OSError if the disk refuses."""
        now = self._clocks.running()
        self._write(_Written(self._clocks.boot(), now, now + RUNNING_S))

    def close(self) -> None:
        """Give a lease that outlives a restart of the machine: the node stops; OSError."""
        now = self._clocks.day()
        self._write(_Written("", now, now + STOPPED_S))

    def end(self) -> None:
        """End the lease: the ledger's file has been removed."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._written = _NONE

    def _write(self, lease: _Written) -> None:
        durablefile.replace(self._path, msgspec.json.encode(lease))
        self._written = lease
