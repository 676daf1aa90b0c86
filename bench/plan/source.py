"""Where the demand that a plan is made for is known from. Pure.

Either caches and their demand are known one by one, or only a rate of queries at one TTL is; a
price is then between two bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from bench.demand.summary import groups
from bench.study.errors import StudyError
from bench.ttl import model
from bench.ttl.demand import DAY_S, Day, Population
from dnsd.failover.price import SATURATED, Forecast, Live, forecast
from dnsd.ttladvice.advice import mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.ttl.demand import Floats
    from bench.ttl.results import TtlStudy
    from dnsd.ttladvice.demand import Caches, DemandFile, RRsetDemand


MISSED = 0.1
"""A model that is further from what was measured is not relied on."""
HOURS = 24


class Measured(NamedTuple):
    """A rate that was measured: queries per second at a TTL."""

    ttl: float
    rate: float


class Source(Protocol):
    """Says what a TTL costs, and where it knows that from."""

    @property
    def words(self) -> str:
        """What is known, for a report."""
        ...

    @property
    def measured(self) -> list[Measured]:
        """What has been measured."""
        ...

    @property
    def users(self) -> tuple[Caches, ...]:
        """The caches that ask; none if they are unknown."""
        ...

    def price(self, ttl: float) -> Forecast:
        """Return the queries per second with ``ttl`` in the mean."""
        ...

    def at_peak(self, ttl: float) -> Forecast:
        """Return the same for the busiest hour of the day."""
        ...


@dataclass(frozen=True)
class Known:
    """Caches and their demand are known: the model gives one figure; ``rates`` are of pairs.

    ``levels`` are the demand of each hour of a day, as multiples.
    """

    rates: Floats
    words: str
    measured: list[Measured]
    levels: tuple[float, ...] = (1.0,)

    @cached_property
    def users(self) -> tuple[Caches, ...]:
        """The caches, in groups."""
        return groups(self.rates)

    def price(self, ttl: float) -> Forecast:
        """Return the model's figure, three times."""
        levels, counts = np.unique(np.round(self.levels, 9), return_counts=True)
        each = [model.expected(self.rates * level, ttl) for level in levels]
        rate = float(np.average(each, weights=counts))
        return Forecast(rate, rate, rate)

    def at_peak(self, ttl: float) -> Forecast:
        """Return the model's figure for the busiest hour."""
        rate = model.expected(self.rates * max(self.levels), ttl)
        return Forecast(rate, rate, rate)


@dataclass(frozen=True)
class Seen:
    """Only a rate at a TTL is known; ``likely`` are demands of pairs that would ask so.

    Of the course of the day it says nothing: the peak is what is known.
    """

    live: Live
    words: str
    likely: Floats | None

    @property
    def measured(self) -> list[Measured]:
        """The rate that is known."""
        return [Measured(self.live.ttl, self.live.rate)]

    @cached_property
    def users(self) -> tuple[Caches, ...]:
        """The caches that are likely, in groups."""
        return () if self.likely is None else groups(self.likely)

    def price(self, ttl: float) -> Forecast:
        """Return the bounds, and what is likely if it is known of how many caches."""
        if self.likely is None:
            return forecast(self.live, ttl)
        bounds = forecast(self.live._replace(caches=self.likely.size), ttl)
        rate = model.expected(self.likely, ttl)
        return Forecast(bounds.least, min(max(rate, bounds.least), bounds.most), bounds.most)

    def at_peak(self, ttl: float) -> Forecast:
        """Return the same: no other hour is known."""
        return self.price(ttl)


def day(swing: float) -> tuple[float, ...]:
    """Return the levels of demand in the hours of a day that swings by so much."""
    middles = (np.arange(HOURS) + 0.5) * DAY_S / HOURS
    return tuple(Day(swing).intensity(middles).tolist()) if swing else (1.0,)


