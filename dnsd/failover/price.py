"""What a TTL costs in queries: how often caches must ask again, and how many are stale.

For caches whose clients ask at random times (a Poisson process). Rates are per second, times
in seconds. Knows neither zones nor policies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from dnsd.failover.rate import Rate

SATURATED = 0.95
"""When caches ask this near to as often as the TTL lets them, their rate says no more how often
they are asked themselves."""


def miss_rate(demand: float, ttl: float, prefetch: float = 0.0) -> float:
    """Return how often a cache with ``demand`` asks the authoritative servers.

    ``prefetch`` is the last fraction of the TTL in which a query makes it ask beforehand.
    """
    return demand / (1 + demand * (1 - prefetch) * ttl)


def demand_of(rate: float, ttl: float) -> float | None:
    """Return the demand at a cache that asks at ``rate``; None if that cannot be told."""
    if rate * ttl >= SATURATED:
        return None
    return rate / (1 - rate * ttl)


class Forecast(NamedTuple):
    """Queries per second at another TTL.

    ``least`` and ``most`` hold whatever the caches are like; ``likely`` if all are alike, None
    if the number of caches is unknown or they ask as often as they can.
    """

    least: float
    likely: float | None
    most: float


class Priced(Protocol):
    """A demand for which the price of a TTL is known, exactly or between bounds."""

    def price(self, ttl: float) -> Forecast:
        """Return the queries per second with ``ttl``."""
        ...


class Live(NamedTuple):
    """What is measured: queries per second, at which TTL, from how many caches (if known).

    ``low`` and ``high`` are the ends of the rate's interval, the rate itself if they are left out.
    """

    rate: float
    ttl: float
    caches: int | None = None
    low: float | None = None
    high: float | None = None

    @property
    def least(self) -> float:
        """The lower end of the interval."""
        return self.rate if self.low is None else self.low

    @property
    def most(self) -> float:
        """The upper end of the interval."""
        return self.rate if self.high is None else self.high

    def price(self, ttl: float) -> Forecast:
        """Return the queries per second to expect with ``ttl``."""
        return forecast(self, ttl)


def measured(rate: Rate, ttl: float) -> Live:
    """Return what counting has found, with its interval, at names that have the TTL ``ttl``."""
    return Live(rate.mean, ttl, low=rate.low, high=rate.high)


def forecast(live: Live, ttl: float) -> Forecast:
    """Return the queries per second to expect with ``ttl``.

    A cache with much demand asks once each TTL, one with little asks for each of its queries;
    every mixture lies between them.
    """
    if not ttl:
        return Forecast(live.least, _likely(live, ttl), float("inf"))
    times = live.ttl / ttl
    least, most = live.least * min(1.0, times), live.most * max(1.0, times)
    if live.caches:
        # At most one query from each cache in each TTL.
        most = max(least, min(most, live.caches / ttl))
    return Forecast(least, _likely(live, ttl), most)


def _likely(live: Live, ttl: float) -> float | None:
    if not live.caches:
        return None
    demand = demand_of(live.rate / live.caches, live.ttl)
    return None if demand is None else live.caches * miss_rate(demand, ttl)
