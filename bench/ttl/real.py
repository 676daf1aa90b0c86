"""Real resolvers between users and a server: what users ask them, and what they then ask.

Resolvers know nothing at first. In the lead, caches are put into the state that they
would be in at any moment: what would be held is asked for, with a TTL that leaves what would be
left of it. So no TTL, however long, has to be waited for. Then come the seconds that count, and
then an outage of the server.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import uvloop

from bench.ttl import model
from bench.ttl.caches import Cache, walk
from bench.ttl.demand import Arrivals, Day, arrivals
from bench.ttl.names import Played
from bench.ttl.power import WRONG
from bench.ttl.results import LATE_S, Point
from bench.ttl.simulate import stationary
from bench.ttl.site import Lookup, questions, site

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from bench.study.progress import Steps
    from bench.ttl.asking import Answer
    from bench.ttl.demand import Floats
    from bench.ttl.groups import Group
    from bench.ttl.resolvers import Resolver
    from bench.ttl.site import Asked, Authority, Observed, Site


TRIES = 2
"""A busy machine gets another chance."""
OVER_S = 2.5
"""What has a TTL of 1 s is over after that, however its seconds are counted."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How resolvers of ``kinds`` are asked, ``together`` of them at a time.

    ``trip``: the round trip between resolvers and the server. ``seconds`` are those that count,
    after a ``lead``; then the server is cut off for ``outage`` seconds. ``habits``: what is
    documented of resolvers is tried before.
    """

    kinds: tuple[str, ...]
    groups: tuple[Group, ...]
    seconds: float
    outage: float
    trip: float
    seed: int
    together: int = 4
    habits: bool = True
    lead: float = 20.0

    @property
    def total(self) -> float:
        """How long it takes."""
        return self.lead + self.seconds + self.outage


def measure(
    plan: Plan, server: Authority, directory: Path, steps: Steps, problems: dict[str, str]
) -> list[Point]:
    """Return a point for each kind that can be measured and each TTL.

    ``problems``: why kinds cannot be measured, by kind; these are not tried.
    """
    found = []
    left = [kind for kind in plan.kinds if kind not in problems]
    for first in range(0, len(left), plan.together):
        kinds = left[first : first + plan.together]
        steps.begin(f"users ask {', '.join(kinds)}", plan.total)
        home = directory / f"from{first}"
        home.mkdir()
        for number in range(TRIES):
            place = home / str(number)
            place.mkdir()
            begun = site(kinds, server, plan.trip, place, problems)
            points = uvloop.run(_play(plan, begun, steps.reach))
            if all(point.late <= LATE_S for point in points):
                break
            steps.say(f"users came {max(p.late for p in points):.2f} s late: the machine is busy")
        found += points
    return found


async def _play(
    plan: Plan, begun: AbstractAsyncContextManager[Site], reach: Callable[[float], None]
) -> list[Point]:
    """Have users ask some kinds, and count."""
    async with begun as found:
        found.ways.sets |= {i: each.ttl for i, each in enumerate(plan.groups) if each.sets}
        lookups = [
            each
            for resolver in found.running
            for each in schedule(plan, resolver, found.kinds[resolver])
        ]
        seen = await found.play(lookups, plan.lead + plan.seconds, reach)
        asked = questions(seen)
        return [
            _point(plan, found.kinds[resolver], group, _of(seen, asked, resolver, index), seen)
            for resolver in found.running
            for index, group in enumerate(plan.groups)
        ]


def schedule(plan: Plan, number: int, kind: Resolver) -> list[Lookup]:
    """Return what users ask a resolver, and what before that fills its cache."""
    rng = np.random.default_rng([plan.seed, number, *map(ord, kind.name)])
    cache, found = cache_of(kind, plan), []
    for index, group in enumerate(plan.groups):
        for some in arrivals(group.played.rates, plan.seconds + plan.outage, Day(), rng):
            pairs = np.unique(some.pairs)
            left = stationary(group.played.rates[pairs], cache.holds(group.ttl), rng)
            left += cache.holds(group.ttl)
            full = left > -cache.stale_for(group.ttl)
            lives, before = filling(cache, group.ttl, left[full], plan.lead, rng)
            asked = [(pairs[full], before + plan.lead, lives.astype(int).tolist())]
            asked.append((some.pairs, some.times + plan.lead, [None] * some.pairs.size))
            for whose, when, life in asked:
                for pair, at, ttl in zip(whose.tolist(), when.tolist(), life, strict=True):
                    rrset = group.played.rrsets[int(group.played.names[pair])]
                    found.append(Lookup(at, number, Played(index, pair), rrset, ttl))
    return found


def cache_of(kind: Resolver, plan: Plan) -> Cache:
    """Return what a resolver is said to be, with the round trip of ``plan``."""
    return replace(kind.cache, trip=plan.trip)


def filling(
    cache: Cache, ttl: float, left: Floats, lead: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return the TTLs and the times (before 0) at which to fill, so that ``left`` seconds remain.

    Each TTL is a whole number of seconds, as small as can be while ``lead`` is used evenly. What
    has been over for a while (``left`` is negative) is over at 0.
    """
    over = left <= 0
    left = np.where(over, -rng.random(left.size) * (lead - OVER_S), left)
    early = cache.ahead if cache.ahead and ttl >= cache.ahead_from else 0.0
    least = np.floor((left + early) / (1 - cache.prefetch)) + 1
    lives = least + rng.integers(0, max(1, int(lead) - int(cache.floor) - 1), left.size)
    most = np.maximum(least, min(cache.cap, max(ttl, 1)))
    lives = np.clip(lives, max(1.0, cache.floor), most)
    before: Floats = left - np.array([cache.holds(life) for life in lives.tolist()])
    before = np.where(over, left - OVER_S, before)
    lives = np.where(over, 1.0, lives)
    return lives.astype(np.float64), before.clip(-lead, 0.0)


