"""One run of ``bench ttl``: a real dnsd, real resolvers, simulated caches, its load; in turn."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench import verify
from bench.peers import PEERS
from bench.peers.base import Setup
from bench.server import Server
from bench.study import node
from bench.study.results import About, about
from bench.ttl import load, model, names, real
from bench.ttl.profiles import PLAIN
from bench.ttl.resolvers import RESOLVERS
from bench.ttl.results import Load, People, Real, Simulated, TtlStudy
from bench.ttl.simulate import Counts, Question, simulate

if TYPE_CHECKING:
    from bench.study.progress import Steps
    from bench.ttl.demand import Population
    from bench.ttl.load import Pace
    from bench.ttl.profiles import Profile

LIFETIMES = 2
"""A TTL is measured with real resolvers if so many of it fit into the window."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured; ``real`` None: no real resolvers. Times in seconds.

    ``trip`` is the round trip to dnsd; simulated demand lasts ``hours`` where it is steady and
    ``day_hours`` where not; the questions of a TTL are sent to dnsd at ``pace``.
    """

    ttls: tuple[int, ...]
    population: Population
    profiles: tuple[Profile, ...]
    hours: float
    day_hours: float
    pace: Pace
    seed: int
    trip: float
    real: real.Plan | None


@dataclass(slots=True)
class Found:
    """What has been found so far."""

    real: list[Real] = field(default_factory=list)
    between: dict[str, int] = field(default_factory=dict)
    seen: int = 0
    counted: int = 0
    late: float = 0.0
    problems: list[str] = field(default_factory=list)
    simulated: list[Simulated] = field(default_factory=list)
    questions: dict[int, list[Question]] = field(default_factory=dict)
    load: list[Load] = field(default_factory=list)
    idle: float = 0.0


def run(plan: Plan, settings: dict[str, str], steps: Steps) -> TtlStudy:
    """Measure all of ``plan``."""
    found = Found()
    with tempfile.TemporaryDirectory(prefix="dnsd-bench-ttl.") as directory:
        home = Path(directory)
        count = max(plan.population.names, plan.real.demand.names if plan.real else 0)
        names.write_zone(home / "zone", plan.ttls, count)
        state = home / "dnsd"
        state.mkdir()
        setup = Setup(state, names.ORIGIN, home / "zone", verify.free_port())
        steps.begin("starting dnsd")
        with Server(PEERS["dnsd"], setup, tuple(os.sched_getaffinity(0))) as server:
            server.wait(names.proof())
            if plan.real:
                _real(plan.real, server, home, found, steps)
            _simulated(plan, found, steps)
            _load(plan, server, found, steps)
    return _study(plan, found, _about(plan, found, settings))


def _real(plan: real.Plan, server: Server, home: Path, found: Found, steps: Steps) -> None:
    counted = node.queries(node.status(state=server.setup.directory))
    total = plan.warm + plan.seconds
    begun = False

    def reach(seconds: float) -> None:
        nonlocal begun
        if not begun:
            steps.begin(f"users ask real resolvers for {total:.0f} s", total)
            begun = True
        steps.reach(seconds)

    seen, problems = real.observe(plan, home, server.setup.port, steps.begin, reach)
    found.counted = node.queries(node.status(state=server.setup.directory)) - counted
    found.seen = len(seen.passed)
    found.problems += problems
    found.late = real.late(seen)
    found.between = real.between(seen)
    steps.begin("counting what real resolvers asked, and what their twins would have")
    found.real = real.results(plan, seen)


def _simulated(plan: Plan, found: Found, steps: Steps) -> None:
    for profile in plan.profiles:
        hours = plan.day_hours if profile.day.swing else plan.hours
        who = f"{plan.population.caches:,} {profile.name} caches"
        steps.begin(f"simulating {hours:g} hours of {who}")
        sliced = plan.pace.seconds * plan.pace.speed if profile.name == PLAIN else 0.0
        ttls = list(map(float, plan.ttls))
        counts = simulate(plan.population, profile, ttls, hours * 3600, plan.seed, sliced)
        for ttl in plan.ttls:
            found.simulated.append(_point(plan, profile, ttl, counts[ttl]))
            if sliced:
                found.questions[ttl] = counts[ttl].questions


def _point(plan: Plan, profile: Profile, ttl: int, counts: Counts) -> Simulated:
    rates = plan.population.rates() * profile.day.mean(counts.seconds)
    return Simulated(
        profile=profile.name,
        ttl=ttl,
        seconds=counts.seconds,
        lookups=counts.lookups,
        asks=counts.asks,
        waited=counts.waited,
        stale=counts.stale,
        expected=counts.expected,
        finer=counts.finer,
        as_it_stands=model.expected(rates, ttl),
        sigma=counts.variance**0.5 / counts.seconds,
    )


def _load(plan: Plan, server: Server, found: Found, steps: Steps) -> None:
    if not found.questions:
        return
    steps.begin("dnsd is idle")
    found.idle = load.idle(server, plan.pace.seconds)
    for ttl, questions in found.questions.items():
        what = f"{len(questions):,} questions at a TTL of {ttl} s"
        steps.begin(f"{what} go to dnsd", plan.pace.seconds)
        found.load.append(load.play(server, questions, ttl, plan.pace, steps.reach))


def _about(plan: Plan, found: Found, settings: dict[str, str]) -> About:
    kinds = {point.kind for point in found.real}
    versions = {"dnsd": PEERS["dnsd"].version()}
    versions |= {kind: RESOLVERS[kind].versions() for kind in sorted(kinds)}
    return about(versions, settings, {"all demand": plan.seed}, found.problems)


def _study(plan: Plan, found: Found, described: About) -> TtlStudy:
    real_demand = plan.real.demand if plan.real else plan.population
    notes = {point.kind: RESOLVERS[point.kind].words for point in found.real}
    return TtlStudy(
        kind="ttl",
        about=described,
        trip=plan.trip,
        population=_people(plan.population),
        demand=_people(real_demand),
        real=found.real,
        between=found.between,
        seen=found.seen,
        counted=found.counted,
        late=found.late,
        simulated=found.simulated,
        load=found.load,
        idle=found.idle,
        speed=plan.pace.speed,
        notes=notes | {profile.name: profile.words for profile in plan.profiles},
    )


def _people(population: Population) -> People:
    return People(
        population.caches,
        population.names,
        population.rate,
        population.cache_skew,
        population.name_skew,
    )
