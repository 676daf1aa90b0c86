"""How often each pool is asked for: workers count, and their counts are read every few seconds.

A pool keeps its count over edits of its zone, whatever cells it has, for as long as it is there.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from dnsd.failover.rate import rate_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.control.failover.live import Placement, PoolKey
    from dnsd.control.failover.table import Table
    from dnsd.failover.rate import Rate
    from dnsd.image.state import StateVector

STEP_S = 10.0
"""Seconds between two looks at the counts."""
STEPS = 60
"""So many steps are kept, the latest ones: ten minutes."""
_TURN = 1 << 32
"""Counts begin again at 0 behind this."""


class RateStep(NamedTuple):
    """Queries of one step that lasted ``seconds``, by pool."""

    seconds: float
    queries: dict[PoolKey, int]


class PoolRates:
    """Counts the queries for the pools of ``table`` that the workers of ``vector`` get."""

    def __init__(self, table: Table, vector: StateVector) -> None:
        self._table = table
        self._counts = [vector.counts(index) for index in range(vector.workers)]
        self._last: dict[int, tuple[PoolKey, list[int]]] = {}
        self._since: dict[PoolKey, int] = {}
        """The step from which on each pool is counted."""
        self._number = 0
        self._at: float | None = None
        self.steps: deque[RateStep] = deque(maxlen=STEPS)
        self.totals: dict[PoolKey, int] = {}
        """Queries of each pool since it is counted."""

    async def run(self) -> None:
        """Count for ever."""
        while True:
            self.look(time.monotonic())
            await asyncio.sleep(STEP_S)

    def look(self, now: float) -> None:
        """Take in what workers have counted since the last look."""
        before, last = self._at, self._last
        found = self._read()
        self._at, self._last = now, found
        asked: dict[PoolKey, int] = {}
        if before is not None and now > before:
            asked = _asked(last, found)
            self._number += 1
            self.steps.append(RateStep(now - before, asked))
        keys = {key for key, _ in found.values()}
        self.totals = {key: self.totals.get(key, 0) + asked.get(key, 0) for key in keys}
        self._since = {key: self._since.get(key, self._number) for key in keys}

    def _read(self) -> dict[int, tuple[PoolKey, list[int]]]:
        placements: Iterable[tuple[PoolKey, Placement]] = self._table.placements()
        return {
            one.first: (key, [counts[one.first] for counts in self._counts])
            for key, one in placements
        }

    def rate(self, key: PoolKey) -> Rate | None:
        """Return how often ``key`` is asked for; None if that was not counted yet."""
        if key not in self._since:
            return None
        counted = min(len(self.steps), self._number - self._since[key])
        steps = list(self.steps)[len(self.steps) - counted :]
        if not steps:
            return None
        step = sum(one.seconds for one in steps) / len(steps)
        return rate_of([one.queries.get(key, 0) for one in steps], step)


def _asked(
    last: dict[int, tuple[PoolKey, list[int]]], found: dict[int, tuple[PoolKey, list[int]]]
) -> dict[PoolKey, int]:
    """Return the queries between two looks, by pool; cells that were another pool's begin again."""
    asked: dict[PoolKey, int] = {}
    for first, (key, counts) in found.items():
        key_before, before = last.get(first, (None, counts))
        if key_before == key:
            queries = sum((new - old) % _TURN for new, old in zip(counts, before, strict=True))
            asked[key] = asked.get(key, 0) + queries
    return asked
