"""How many queries a second there were in the last minutes, for a picture of it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from dnsd.metrics.counters import INDEX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnsd.image.state import StateVector

PERIOD_S = 1.0
MOST = 180
"""Values that are kept."""
_COUNTED = (INDEX["queries_udp"], INDEX["queries_tcp"])


class Traffic:
    """Keeps the rates of the last MOST seconds; ``clock`` is monotonic."""

    def __init__(self, vector: StateVector, clock: Callable[[], float] = time.monotonic) -> None:
        self._vector = vector
        self._clock = clock
        self._rates: deque[float] = deque(maxlen=MOST)
        self._last = clock(), self._total()

    async def run(self) -> None:
        """Count for ever."""
        while True:
            await asyncio.sleep(PERIOD_S)
            self.turn()

    def turn(self) -> None:
        """Count the queries since the last turn."""
        now, total = self._clock(), self._total()
        before, counted = self._last
        # A worker that is replaced begins at 0 only with the node; less than before is never meant.
        self._rates.append(max(0, total - counted) / max(now - before, 1e-3))
        self._last = now, total

    @property
    def rates(self) -> Sequence[float]:
        """Queries a second, the oldest first."""
        return tuple(self._rates)

    def _total(self) -> int:
        workers = (self._vector.counters(index) for index in range(self._vector.workers))
        return sum(cells[index] for cells in workers for index in _COUNTED)
