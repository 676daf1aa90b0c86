"""The state vector: the one piece of memory that master, control and workers share.

A memfd that the master creates and hands down by number. It is divided into slots of
``SLOT`` bytes: slot 0 is control's, slot 1 + n belongs to worker n. Every cell is a 64-bit
unsigned integer with exactly one writer, so nobody needs a lock:

    control slot   generation, journal epoch, control heartbeat (ns), ready flag
    worker slot    pid, heartbeat (ns), generation served, loop lag (ns), open TCP, counters…

``generation`` goes up by one each time control has published to the journal; a worker that
has applied all of it writes the same number into its own slot.
"""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING

from dnsd.metrics import counters

if TYPE_CHECKING:
    from dnsd.metrics.counters import Counters

SLOT = 4096
"""Bytes of one slot: a page, so that no two writers share a cache line."""

_HEAD = 16
"""Cells before the counters in a worker's slot."""

assert (_HEAD + counters.SIZE) * 8 <= SLOT


class ControlCells:
    """Control's cells: what it has published and when it was last alive."""

    GENERATION, EPOCH, HEARTBEAT, PID = range(4)


class WorkerCells:
    """The head of a worker's slot."""

    PID, HEARTBEAT, GENERATION, LAG, TCP_OPEN, LISTENING = range(6)


class StateVector:
    """A mapping of the state vector: ``control`` and ``worker(n)`` are views of its slots."""

    def __init__(self, fd: int, workers: int) -> None:
        self.fd = fd
        self.workers = workers
        self._map = mmap.mmap(fd, SLOT * (1 + workers))
        self._cells = memoryview(self._map).cast("Q")

    @classmethod
    def create(cls, workers: int) -> StateVector:
        """Make a zeroed vector for ``workers`` workers in a new memfd."""
        fd = os.memfd_create("dnsd-state", os.MFD_CLOEXEC)
        os.ftruncate(fd, SLOT * (1 + workers))
        return cls(fd, workers)

    @property
    def control(self) -> memoryview:
        """The cells of :class:`ControlCells`."""
        return self._cells[: SLOT // 8]

    def worker(self, index: int) -> memoryview:
        """The cells of :class:`WorkerCells` for worker ``index`` (from 0)."""
        start = SLOT // 8 * (1 + index)
        return self._cells[start : start + SLOT // 8]

    def counters(self, index: int) -> Counters:
        """The counters of worker ``index``."""
        return self.worker(index)[_HEAD : _HEAD + counters.SIZE]
