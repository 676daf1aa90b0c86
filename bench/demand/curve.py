"""Queries per second at any TTL, from an estimated demand: with a band, and at its peak. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnsd.failover.price import miss_rate

if TYPE_CHECKING:
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
_MOST = 1e6
"""No peak is so many times the mean."""


class Rate(NamedTuple):
    """Queries per second: as estimated, and the ends of the band."""

    mean: float
    low: float
    high: float


class Curve:
    """What the caches of ``demand`` ask; ``peak`` is how much more they are asked at the peak.

    The band comes from resampling the sources (a bootstrap): how much it depends on which caches
    happened to ask, and how often.
    """

    def __init__(self, demand: Demand, peak: float = 1.0, seed: int = 1) -> None:
        self._demand = demand
        self.peak = peak
        groups = min(GROUPS, int(demand.sources.max(initial=0)) + 1)
        self._group = demand.sources % groups
        rng = np.random.default_rng([seed, 4])
        self._weights = rng.poisson(1.0, (SAMPLES, groups)).astype(np.float64)

    def mean(self, ttl: float) -> Rate:
        """Return the queries per second with ``ttl``, in the mean of the log."""
        return self._rate(ttl, 1.0)

    def at_peak(self, ttl: float) -> Rate:
        """Return the same for the hour in which most is asked."""
        return self._rate(ttl, self.peak)

    def _rate(self, ttl: float, level: float) -> Rate:
        each = asked(self._demand, ttl, level)
        groups = self._weights.shape[1]
        sampled = self._weights @ np.bincount(self._group, each, minlength=groups)
        low, high = np.quantile(sampled, BAND)
        return Rate(float(each.sum()), float(low), float(high))


def asked(demand: Demand, ttl: float, level: float = 1.0) -> Floats:
    """Return what each pair asks a second with ``ttl``, with ``level`` times its lookups."""
    found: Floats = demand.caches * miss_rate(demand.rates * level, ttl)  # type: ignore[arg-type]
    return found


def peak(log: Log, demand: Demand) -> float:
    """Return how many times its mean the demand of users is in the hour with most queries.

    Queries grow less than demand where caches hold answers, so the level is found at which the
    caches ask as often as they did. A log of less than two hours shows no peak: 1.
    """
    hours = int(log.seconds // HOUR_S)
    if hours < 2:
        return 1.0
    within = np.floor((log.times - log.begin) / HOUR_S).astype(np.int64)
    most = float(np.bincount(within, minlength=hours)[:hours].max()) / HOUR_S

    def now(level: float) -> float:
        busy = 1 + demand.rates * level * demand.ttls
        return float((demand.caches * demand.rates * level / busy).sum())

    low, high = 1.0, 1.0
    while now(high) < most and high < _MOST:
        low, high = high, high * 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if now(middle) < most else (low, middle)
    return high
