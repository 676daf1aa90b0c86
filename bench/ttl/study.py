"""One run of ``bench ttl``: real resolvers, operators' own, simulated caches, outages; in turn."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bench import verify
from bench.peers import PEERS
from bench.peers.base import Setup
from bench.server import Server
from bench.ttl import habits, model, names, own, real
from bench.ttl.caches import Cache
from bench.ttl.power import WRONG
from bench.ttl.resolvers import EXPIRED_S, RESOLVERS
from bench.ttl.results import PLAIN, Habit, Loss, Own, People, Point, TtlStudy
from bench.ttl.simulate import outage, simulate
from bench.ttl.site import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.study.progress import Steps
    from bench.study.work import Work
    from bench.ttl.asking import Address
    from bench.ttl.demand import Population
    from bench.ttl.own import Names
    from bench.ttl.profiles import Profile

OUTAGES = (60.0, 600.0, 3600.0)
"""Of the figure: a restart, a bad change, an attack."""
LOSS_TTLS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is simulated: ``profiles`` of ``population`` with ``ttls``.

    ``hours`` where demand is steady, ``day_hours`` where it is not.
    """

    population: Population
    profiles: tuple[Profile, ...]
    ttls: tuple[int, ...]
    hours: float
    day_hours: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    ``server``: the one that is asked, None: a dnsd of its own. ``real`` and ``simulation`` None:
    left out. ``own``: operators' resolvers, which are asked for ``asked`` for ``seconds``.
    """

    server: Authority | None
    demand: str
    real: real.Plan | None
    simulation: Simulation | None
    own: tuple[Address, ...] = ()
    asked: Names | None = None
    seconds: float = 0.0
    seed: int = 1


@dataclass(slots=True)
class Found:
    """What has been found so far."""

    habits: list[Habit] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    own: list[Own] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


def run(plan: Plan, work: Work) -> TtlStudy:
    """Measure all of ``plan``."""
    found, steps = Found(), work.steps
    if plan.real:
        steps.begin("starting the server")
        with (
            nullcontext(plan.server) if plan.server else _dnsd(plan.real, work.directory) as server
        ):
            _real(plan.real, server, work.directory, found, steps)
    for address in plan.own:
        assert plan.asked is not None
        steps.begin(f"asking {address[0]}", plan.seconds)
        found.own.append(own.measure(address, plan.asked, plan.seconds, plan.seed, steps.reach))
    if plan.simulation:
        _simulated(plan.simulation, plan.seed, found, steps)
    return _study(plan, found, work)


@contextmanager
def _dnsd(plan: real.Plan, home: Path) -> Iterator[Authority]:
    """Run a dnsd with names with each TTL."""
    count = max(len(group.played.rrsets) for group in plan.groups)
    names.write_zone(home / "zone", [group.ttl for group in plan.groups], count)
    state = home / "dnsd"
    state.mkdir()
    setup = Setup(state, names.ORIGIN, home / "zone", verify.free_port())
    proof = names.proof()
    with Server(PEERS["dnsd"], setup, tuple(os.sched_getaffinity(0))) as server:
        server.wait(proof)
        yield Authority(
            ("127.0.0.1", setup.port), names.ORIGIN, names.RRset(proof.name, proof.type)
        )


def _real(plan: real.Plan, server: Authority, home: Path, found: Found, steps: Steps) -> None:
    if plan.habits:
        directory = home / "habits"
        directory.mkdir()
        steps.begin("what is documented of resolvers is tried", habits.CUT_S + 1)
        found.habits = habits.find(
            plan.kinds, server, plan.trip, directory, steps.reach, found.problems
        )
    found.points += real.measure(plan, server, home, steps, found.problems)


def _simulated(plan: Simulation, seed: int, found: Found, steps: Steps) -> None:
    for profile in plan.profiles:
        steps.begin(f"simulating {plan.population.caches:,} {profile.name} caches", len(plan.ttls))
        for index, ttl in enumerate(plan.ttls):
            found.points.append(_point(plan, profile, ttl, seed))
            steps.reach(index + 1)
    plain = next((profile for profile in plan.profiles if profile.name == PLAIN), None)
    if plain is not None:
        steps.begin("simulating outages", len(OUTAGES))
        for index, seconds in enumerate(OUTAGES):
            found.losses.append(_loss(plan.population, plain, seconds, seed))
            steps.reach(index + 1)


def _point(plan: Simulation, profile: Profile, ttl: int, seed: int) -> Point:
    """Simulate one profile with one TTL; it has lookups of its own."""
    seconds = (plan.day_hours if profile.day.swing else plan.hours) * 3600
    found = simulate(plan.population, profile, ttl, seconds, [seed, ttl, *map(ord, profile.name)])
    return Point(
        part="simulated",
        kind=profile.name,
        ttl=ttl,
        seconds=seconds,
        expected=found.expected,
        sigma=found.variance**0.5 / seconds,
        lookups=found.lookups,
        asks=found.asks,
        waited=found.waited,
        stale=found.stale,
        wrong=_wrong(plan.population, profile, ttl),
    )


def _wrong(population: Population, profile: Profile, ttl: int) -> dict[str, float]:
    """Return what the model expects of wrong caches, of those that differ from this profile's."""
    if profile.day.swing:
        return {}
    rates = population.rates().reshape(population.caches, -1)
    kinds = profile.kinds(population.caches, np.random.default_rng(0))
    found = {}
    for name, change in WRONG.items():
        if any(change(cache).holds(ttl) != cache.holds(ttl) for cache, _ in kinds):
            found[name] = sum(
                model.expected(rates[members].ravel(), change(cache).holds(ttl))
                for cache, members in kinds
            )
    return found


def _loss(population: Population, plain: Profile, seconds: float, seed: int) -> Loss:
    rates = population.rates()
    simulated = []
    for ttl in LOSS_TTLS:
        lookups, failed = outage(population, plain, ttl, seconds, [seed, ttl, int(seconds)])
        simulated.append(failed / max(1, lookups))
    return Loss(
        outage=seconds,
        ttls=list(LOSS_TTLS),
        model=[model.lost(rates, Cache(), ttl, seconds) for ttl in LOSS_TTLS],
        simulated=simulated,
        stale=[model.lost(rates, Cache(stale=EXPIRED_S), ttl, seconds) for ttl in LOSS_TTLS],
    )


def _study(plan: Plan, found: Found, work: Work) -> TtlStudy:
    server, simulation = plan.server, plan.simulation
    kinds = dict.fromkeys(point.kind for point in found.points if point.part == "real")
    versions = {} if server else {"dnsd": PEERS["dnsd"].version()}
    versions |= {kind: RESOLVERS[kind].versions() for kind in kinds}
    notes = {kind: RESOLVERS[kind].words for kind in kinds}
    notes |= {each.name: each.words for each in simulation.profiles} if simulation else {}
    played = [group.played.rate for group in plan.real.groups] if plan.real else []
    words = f"; real resolvers meet {max(played):.3g}/s of it with each TTL" if played else ""
    return TtlStudy(
        kind="ttl",
        about=work.about(versions, problems=[f"{k}: {v}" for k, v in found.problems.items()]),
        server=f"{server.address[0]}:{server.address[1]}, {server.origin}" if server else "dnsd",
        demand=plan.demand + words,
        population=_people(simulation.population) if simulation else None,
        trip=plan.real.trip if plan.real else 0.0,
        habits=found.habits,
        points=found.points,
        own=found.own,
        losses=found.losses,
        notes=notes,
    )


def _people(population: Population) -> People:
    return People(
        population.caches,
        population.names,
        population.rate,
        population.cache_skew,
        population.name_skew,
    )