class _Met(NamedTuple):
    """What one resolver met with one TTL, in order of pairs and times; and when it asked."""

    asked: list[tuple[Lookup, Answer]]
    passed: list[Asked]


def _of(
    seen: Observed,
    asks: dict[tuple[int, Played], list[Asked]],
    resolver: int,
    group: int,
) -> _Met:
    """Return what concerns one resolver and one group."""
    pairs = zip(seen.lookups, seen.answers, strict=True)
    asked = [
        (each, answer)
        for each, answer in pairs
        if each.resolver == resolver and each.played.group == group
    ]
    asked.sort(key=lambda pair: (pair[0].played.pair, pair[1].sent))
    passed = [
        each
        for (whose, played), theirs in asks.items()
        if whose == resolver and played.group == group
        for each in theirs
    ]
    return _Met(asked, passed)


def _point(plan: Plan, kind: Resolver, group: Group, met: _Met, seen: Observed) -> Point:
    begin = seen.begin + plan.lead
    end = begin + plan.seconds
    asks = [each.repeated for each in met.passed if begin <= each.when < end]
    counted = [a for _, a in met.asked if begin <= a.sent < end]
    outage = [a for _, a in met.asked if a.sent >= end]
    took = [a.took * 1e3 for a in counted if a.ttl is not None]
    twin = Twins(met, group.ttl, (begin, end))
    cache = cache_of(kind, plan)
    rates = group.played.rates
    return Point(
        part="real",
        kind=kind.name,
        ttl=group.ttl,
        seconds=plan.seconds,
        scale=group.scale,
        expected=model.expected(rates, group.ttl),
        sigma=model.variance(rates, group.ttl, plan.seconds) ** 0.5 / plan.seconds,
        lookups=len(counted),
        lost=sum(a.ttl is None for a in counted),
        asks=len(asks),
        repeated=sum(asks),
        documented=twin.asks(cache),
        wrong={
            name: twin.asks(change(cache))
            for name, change in WRONG.items()
            if twin.differ(cache, change(cache))
        },
        mean_ms=float(np.mean(took)) if took else 0.0,
        outage=plan.outage,
        outage_model=model.lost(rates, kind.cache, group.ttl, plan.outage) if plan.outage else 0.0,
        outage_lookups=len(outage),
        outage_failed=sum(a.ttl is None for a in outage),
        late=seen.late,
    )


class Twins:
    """What caches ask within ``window`` that meet the very lookups that a real one met."""

    def __init__(self, met: _Met, ttl: float, window: tuple[float, float]) -> None:
        self._times = np.array([answer.sent for _, answer in met.asked], dtype=np.float64)
        self._pairs = np.array([each.played.pair for each, _ in met.asked], dtype=np.int64)
        lives = [ttl if each.life is None else each.life for each, _ in met.asked]
        self._lives = np.array(lives, dtype=np.float64)
        self._window = window

    def asks(self, cache: Cache) -> int:
        """Return how often ``cache`` asks."""
        again = cache.agains(self._times, self._lives)
        asks = self._times[walk(Arrivals(self._pairs, self._times), again)]
        return int(np.count_nonzero((asks >= self._window[0]) & (asks < self._window[1])))

    def differ(self, one: Cache, other: Cache) -> bool:
        """Return whether two caches would ever ask at different times."""
        times, lives = self._times, self._lives
        return not np.array_equal(one.agains(times, lives), other.agains(times, lives))
