"""Where the demand that a plan is made for is known from. Pure.

Either caches and their demand are known one by one, or only a rate of queries at one TTL is; a
price is then between two bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from bench.ttl import model
from dnsd.failover.price import Forecast, Live, forecast

if TYPE_CHECKING:
    from bench.ttl.demand import Population
    from bench.ttl.results import TtlStudy


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
    """Caches and their demand are known: the model gives one figure."""

    population: Population
    words: str
    measured: list[Measured]

    def price(self, ttl: float) -> Forecast:
        """Return the model's figure, three times."""
        rate = model.expected(self.population.rates(), ttl)
        return Forecast(rate, rate, rate)


class Seen(NamedTuple):
    """Only a rate at a TTL is known, and perhaps of how many caches."""

    live: Live
    words: str

    @property
    def measured(self) -> list[Measured]:
        """The rate that is known."""
        return [Measured(self.live.ttl, self.live.rate)]

    def price(self, ttl: float) -> Forecast:
        """Return the bounds, and what is likely if the number of caches is known."""
        return forecast(self.live, ttl)


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
    return Known(population, words, measured if same else [])
