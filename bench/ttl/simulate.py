"""Thousands of caches, simulated: what they ask the authoritative servers in some hours. Pure.

Caches are in their stationary state when the time begins: each holds a name with the probability
that it would hold it at any moment, of an age that is as probable. Hours cost seconds, because
nothing waits: time is compressed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.ttl import model
from bench.ttl.caches import walk
from bench.ttl.demand import Arrivals, arrivals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.ttl.caches import Cache
    from bench.ttl.demand import Floats, Population
    from bench.ttl.profiles import Profile

PARTS = 96
"""Into how many parts of steady demand a changing one is divided."""


@dataclass(slots=True)
class Counts:
    """What a simulation of ``seconds`` has counted, beside what the model expects.

    ``waited``: lookups whose user waited for the authoritative server; ``stale``: those that got
    an answer older than its TTL. ``expected`` is the model's, for each part of a changing demand.
    """

    seconds: float
    lookups: int = 0
    asks: int = 0
    waited: int = 0
    stale: int = 0
    expected: float = 0.0
    variance: float = 0.0


def simulate(
    population: Population,
    profile: Profile,
    ttl: float,
    seconds: float,
    seed: Sequence[int],
) -> Counts:
    """Have ``population`` look up for ``seconds``."""
    rng = np.random.default_rng([*seed, 0])
    rates = population.rates().reshape(population.caches, -1)
    found = Counts(seconds)
    for cache, members in profile.kinds(population.caches, rng):
        theirs = rates[members].ravel()
        _expect(found, theirs, cache.holds(ttl), profile)
        for lookups in arrivals(theirs, seconds, profile.day, rng):
            _meet(found, lookups, theirs, cache, ttl, rng)
    return found


def outage(
    population: Population, profile: Profile, ttl: float, seconds: float, seed: Sequence[int]
) -> tuple[int, int]:
    """Return the lookups while the server fails for ``seconds``, and those without an answer.

    As long before, the caches do as ever: what they hold when it fails is what they have asked.
    """
    rng = np.random.default_rng([*seed, 1])
    rates = population.rates().reshape(population.caches, -1)
    lookups, failed = 0, 0
    for cache, members in profile.kinds(population.caches, rng):
        theirs = rates[members].ravel()
        given = cache.lifetime(ttl) + cache.stale_for(ttl)
        for some in arrivals(theirs, 2 * seconds, profile.day, rng):
            last = _last(some, theirs, cache, ttl, seconds, rng)
            during = some.times >= seconds
            lookups += int(np.count_nonzero(during))
            failed += int(np.count_nonzero(during & (some.times >= last + given)))
    return lookups, failed


def _last(
    found: Arrivals, rates: Floats, cache: Cache, ttl: float, end: float, rng: np.random.Generator
) -> Floats:
    """Return, for each lookup, when its pair's cache has asked last before ``end``."""
    firsts = _firsts(found)
    place = np.cumsum(firsts) - 1
    last = stationary(rates[found.pairs[firsts]], cache.holds(ttl), rng)
    free = (found.times >= (last + cache.holds(ttl))[place]) & (found.times < end)
    left = Arrivals(found.pairs[free], found.times[free])
    asks = walk(left, cache.again(left.times, ttl))
    np.maximum.at(last, place[free][asks], left.times[asks])
    each: Floats = last[place]
    return each


def _expect(counts: Counts, rates: Floats, holds: float, profile: Profile) -> None:
    """Add what the model expects of caches with ``rates``, for each part of the day by itself."""
    mean = profile.day.mean(counts.seconds)
    counts.variance += model.variance(rates * mean, holds, counts.seconds)
    parts = PARTS if profile.day.swing else 1
    middles = (np.arange(parts) + 0.5) * counts.seconds / parts
    counts.expected += model.changing(rates, holds, profile.day.intensity(middles))


def _meet(
    counts: Counts,
    lookups: Arrivals,
    rates: Floats,
    cache: Cache,
    ttl: float,
    rng: np.random.Generator,
) -> None:
    """Have ``lookups`` meet caches of one kind, and count."""
    counts.lookups += lookups.times.size
    firsts = _firsts(lookups)
    places = np.cumsum(firsts) - 1
    before = stationary(rates[lookups.pairs[firsts]], cache.holds(ttl), rng)
    fresh = lookups.times >= (before + cache.holds(ttl))[places]
    left = Arrivals(lookups.pairs[fresh], lookups.times[fresh])
    asks = walk(left, cache.again(left.times, ttl))
    asked = Arrivals(left.pairs[asks], left.times[asks])
    counts.asks += asks.size
    _waits(counts, asked, before[places[fresh][asks]], cache, ttl)


def stationary(rates: Floats, holds: float, rng: np.random.Generator) -> Floats:
    """Return when each pair's cache has asked last, at a moment that is no special one (0).

    It holds the answer with probability λT/(1+λT), of an age that is even over T; otherwise it
    has been empty for as long as lookups are apart.
    """
    holding = rng.random(rates.size) < rates * holds / (1 + rates * holds)
    full = rng.random(rates.size) * holds
    empty = holds + rng.exponential(1 / rates)
    found: Floats = -np.where(holding, full, empty)
    return found


def _waits(counts: Counts, asked: Arrivals, before: Floats, cache: Cache, ttl: float) -> None:
    """Count whose users waited and whose got an old answer, by the time since the last ask."""
    last = np.where(_firsts(asked), before, np.roll(asked.times, 1))
    age, life = asked.times - last, cache.lifetime(ttl)
    end = life + cache.stale_for(ttl)
    counts.waited += int(np.count_nonzero(age > end))
    counts.stale += int(np.count_nonzero((age > life) & (age <= end)))


def _firsts(found: Arrivals) -> NDArray[np.bool_]:
    """Return which of ``found`` are the first of their pair."""
    first = np.ones(found.times.size, dtype=bool)
    first[1:] = found.pairs[1:] != found.pairs[:-1]
    return first
