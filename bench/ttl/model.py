"""The model beside every measurement: what caches ask, how far chance carries, what is lost.

A cache with demand λ that holds answers for T asks at times T + Exp(λ) apart: a renewal process,
whose rate is :func:`dnsd.failover.price.miss_rate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from dnsd.failover.price import miss_rate

if TYPE_CHECKING:
    from bench.ttl.caches import Cache
    from bench.ttl.demand import Floats

LIMIT = 3.0
"""How many standard deviations count as chance."""


def expected(rates: Floats, holds: float) -> float:
    """Return the questions per second of caches with demand ``rates`` that hold for ``holds``."""
    # The formula is plain arithmetic, so it takes all rates at once as well as one.
    each = cast("Floats", miss_rate(cast("float", rates), holds))
    return float(each.sum())


def variance(rates: Floats, holds: float, seconds: float) -> float:
    """Return the variance of how many questions come in ``seconds``, from no moment in special.

    Cox's expansion for a stationary renewal process: gaps have mean T + 1/λ, variance 1/λ² and
    third central moment 2/λ³. Exact for T = 0 (a Poisson process), and good where ``seconds``
    is at least T.
    """
    busy = 1 + rates * holds
    each = rates * seconds / busy**3 + 1 / 6 + 1 / (2 * busy**4) - 2 / (3 * busy**3)
    return float(np.maximum(each, 0).sum())


def changing(rates: Floats, holds: float, intensity: Floats) -> float:
    """Return the mean of the questions per second when demand is rates × each of ``intensity``."""
    return sum(expected(rates * level, holds) for level in intensity.tolist()) / len(intensity)


def lost(rates: Floats, cache: Cache, ttl: float, outage: float) -> float:
    """Return the share of lookups without an answer while the servers fail for ``outage`` seconds.

    With L, for how long an answer may be given out, a lookup t seconds after the failure is
    answered if the cache has asked in the L - t seconds before the failure. It asks nothing for H
    after it has asked, and then at the next lookup: so it has asked in the last a seconds with the
    probability λa/(1+λH) up to a = H, and (1+λH-exp(-λ(a-H)))/(1+λH) beyond.
    """
    given = cache.lifetime(ttl) + cache.stale_for(ttl)
    each = _asked_within(rates, cache.holds(ttl), given)
    each -= _asked_within(rates, cache.holds(ttl), max(0.0, given - outage))
    return 1 - float(rates @ each) / (outage * float(rates.sum()))


def _asked_within(rates: Floats, holds: float, age: float) -> Floats:
    """Return the integral, from 0 to ``age``, of the probability that it has asked within that."""
    young, old = min(age, holds), max(0.0, age - holds)
    busy = 1 + rates * holds
    found: Floats = (rates * young**2 / 2 + busy * old + np.expm1(-rates * old) / rates) / busy
    return found
