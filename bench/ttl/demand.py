"""Who asks what how often: shares by Zipf, arrivals at random, steady or with day and night.

A pair is a cache and a name: the unit that a TTL works on. Rates are lookups per second of
users at a cache, times in seconds. Knows nothing of what caches do with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]

DAY_S = 86_400.0
CHUNK = 500_000
"""Arrivals that are held in memory at once."""
_GRID = 2048


def zipf(count: int, skew: float) -> Floats:
    """Return ``count`` shares of one, the largest first; with ``skew`` 0 all are alike."""
    weights = np.arange(1, count + 1, dtype=np.float64) ** -skew
    found: Floats = weights / weights.sum()
    return found


@dataclass(frozen=True, slots=True)
class Population:
    """``caches`` that are asked for ``names``, in all ``rate`` lookups per second.

    The skews are Zipf's exponents: how uneven demand is over caches and over names.
    """

    caches: int
    names: int
    rate: float
    cache_skew: float = 1.0
    name_skew: float = 1.0

    def rates(self) -> Floats:
        """Return the rate of each pair: all names of the first cache, then of the second."""
        caches, names = zipf(self.caches, self.cache_skew), zipf(self.names, self.name_skew)
        found: Floats = self.rate * np.outer(caches, names).ravel()
        return found


@dataclass(frozen=True, slots=True)
class Day:
    """How demand changes: a sine of ``swing`` (0: steady, 1: nothing at night) over DAY_S."""

    swing: float = 0.0

    def intensity(self, when: Floats) -> Floats:
        """Return the demand at times ``when``, as multiples of the mean of a whole day."""
        found: Floats = 1 + self.swing * np.sin(2 * np.pi * when / DAY_S)
        return found

    def mean(self, seconds: float) -> float:
        """Return the mean intensity of the first ``seconds`` of a day."""
        angle = 2 * np.pi * seconds / DAY_S
        return float(1 + self.swing * (1 - np.cos(angle)) / angle)

    def spread(self, uniform: Floats, seconds: float) -> Floats:
        """Return as many times in the first ``seconds``, by demand, as there are in [0, 1)."""
        if not self.swing:
            return uniform * seconds
        times = np.linspace(0, seconds, _GRID)
        angle = 2 * np.pi * times / DAY_S
        sums = times + self.swing * (1 - np.cos(angle)) * DAY_S / (2 * np.pi)
        found: Floats = np.interp(uniform, sums / sums[-1], times)
        return found


class Arrivals(NamedTuple):
    """When users look up: ``times`` of one pair after the other, each in order.

    ``pairs`` says whose each time is, by index into the rates; it never decreases.
    """

    pairs: Indices
    times: Floats


def arrivals(
    rates: Floats, seconds: float, day: Day, rng: np.random.Generator
) -> Iterator[Arrivals]:
    """Yield what arrives in ``seconds`` at pairs with ``rates``, some pairs at a time."""
    expected = rates * seconds * day.mean(seconds)
    parts = np.floor(np.cumsum(expected) / CHUNK).astype(np.int64)
    for part in range(int(parts[-1]) + 1):
        chosen = np.flatnonzero(parts == part)
        if not chosen.size:
            continue
        counts = rng.poisson(expected[chosen])
        # Whole part: the pair, fraction: where in its time. So one sort does for all.
        keys = np.repeat(np.arange(chosen.size), counts) + rng.random(int(counts.sum()))
        keys.sort()
        whole = np.floor(keys)
        pairs = chosen[whole.astype(np.int64)]
        yield Arrivals(pairs, day.spread(keys - whole, seconds))
