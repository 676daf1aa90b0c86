"""Thousands of caches, simulated: what they ask the authoritative servers in some hours. Pure.

Caches are in their stationary state when the time begins: each holds a name with the probability
that it would hold it at any moment, of an age that is as probable. Hours cost seconds, because
nothing waits: time is compressed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.ttl import model
from bench.ttl.caches import walk
from bench.ttl.demand import Arrivals, arrivals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.ttl.caches import Cache
    from bench.ttl.demand import Floats, Population
    from bench.ttl.profiles import Profile

PARTS = 96
"""Into how many parts of steady demand a changing one is divided."""


class Question(NamedTuple):
    """What the authoritative server is asked: when, and for which of the names."""

    when: float
    name: int


@dataclass(slots=True)
class Counts:
    """What a simulation of ``seconds`` has counted, beside what the model expects.

    ``waited``: lookups whose user waited for the authoritative server; ``stale``: those that got
    an answer older than its TTL. ``finer``: the model, applied to each part of a changing demand.
    ``questions``: those of the first ``sliced`` seconds.
    """

    seconds: float
    lookups: int = 0
    asks: int = 0
    waited: int = 0
    stale: int = 0
    expected: float = 0.0
    variance: float = 0.0
    finer: float = 0.0
    questions: list[Question] = field(default_factory=list)


def simulate(
    population: Population,
    profile: Profile,
    ttls: list[float],
    seconds: float,
    seed: int,
    sliced: float = 0.0,
) -> dict[float, Counts]:
    """Have ``population`` look up for ``seconds``; the same lookups meet each of ``ttls``."""
    arriving, filling = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    rates = population.rates().reshape(population.caches, -1)
    found = {ttl: Counts(seconds) for ttl in ttls}
    for cache, members in profile.kinds(population.caches, arriving):
        theirs = rates[members].ravel()
        for ttl in ttls:
            _expect(found[ttl], theirs, cache.holds(ttl), profile)
        for lookups in arrivals(theirs, seconds, profile.day, arriving):
            for ttl in ttls:
                asked = _meet(found[ttl], lookups, theirs, cache, ttl, filling)
                early = asked.times < sliced
                when = asked.times[early].tolist()
                names = (asked.pairs[early] % population.names).tolist()
                found[ttl].questions += map(Question, when, names)
    return found


def _expect(counts: Counts, rates: Floats, holds: float, profile: Profile) -> None:
    """Add what the model expects of caches with ``rates``, with the day's mean and by the hour."""
    mean = profile.day.mean(counts.seconds)
    expected = model.expected(rates * mean, holds)
    counts.expected += expected
    counts.variance += model.variance(rates * mean, holds, counts.seconds)
    if not profile.day.swing:
        counts.finer += expected
        return
    middles = (np.arange(PARTS) + 0.5) * counts.seconds / PARTS
    counts.finer += model.changing(rates, holds, profile.day.intensity(middles))


def _meet(
    counts: Counts,
    lookups: Arrivals,
    rates: Floats,
    cache: Cache,
    ttl: float,
    rng: np.random.Generator,
) -> Arrivals:
    """Have ``lookups`` meet caches of one kind; count; return those that made a cache ask."""
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
    return asked


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
