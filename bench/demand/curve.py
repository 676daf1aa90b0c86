"""Queries per second at any TTL, from an estimated demand: with a band, and at its peak. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnsd.failover.price import Forecast, miss_rate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.demand.estimate import Demand
    from bench.demand.log import Log
    from bench.ttl.demand import Floats

SAMPLES = 400
"""Resamplings of the bootstrap."""
BAND = (0.025, 0.975)
"""The quantiles of the band."""
GROUPS = 4096
"""Sources are resampled in so many groups at most: more change nothing and cost memory."""
HOUR_S = 3600.0
LEAST = 400
"""Queries that each part of the course must have in the mean: then chance alone makes no more than
a tenth of the busiest one."""
LEVELS = 12
"""Levels of demand that a course is made simple to."""
_MOST = 1e6
"""No peak is so many times the mean."""


class Course(NamedTuple):
    """How demand changes in the course of a log: multiples of the estimated rates.

    ``levels`` hold for equal parts of the time; ``peak`` is that of the busiest one.
    """

    levels: tuple[float, ...] = (1.0,)
    peak: float = 1.0


class Curve:
    """What the caches of ``demand`` ask, if the entries of ``moved`` pairs have the TTL asked for.

    All others keep theirs, with the queries that were seen. The band comes from resampling the
    sources (a bootstrap): how much it depends on which caches happened to ask, and how often.
    """

    def __init__(
        self,
        demand: Demand,
        course: Course | None = None,
        moved: NDArray[np.bool_] | None = None,
        seed: int = 1,
    ) -> None:
        self.course = course or Course()
        self._moved = np.ones(demand.rates.size, dtype=bool) if moved is None else moved
        self._demand = demand
        groups = min(GROUPS, int(demand.sources.max(initial=0)) + 1)
        self._group = demand.sources % groups
        rng = np.random.default_rng([seed, 4])
        self._weights = rng.poisson(1.0, (SAMPLES, groups)).astype(np.float64)
        self._known: dict[tuple[float, tuple[float, ...]], Forecast] = {}

    def mean(self, ttl: float) -> Forecast:
        """Return the queries per second with ``ttl``, in the mean of the log."""
        return self._rate(ttl, self.course.levels)

    def at_peak(self, ttl: float) -> Forecast:
        """Return the same for the hour in which most is asked."""
        return self._rate(ttl, (self.course.peak,))

    def _rate(self, ttl: float, levels: tuple[float, ...]) -> Forecast:
        if (ttl, levels) not in self._known:
            self._known[ttl, levels] = self._banded(self._asked(ttl, levels))
        return self._known[ttl, levels]

    def _asked(self, ttl: float, levels: tuple[float, ...]) -> Floats:
        demand = self._demand
        ttls = np.where(self._moved, ttl, demand.ttls)
        each: Floats = np.mean([asked(demand, ttls, level) for level in levels], axis=0)
        if not self._moved.all():
            # What was seen at a TTL needs no model but for the part of the day.
            usual = np.mean([asked(demand, ttls, level) for level in self.course.levels], axis=0)
            seen = demand.asks * each / usual
            each = np.where(self._moved, each, seen)
        return each

    def _banded(self, each: Floats) -> Forecast:
        groups = self._weights.shape[1]
        sampled = self._weights @ np.bincount(self._group, each, minlength=groups)
        low, high = np.quantile(sampled, BAND)
        return Forecast(float(low), float(each.sum()), float(high))


def asked(demand: Demand, ttl: float | Floats, level: float = 1.0) -> Floats:
    """Return what each pair asks a second with ``ttl``, with ``level`` times its lookups."""
    found: Floats = demand.caches * miss_rate(demand.rates * level, ttl)  # type: ignore[arg-type]
    return found


def course(log: Log, demand: Demand) -> Course:
    """Return how the demand of users changes from hour to hour, or in longer parts of few queries.

    Queries grow less than demand where caches hold answers, so that level is found for each part
    at which the caches ask as often as they did. A log of less than two parts shows none.
    """
    part = max(HOUR_S, LEAST * log.seconds / max(1, log.times.size))
    parts = int(log.seconds // part)
    if parts < 2:
        return Course()
    within = np.floor((log.times - log.begin) / part).astype(np.int64)
    rates = np.sort(np.bincount(within, minlength=parts)[:parts] / part)
    some = [float(each.mean()) for each in np.array_split(rates, min(LEVELS, parts))]
    weights = [each.size for each in np.array_split(rates, min(LEVELS, parts))]
    levels = [_level(demand, rate) for rate in some]
    even = len(set(weights)) == 1
    spread = levels if even else [x for x, n in zip(levels, weights, strict=True) for _ in range(n)]
    return Course(tuple(spread), _level(demand, float(rates[-1])))


def _level(demand: Demand, rate: float) -> float:
    """Return how many times its demand makes all caches ask ``rate`` queries a second."""

    def now(level: float) -> float:
        return float(asked(demand, demand.ttls, level).sum())

    low, high = 0.0, 1.0
    while now(high) < rate and high < _MOST:
        low, high = high, high * 2
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if now(middle) < rate else (low, middle)
    return high
