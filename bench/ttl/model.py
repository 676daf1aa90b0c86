"""The model beside every measurement: expected questions of caches, and how far chance carries.

A cache with demand λ that holds answers for T asks at times T + Exp(λ) apart: a renewal process,
whose rate is :func:`dnsd.failover.price.miss_rate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from dnsd.failover.price import miss_rate

if TYPE_CHECKING:
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


def holding(rates: Floats, rate: float) -> float:
    """Return the T at which caches with demand ``rates`` ask at ``rate`` in all.

    0.0 where they ask oftener than all their users do.
    """
    if rate >= expected(rates, 0.0):
        return 0.0
    low, high = 0.0, 1.0
    while expected(rates, high) > rate and high < 1e9:
        low, high = high, high * 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(rates, middle) > rate else (low, middle)
    return (low + high) / 2


def changing(rates: Floats, holds: float, intensity: Floats) -> float:
    """Return the mean of the questions per second when demand is rates × each of ``intensity``."""
    return sum(expected(rates * level, holds) for level in intensity.tolist()) / len(intensity)