def like(live: Live, caches: int, names: int) -> Floats | None:
    """Return the demand of so many pairs that ask as ``live`` says; None if they cannot.

    Shares of caches and of names follow Zipf's law, as they do where they have been counted. That
    all were alike is an extreme, at which a TTL would save more than it does.
    """
    if live.rate * live.ttl >= SATURATED * caches * names:
        return None
    shares = Population(caches, names, 1.0).rates()
    low, high = live.rate, 2 * live.rate
    while model.expected(shares * high, live.ttl) < live.rate:
        low, high = high, high * 2
    for _ in range(60):
        middle = (low + high) / 2
        short = model.expected(shares * middle, live.ttl) < live.rate
        low, high = (middle, high) if short else (low, middle)
    return shares * high


def of_study(study: TtlStudy, population: Population, name: str, swing: float = 0.0) -> Known:
    """Return the source that ``bench ttl`` has left in the file ``name``.

    ``population`` is that of the study, perhaps with other demand; what was measured only holds
    if it is the same.
    """
    measured = [Measured(dot.ttl, dot.rate) for dot in study.dots() if not dot.real]
    same = study.population is not None and population.rate == study.population.rate
    words = f"the population of {name}" + ("" if same else f" with {population.rate:g} lookups/s")
    found = Known(population.rates(), words + _day(swing), measured if same else [], day(swing))
    for point in found.measured:
        expected = model.expected(found.rates, point.ttl)
        if abs(point.rate / expected - 1) > MISSED:
            raise StudyError(
                f"{name} has {point.rate:.4g} queries/s at a TTL of {point.ttl:g} s, where the"
                f" model of its population expects {expected:.4g}: no plan can be made from it"
            )
    return found


def of_lookups(population: Population, swing: float) -> Known:
    """Return a demand that is only thought of."""
    words = (
        f"{population.rate:g} lookups/s at {population.caches:,} caches for"
        f" {population.names:,} names, by Zipf{_day(swing)}"
    )
    return Known(population.rates(), words, [], day(swing))


def _day(swing: float) -> str:
    return f", which swing by ±{swing:.0%} over a day" if swing else ""


class Told(NamedTuple):
    """A demand file: what is asked if its ``moved`` RRsets get another TTL, and the rest does not.

    ``seen``: queries per second of each RRset with its own TTL.
    """

    summary: DemandFile
    moved: tuple[RRsetDemand, ...]
    rest: tuple[RRsetDemand, ...]

    @property
    def words(self) -> str:
        """What the file says of itself."""
        return self.summary.words

    @property
    def measured(self) -> list[Measured]:
        """Nothing but the demand is known."""
        return []

    @property
    def users(self) -> tuple[Caches, ...]:
        """The caches that look the moved RRsets up."""
        return tuple(group for one in self.moved for group in one.caches)

    @property
    def seen(self) -> dict[tuple[str, str], float]:
        """Queries per second by name and type."""
        return {(one.name, one.type): mean(one.price(one.ttl)) for one in self.summary.rrsets}

    def price(self, ttl: float) -> Forecast:
        """Return the queries per second with ``ttl`` in the mean."""
        moved = [one.price(ttl) for one in self.moved]
        return _sum([*moved, *(one.price(one.ttl) for one in self.rest)])

    def at_peak(self, ttl: float) -> Forecast:
        """Return the same for the busiest hour."""
        moved = [one.at_peak(ttl) for one in self.moved]
        return _sum([*moved, *(one.at_peak(one.ttl) for one in self.rest)])


def _sum(prices: list[Forecast]) -> Forecast:
    """Return the sum of independent prices: squares of their intervals' halves are added."""
    total = sum(map(mean, prices))
    below = math.hypot(*(mean(one) - one.least for one in prices))
    above = math.hypot(*(one.most - mean(one) for one in prices))
    return Forecast(max(0.0, total - below), total, total + above)


def of_summary(summary: DemandFile, chosen: NDArray[np.bool_] | None) -> Told:
    """Return the demand of a demand file, of which ``chosen`` RRsets get another TTL; None: all."""
    moves = [True] * len(summary.rrsets) if chosen is None else chosen.tolist()
    pairs = list(zip(summary.rrsets, moves, strict=True))
    moved = tuple(one for one, moves in pairs if moves)
    if not moved:
        raise StudyError(f"no demand is known: {summary.words}")
    return Told(summary, moved, tuple(one for one, moves in pairs if not moves))
