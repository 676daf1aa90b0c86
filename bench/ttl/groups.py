"""The demand that real resolvers meet: pairs of a cache and a name, by the TTL of the name.

It is the demand that the model is given, or evenly chosen pairs of it if it is too much to be
played here. Each pair is a name of its own at the resolver, so one resolver is as many caches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.study.errors import StudyError
from bench.ttl import model
from bench.ttl.names import RRset, fits, owner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.ttl.demand import Floats, Indices, Population


class Demand(NamedTuple):
    """Pairs with ``rates`` lookups a second, each for one of ``rrsets``, by index ``names``."""

    rates: Floats
    names: Indices
    rrsets: list[RRset]

    @property
    def rate(self) -> float:
        """Lookups a second of all."""
        return float(self.rates.sum())

    def only(self, chosen: Indices) -> Demand:
        """Return the demand of the pairs that are ``chosen``."""
        return self._replace(rates=self.rates[chosen], names=self.names[chosen])


class Group(NamedTuple):
    """What is asked with one TTL: the pairs that are played, and all there are.

    ``sets``: the way has to set the TTL, because the server answers with another one.
    """

    ttl: int
    played: Demand
    whole: Floats
    sets: bool

    @property
    def scale(self) -> float:
        """How many times as much as what is played all pairs ask, by the model."""
        return model.expected(self.whole, self.ttl) / model.expected(self.played.rates, self.ttl)


def of_population(population: Population, ttls: Sequence[int], most: float) -> list[Group]:
    """Return ``population`` once with each of ``ttls``, asking the zone of ``names.write_zone``."""
    rates = population.rates()
    names = np.arange(rates.size) % population.names
    found = []
    for ttl in ttls:
        rrsets = [RRset(owner(number, ttl)) for number in range(population.names)]
        found.append(_group(Demand(rates, names, rrsets), ttl, most, sets=False))
    return found


def of_server(demand: Demand, own: Sequence[int], ttls: Sequence[int], most: float) -> list[Group]:
    """Return ``demand`` with the TTLs that the server answers with, ``own``, by RRset.

    With ``ttls``, all of it once with each of these instead.
    """
    if ttls:
        return [_group(demand, ttl, most, sets=True) for ttl in ttls]
    of_pair = np.array(own, dtype=np.int64)[demand.names]
    return [
        _group(demand.only(np.flatnonzero(of_pair == ttl)), int(ttl), most, sets=False)
        for ttl in np.unique(of_pair)
    ]


def _group(demand: Demand, ttl: int, most: float, *, sets: bool) -> Group:
    return Group(ttl, thin(demand, most), demand.rates, sets)


def thin(demand: Demand, most: float) -> Demand:
    """Return evenly chosen pairs of ``demand``, so many that they are ``most`` lookups a second.

    Of pairs in the order of their rates, each n-th from the middle of the first n on.
    """
    step = int(np.ceil(demand.rate / most))
    order = np.argsort(-demand.rates, kind="stable")
    return demand.only(order[step // 2 :: step])


def playable(demand: Demand) -> Demand:
    """Return the pairs whose names have room for a mark; StudyError if there are none."""
    room = np.array([fits(each.name) for each in demand.rrsets], dtype=bool)
    found = demand.only(np.flatnonzero(room[demand.names]))
    if not found.rates.size:
        raise StudyError("no name of the demand can be asked for: all have too long a first label")
    return found
