"""Real resolvers between users and a real dnsd: starts them, asks them, counts what passes."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench import verify
from bench.peers.base import Setup, Unavailable
from bench.server import Server, ServerError
from bench.study.errors import StudyError
from bench.ttl import model, resolvers, twins
from bench.ttl.asking import Answer, Ask, ask
from bench.ttl.demand import Arrivals, Day, Floats, Population, arrivals
from bench.ttl.distance import Distance, Passed
from bench.ttl.names import ORIGIN, Name, question
from bench.ttl.results import Real
from bench.ttl.simulate import stationary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bench.ttl.resolvers import Resolver


@dataclass(frozen=True, slots=True)
class Plan:
    """How resolvers are asked: each of ``kinds`` so often, in all ``demand.rate`` for each TTL.

    ``trip``: the round trip between resolvers and dnsd, s. ``seconds`` are those that count.
    """

    kinds: tuple[tuple[str, int], ...]
    ttls: tuple[int, ...]
    demand: Population
    seconds: float
    trip: float
    seed: int

    @property
    def warm(self) -> float:
        """Seconds in which caches are filled, before those that count."""
        return max([1, *self.ttls]) + 1.0

    @property
    def cores(self) -> tuple[int, ...]:
        """All that this process may use: what is measured here is no CPU time."""
        return tuple(os.sched_getaffinity(0))


class Lookup(NamedTuple):
    """What a user asks: seconds after the beginning, which resolver, which name."""

    when: float
    resolver: int
    name: Name


class Observed(NamedTuple):
    """What was seen: lookups with their answers, queries that passed, when it all began."""

    lookups: list[Lookup]
    answers: list[Answer]
    passed: list[Passed]
    window: tuple[float, float]
    kinds: list[Resolver]


def observe(
    plan: Plan,
    directory: Path,
    port: int,
    say: Callable[[str], None],
    reach: Callable[[float], None],
) -> tuple[Observed, list[str]]:
    """Start resolvers, which ask dnsd at ``port``, and have users ask them.

    Returns what was seen, and a sentence about each kind of resolver that could not be measured.
    """
    return asyncio.run(_observe(plan, directory, port, say, reach))


async def _observe(
    plan: Plan,
    directory: Path,
    port: int,
    say: Callable[[str], None],
    reach: Callable[[float], None],
) -> tuple[Observed, list[str]]:
    wanted = [resolvers.RESOLVERS[kind] for kind, number in plan.kinds for _ in range(number)]
    distance = Distance(port, plan.trip)
    await distance.open(len(wanted))
    try:
        with ExitStack() as stack:
            running: dict[int, Server] = {}
            problems: list[str] = []
            for number, resolver in enumerate(wanted):
                say(f"starting {resolver.name}")
                try:
                    server = _start(plan, resolver, directory, number, distance.ports[number])
                    stack.enter_context(server)
                    await asyncio.to_thread(resolvers.wait, server)
                except (ServerError, Unavailable) as error:
                    problems.append(f"{resolver.name}: {error}")
                else:
                    running[number] = server
            if not running:
                raise StudyError("no resolver could be started: " + "; ".join(problems))
            lookups = schedule(plan, wanted, list(running))
            asks = [
                Ask(
                    each.when,
                    running[each.resolver].setup.port,
                    question(each.name.owner(), recursion=True),
                )
                for each in lookups
            ]
            answers = await ask(asks, reach)
            begin = min(a.sent - each.when for a, each in zip(answers, lookups, strict=True))
            window = (begin + plan.warm, begin + plan.warm + plan.seconds)
            return Observed(lookups, answers, distance.passed, window, wanted), problems
    finally:
        distance.close()


def _start(plan: Plan, resolver: Resolver, directory: Path, number: int, upstream: int) -> Server:
    home = directory / f"{resolver.name}.{number}"
    home.mkdir()
    setup = Setup(home, ORIGIN, home, verify.free_port())
    return Server(resolver.peer(upstream), setup, plan.cores)


def schedule(plan: Plan, wanted: Sequence[Resolver], running: Sequence[int]) -> list[Lookup]:
    """Return what users ask, in order: caches are as full as ever when the window begins.

    A name that a cache is to hold at that moment is asked once beforehand, as much earlier as
    its age is then; nothing else is asked before the window.
    """
    rng = np.random.default_rng([plan.seed, 2])
    rates = plan.demand.rates().reshape(plan.demand.caches, -1)
    found = []
    for ttl in plan.ttls:
        for number in running:
            holds = wanted[number].cache.holds(ttl)
            before = stationary(rates[number], holds, rng)
            for name in np.flatnonzero(before > -holds).tolist():
                found.append(Lookup(plan.warm + float(before[name]), number, Name(name, ttl)))
            for some in arrivals(rates[number], plan.seconds, Day(), rng):
                for name, when in zip(some.pairs.tolist(), some.times.tolist(), strict=True):
                    found.append(Lookup(plan.warm + when, number, Name(name, ttl)))
    return sorted(found)


def results(plan: Plan, seen: Observed) -> list[Real]:
    """Return what was found of each kind of resolver at each TTL."""
    asked, passed = _asked(seen), _passed(seen)
    rates = plan.demand.rates().reshape(plan.demand.caches, -1)
    found = []
    for kind, numbers in _kinds(seen):
        for ttl in plan.ttls:
            theirs = [each for number in numbers for each in asked[number, ttl]]
            asks = [each for number in numbers for each in passed[number, ttl]]
            demand = rates[numbers].ravel()
            found.append(_result(plan, seen.window, kind, ttl, _Met(demand, theirs, asks)))
    return found


def _asked(seen: Observed) -> dict[tuple[int, int], list[tuple[Lookup, Answer]]]:
    """Return the lookups with their answers by resolver and TTL."""
    found = defaultdict[tuple[int, int], list[tuple[Lookup, Answer]]](list)
    for each, answer in zip(seen.lookups, seen.answers, strict=True):
        found[each.resolver, each.name.ttl].append((each, answer))
    return found


def _passed(seen: Observed) -> dict[tuple[int, int], list[Passed]]:
    """Return the queries for names with a TTL in the window, by resolver and TTL."""
    begin, end = seen.window
    found = defaultdict[tuple[int, int], list[Passed]](list)
    for each in seen.passed:
        if each.name is not None and begin <= each.when < end:
            found[each.resolver, each.name.ttl].append(each)
    return found


def late(seen: Observed) -> float:
    """Return how many seconds the latest hundredth of the lookups was late, at least."""
    lags = [a.sent - each.when for a, each in zip(seen.answers, seen.lookups, strict=True)]
    return float(np.quantile(lags, 0.99) - min(lags))


def _kinds(seen: Observed) -> Iterator[tuple[Resolver, list[int]]]:
    """Yield each kind that was asked, with the numbers of its resolvers."""
    asked = sorted({each.resolver for each in seen.lookups})
    for _, numbers in groupby(asked, lambda number: seen.kinds[number].name):
        group = list(numbers)
        yield seen.kinds[group[0]], group


class _Met(NamedTuple):
    """What one kind of resolver met at one TTL: demand, lookups; and what it asked then."""

    rates: Floats
    asked: list[tuple[Lookup, Answer]]
    passed: list[Passed]


def _result(plan: Plan, window: tuple[float, float], kind: Resolver, ttl: int, found: _Met) -> Real:
    rates, asked, passed = found
    asks = len(passed)
    counted = [answer for _, answer in asked if window[0] <= answer.sent < window[1]]
    met = _met(asked, plan.demand.names)
    took = np.array([answer.took for answer in counted if answer.ttl is not None]) * 1e3
    return Real(
        kind=kind.name,
        resolvers=len(rates) // plan.demand.names,
        ttl=ttl,
        seconds=plan.seconds,
        lookups=len(counted),
        lost=len(counted) - took.size,
        asks=asks,
        repeated=sum(each.repeated for each in passed),
        expected=model.expected(rates, ttl),
        sigma=model.variance(rates, ttl, plan.seconds) ** 0.5 / plan.seconds,
        holds=model.holding(rates, asks / plan.seconds),
        twins={
            name: twins.count(met, twin.cache, ttl, window)
            for name, twin in twins.twins(kind.cache, plan.trip).items()
        },
        mean_ms=float(took.mean()) if took.size else 0.0,
        p50_ms=float(np.quantile(took, 0.5)) if took.size else 0.0,
        p99_ms=float(np.quantile(took, 0.99)) if took.size else 0.0,
        longest=max((answer.ttl for answer in counted if answer.ttl is not None), default=0),
    )


def _met(asked: list[tuple[Lookup, Answer]], names: int) -> Arrivals:
    """Return the lookups as they were really sent: pair by pair, in order of time."""
    pairs = np.array([e.resolver * names + e.name.number for e, _ in asked], dtype=np.int64)
    times = np.array([answer.sent for _, answer in asked])
    order = np.lexsort((times, pairs))
    return Arrivals(pairs[order], times[order])


def between(seen: Observed) -> dict[str, int]:
    """Return how many queries of each kind of resolver were for no name with a TTL."""
    found = {kind.name: 0 for kind, _ in _kinds(seen)}
    for passed in seen.passed:
        kind = seen.kinds[passed.resolver].name
        if passed.name is None and kind in found:
            found[kind] += 1
    return found
