"""How many queries a second there were in the last minutes, for pictures of it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from dnsd.metrics.counters import INDEX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnsd.image.state import StateVector

PERIOD_S = 1.0
MOST = 180
"""Values that are kept."""
QUERIES = "queries"
_COUNTED = {
    QUERIES: ("queries_udp", "queries_tcp"),
    "UDP": ("queries_udp",),
    "TCP": ("queries_tcp",),
    "withheld (rate limits)": ("limited",),
    "dropped (full queues)": ("drop_receive_queue",),
}
"""The counters whose sum is a line."""

WIDTH, HEIGHT = 600, 56
"""Of a picture, with two units of air above and below."""


class TrafficLine(NamedTuple):
    """A line: its last and its largest value, and its points as SVG has them."""

    name: str
    now: float
    most: float
    points: str


class Traffic:
    """Keeps the rates of the last MOST seconds; ``clock`` is monotonic."""

    def __init__(self, vector: StateVector, clock: Callable[[], float] = time.monotonic) -> None:
        self._vector = vector
        self._clock = clock
        self._rates: dict[str, deque[float]] = {name: deque(maxlen=MOST) for name in _COUNTED}
        self._last = clock(), self._totals()

    async def run(self) -> None:
        """Count for ever."""
        while True:
            await asyncio.sleep(PERIOD_S)
            self.turn()

    def turn(self) -> None:
        """Count what has come since the last turn."""
        now, totals = self._clock(), self._totals()
        before, counted = self._last
        for name, total in totals.items():
            # A replaced worker counts on; less than before is never meant.
            rate = max(0, total - counted[name]) / max(now - before, 1e-3)
            self._rates[name].append(rate)
        self._last = now, totals

    @property
    def rates(self) -> Sequence[float]:
        """Queries a second, the oldest first."""
        return tuple(self._rates[QUERIES])

    @property
    def lines(self) -> dict[str, TrafficLine]:
        """All of it, by name."""
        return {
            name: TrafficLine(
                name, rates[-1] if rates else 0.0, max(rates, default=0.0), sparkline(rates)
            )
            for name, rates in self._rates.items()
        }

    def _totals(self) -> dict[str, int]:
        workers = [self._vector.counters(index) for index in range(self._vector.workers)]
        return {
            name: sum(cells[INDEX[one]] for cells in workers for one in names)
            for name, names in _COUNTED.items()
        }


def sparkline(rates: Sequence[float]) -> str:
    """Return the points of a line through ``rates``, as SVG has them."""
    most = max(rates, default=0.0) or 1.0
    step = WIDTH / max(len(rates) - 1, 1)
    return " ".join(
        f"{number * step:.1f},{2 + HEIGHT * (1 - rate / most):.1f}"
        for number, rate in enumerate(rates)
    )
