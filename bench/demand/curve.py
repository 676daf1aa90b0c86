"""Queries per second at any TTL, from an estimated demand: with a band, and at its peak. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.demand.daily import Course, asked
from dnsd.failover.price import Forecast

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.demand.estimate import Demand
    from bench.ttl.demand import Floats

SAMPLES = 400
"""Resamplings of the bootstrap."""
BAND = (0.025, 0.975)
"""The quantiles of the band."""
GROUPS = 4096
"""Sources are resampled in so many groups at most: more change nothing and cost memory."""


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
