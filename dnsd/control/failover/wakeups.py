"""When to decide on a pool although none of its members was checked: one time for each pool."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from typing import TYPE_CHECKING

from dnsd.process.waiting import wait

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dnsd.control.failover.live import LivePool


class Wakeups:
    """The next time of each pool, on the monotonic clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, LivePool]] = []
        self._time_of: dict[LivePool, float] = {}
        self._number = itertools.count()
        self._sooner = asyncio.Event()

    def put(self, pool: LivePool, at: float | None) -> None:
        """Wake ``pool`` at ``at``, and not when it was to be woken before; None: never."""
        if self._time_of.get(pool) == at:
            return
        if at is None:
            del self._time_of[pool]
            return
        self._time_of[pool] = at
        heapq.heappush(self._heap, (at, next(self._number), pool))
        if self._heap[0][2] is pool:
            self._sooner.set()

    def drop(self, pool: LivePool) -> None:
        """Do not wake ``pool`` any more."""
        self._time_of.pop(pool, None)

    async def due(self) -> AsyncIterator[LivePool]:
        """Yield each pool when its time comes, for ever."""
        while True:
            self._sooner.clear()
            now = time.monotonic()
            while self._heap and self._heap[0][0] <= now:
                at, _, pool = heapq.heappop(self._heap)
                if self._time_of.get(pool) == at:
                    del self._time_of[pool]
                    yield pool
            until = self._heap[0][0] if self._heap else math.inf
            await wait(self._sooner, until - now)
