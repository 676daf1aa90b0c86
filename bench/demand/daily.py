"""The course of the day: how demand changes from hour to hour, and what that hides. Pure.

Queries grow less than demand where caches hold answers, so that level of demand is found for each
hour at which the caches ask as often as they did. A cache that is busy all day asks hardly more in
the busiest hour; taken as if its demand were even, it would seem to be asked less than it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnsd.failover.price import miss_rate

if TYPE_CHECKING:
    from bench.demand.estimate import Demand
    from bench.demand.log import Log
    from bench.ttl.demand import Floats

HOUR_S = 3600.0
LEAST = 400
"""Queries that each part of the course must have in the mean: then chance alone makes no more than
a tenth of the busiest one."""
LEVELS = 12
"""Levels of demand that a course is made simple to."""
ROUNDS = 3
"""So often rates and course are told from each other; more change nothing."""
_HALVINGS = 40
_MOST = 1e6
"""No peak is so many times the mean."""
_FURTHEST = 4.0
"""A rate is found at most so many times further up or down than with an even demand."""


class Course(NamedTuple):
    """How demand changes in the course of a log: multiples of the estimated rates.

    ``levels`` hold for equal parts of the time; ``peak`` is that of the busiest one.
    """

    levels: tuple[float, ...] = (1.0,)
    peak: float = 1.0


def daily(log: Log, demand: Demand) -> tuple[Demand, Course]:
    """Return ``demand`` with the rates that it has if it follows a course, and that course.

    A log of less than two parts shows none, and its rates stay.
    """
    rates = _rates(log)
    if rates.size < 2:
        return demand, Course()
    found = demand
    for _ in range(ROUNDS):
        course = _course(rates, found)
        found = _followed(demand, course)
    return found, _course(rates, found)


def _rates(log: Log) -> Floats:
    """Return the queries per second in equal parts of the log, the smallest first."""
    part = max(HOUR_S, LEAST * log.seconds / max(1, log.times.size))
    parts = int(log.seconds // part)
    within = np.floor((log.times - log.begin) / part).astype(np.int64)
    found: Floats = np.sort(np.bincount(within, minlength=parts)[:parts] / part)
    return found


def _course(rates: Floats, demand: Demand) -> Course:
    some = np.array_split(rates, min(LEVELS, rates.size))
    levels = [_level(demand, float(each.mean())) for each in some]
    spread = np.repeat(levels, [each.size for each in some])
    if spread.size > 2 * LEVELS:
        spread = np.quantile(spread, (np.arange(2 * LEVELS) + 0.5) / (2 * LEVELS))
    return Course(tuple(spread.tolist()), _level(demand, float(rates[-1])))


def _level(demand: Demand, rate: float) -> float:
    """Return how many times its demand makes all caches ask ``rate`` queries a second."""

    def now(level: float) -> float:
        return float(asked(demand, demand.ttls, level).sum())

    low, high = 0.0, 1.0
    while now(high) < rate and high < _MOST:
        low, high = high, high * 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if now(middle) < rate else (low, middle)
    return high


def _followed(demand: Demand, course: Course) -> Demand:
    """Return ``demand`` with rates that make each pair ask as often as with an even demand."""
    levels, counts = np.unique(course.levels, return_counts=True)
    wanted = asked(demand, demand.ttls)
    low, high = demand.rates / _FURTHEST, demand.rates * _FURTHEST
    for _ in range(_HALVINGS):
        middle = demand._replace(rates=np.sqrt(low * high))
        each = [asked(middle, demand.ttls, level) for level in levels.tolist()]
        short = np.average(each, axis=0, weights=counts) < wanted
        low, high = np.where(short, middle.rates, low), np.where(short, high, middle.rates)
    return demand._replace(rates=high)


def asked(demand: Demand, ttl: float | Floats, level: float = 1.0) -> Floats:
    """Return what each pair asks a second with ``ttl``, with ``level`` times its lookups."""
    found: Floats = demand.caches * miss_rate(demand.rates * level, ttl)  # type: ignore[arg-type]
    return found
