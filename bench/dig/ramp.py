"""The largest rate that a server answers within limits: doubled until it fails, then bisected."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from bench.dig.study import Step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench.dig.study import Times

NEAR = 1.05
"""The search ends when the bounds are so near to each other."""
LEAST, MOST = 10.0, 200_000.0
BEHIND = 0.95
"""Share of the rate below which the asker could not ask as fast as it should."""


class Limits(NamedTuple):
    """What is to be kept: p99 below so many ms, a smaller share lost."""

    p99: float
    loss: float

    def verdict(self, times: Times) -> str:
        """Judge; a rate at which the asker is late says nothing of the server."""
        if times.p99 is not None and times.p99 < self.p99 and times.loss < self.loss:
            return "kept" if times.asked_rate >= BEHIND * times.wanted else "asker"
        is_late = times.late > self.p99 / 2 or times.asked_rate < BEHIND * times.wanted
        return "asker" if is_late else "missed"


async def ramp(
    ask: Callable[[float], Awaitable[Times]], first: float, limits: Limits
) -> list[Step]:
    """Return the steps of a search that begins at ``first`` queries a second."""
    steps: list[Step] = []
    low, high, rate = 0.0, math.inf, min(max(first, LEAST), MOST)
    while True:
        times = await ask(rate)
        verdict = limits.verdict(times)
        steps.append(Step(times.way, rate, times.asked_rate, times.p99, times.loss, verdict))
        if verdict == "kept":
            low = rate
        else:
            high = rate
        if high <= NEAR * low or high <= LEAST or low >= MOST:
            return steps
        rate = _next(low, high)


def _next(low: float, high: float) -> float:
    if not low:
        return max(high / 2, LEAST)
    return min(2 * low, MOST) if high == math.inf else math.sqrt(low * high)
