"""How often a worker's seat has got another process: the master replaces who ends or hangs.

Seen from the state vector, so a successor of control begins to count again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.image.state import WorkerCells

if TYPE_CHECKING:
    from dnsd.image.state import StateVector


class Replacements:
    """Counts by worker; ``look`` often enough to see each process."""

    def __init__(self, vector: StateVector) -> None:
        self._vector = vector
        self._pids: dict[int, int] = {}
        self.counts: dict[int, int] = {}

    def look(self) -> None:
        """Take in who has the seats now."""
        for index in self._vector.serving:
            pid = self._vector.worker(index)[WorkerCells.PID]
            if not pid:
                continue
            if self._pids.get(index, pid) != pid:
                self.counts[index] = self.counts.get(index, 0) + 1
            self._pids[index] = pid
