"""How good the comparison is: caches that are wrong on purpose, and how many of them it rejects.

That measured counts agree with a cache says little if they would agree with others as well. So
each comparison is made once more with caches that nobody has. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING

from bench.ttl.caches import Clock
from bench.ttl.model import LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.ttl.caches import Cache

NEAR = 0.01
"""Within this share a cache's count is as good as the real one's: timers are late by ms."""
FEW = 3
"""Or within so many questions: those that straddle an end of the window."""


def _held(factor: float) -> Callable[[Cache], Cache]:
    return lambda cache: replace(cache, factor=factor)


def _clock(cache: Cache) -> Cache:
    other = Clock.EARLIER if cache.clock is Clock.LATER else Clock.LATER
    return replace(cache, clock=other)


WRONG: Mapping[str, Callable[[Cache], Cache]] = {
    **{
        f"holds for {factor:g} T": _held(factor)
        for factor in (0.5, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25, 2.0)
    },
    "holds nothing": _held(0.0),
    "holds nothing for less than 5 s": lambda cache: replace(cache, floor=cache.floor + 5),
    "asks again in the last fifth": lambda cache: replace(cache, prefetch=0.2),
    "asks again in the last second": lambda cache: replace(cache, ahead=1.0, ahead_from=0.0),
    "ends its seconds at the other end": _clock,
}
"""Caches that are wrong, each in one way."""


def agrees(asks: float, found: float) -> bool:
    """Return whether a cache's count of questions is as good as the one that was measured."""
    return abs(asks - found) <= max(FEW, NEAR * asks)


def rejected(expected: float, wrong: float, sigma: float) -> float:
    """Return the probability that LIMIT σ reject what asks ``wrong`` where the model expects.

    ``sigma`` is that of the mean of the repeats.
    """
    shift, normal = abs(wrong - expected) / sigma, NormalDist()
    return normal.cdf(shift - LIMIT) + normal.cdf(-shift - LIMIT)
