"""Where the demand that a plan is made for is known from. Pure.

Either caches and their demand are known one by one, or only a rate of queries at one TTL is; a
price is then between two bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from bench.study.errors import StudyError
from bench.ttl import model
from bench.ttl.demand import Population
from dnsd.failover.price import SATURATED, Forecast, Live, forecast

if TYPE_CHECKING:
    from bench.ttl.demand import Floats
    from bench.ttl.results import TtlStudy


MISSED = 0.1
"""A model that is further from what was measured is not relied on."""


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

    def price(self, ttl: float) -> Forecast:
        """Return the queries per second with ``ttl``."""
        ...


class Known(NamedTuple):
    """Caches and their demand are known: the model gives one figure; ``rates`` are of pairs."""

    rates: Floats
    words: str
    measured: list[Measured]

    def price(self, ttl: float) -> Forecast:
        """Return the model's figure, three times."""
        rate = model.expected(self.rates, ttl)
        return Forecast(rate, rate, rate)


class Seen(NamedTuple):
    """Only a rate at a TTL is known; ``likely`` are demands of pairs that would ask so."""

    live: Live
    words: str
    likely: Floats | None

    @property
    def measured(self) -> list[Measured]:
        """The rate that is known."""
        return [Measured(self.live.ttl, self.live.rate)]

    def price(self, ttl: float) -> Forecast:
        """Return the bounds, and what is likely if it is known of how many caches."""
        if self.likely is None:
            return forecast(self.live, ttl)
        bounds = forecast(self.live._replace(caches=self.likely.size), ttl)
        rate = model.expected(self.likely, ttl)
        return Forecast(bounds.least, min(max(rate, bounds.least), bounds.most), bounds.most)


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


def of_study(study: TtlStudy, population: Population, name: str) -> Known:
    """Return the source that ``bench ttl`` has left in the file ``name``.

    ``population`` is that of the study, perhaps with other demand; what was measured only holds
    if it is the same.
    """
    measured = [
        Measured(point.ttl, point.rate) for point in study.simulated if point.profile == "plain"
    ]
    same = population.rate == study.population.rate
    words = f"the population of {name}" + ("" if same else f" with {population.rate:g} lookups/s")
    found = Known(population.rates(), words, measured if same else [])
    for point in found.measured:
        expected = model.expected(found.rates, point.ttl)
        if abs(point.rate / expected - 1) > MISSED:
            raise StudyError(
                f"{name} has {point.rate:.4g} queries/s at a TTL of {point.ttl:g} s, where the"
                f" model of its population expects {expected:.4g}: no plan can be made from it"
            )
    return found
