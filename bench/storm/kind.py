"""``python -m bench retry-storm``: a server fails for a while, and caches retry. Needs root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.peers.base import Unavailable
from bench.peers.dnsd import PEER
from bench.resolvers import RECURSOR, UNBOUND, Resolver
from bench.storm import picture, scene, study
from bench.storm.caches import HABITS
from bench.storm.scene import Plan, Scene
from bench.storm.study import FAILURES, Storms
from bench.study.errors import StudyError
from bench.study.kind import Kind
from bench.study.parameters import parameter

if TYPE_CHECKING:
    from bench.study.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Who asks how much, how the server fails, and for how long."""

    ttls: tuple[int, ...] = parameter(
        (5, 60, 300), "Of all names.", unit="s", least=1, most=86_400, option="ttl", short=(2,)
    )
    failures: tuple[str, ...] = parameter(
        tuple(FAILURES),
        "How the server fails: the first one with each TTL, others with the middle one. "
        + "; ".join(f"{kind}: {words}" for kind, words in FAILURES.items()),
        choices=tuple(FAILURES),
        option="failure",
        short=tuple(FAILURES)[:1],
    )
    cold: bool = parameter(
        True,
        "Once more with the longest TTL, and all caches emptied when the server returns.",
        short=False,
    )
    before: int = parameter(15, "Normal load.", unit="s", least=5, most=3600, short=6)
    outage: int = parameter(60, "No server.", unit="s", least=2, most=3600, short=8)
    after: int = parameter(75, "The server is back.", unit="s", least=6, most=3600, short=10)
    unbound: int = parameter(3, "Real resolvers.", least=0, most=16)
    recursor: int = parameter(1, "Real resolvers.", least=0, most=16)
    user_rate: float = parameter(150.0, "Lookups at real ones.", unit="/s", above=0, most=1e4)
    caches: int = parameter(200, "Simulated caches.", least=2, most=100_000)
    cache_rate: float = parameter(600.0, "Lookups at these.", unit="/s", above=0, most=1e4)
    names: int = parameter(50, "That are asked for.", least=1, most=60_000)
    zipf: float = parameter(1.0, "How uneven demand is over names.", least=0, most=4)
    stale: bool = parameter(False, "The real resolvers serve stale (RFC 8767).")
    seed: int = parameter(1, "Of all demand.", least=0)


def measure(parameters: Parameters, work: Work) -> Storms:
    """Have a server fail for a while under caches that retry; count what arrives every second.

    The server is a real dnsd; in front of it are real resolvers and simulated caches, all in
    two network namespaces. What arrives is counted on the wire, also while nobody answers.
    """
    wanted = ((UNBOUND, parameters.unbound), (RECURSOR, parameters.recursor))
    kinds, versions, problems = _kinds(wanted)
    plan = Plan(
        resolvers=kinds,
        user_rate=parameters.user_rate,
        caches=parameters.caches,
        cache_rate=parameters.cache_rate,
        names=parameters.names,
        zipf=parameters.zipf,
        before=parameters.before,
        outage=parameters.outage,
        after=parameters.after,
        seed=parameters.seed,
        stale=parameters.stale,
    )
    return Storms(
        kind=KIND.name,
        about=work.about(versions, {"users' patience": f"{plan.patience:g} s"}, problems),
        words=_words(plan),
        storms=[scene.run(plan, each, work.steps) for each in _scenes(parameters)],
    )


KIND = Kind(
    name="retry-storm",
    type=Storms,
    title="What retries do to an authoritative server that fails",
    rows=study.rows,
    parts=study.parts,
    picture=picture.draw,
    parameters=Parameters,
    measure=measure,
    figures=study.totals,
)


def _scenes(chosen: Parameters) -> list[Scene]:
    ttls, failures = chosen.ttls, chosen.failures
    middle = sorted(ttls)[len(ttls) // 2]
    found = [Scene(ttl, failures[0]) for ttl in ttls]
    found += [Scene(max(ttls), failures[0], cold=True)] if chosen.cold else []
    return found + [Scene(middle, failure) for failure in failures[1:]]


def _kinds(
    wanted: tuple[tuple[Resolver, int], ...],
) -> tuple[tuple[tuple[Resolver, int], ...], dict[str, str], list[str]]:
    """Return the kinds that are installed, all versions, and what is missing."""
    found, versions, problems = [], {"dnsd": PEER.version()}, []
    for kind, many in wanted:
        if many:
            try:
                versions[kind.name] = kind.version()
            except Unavailable as error:
                problems.append(f"{kind.name}: {error}")
            else:
                found.append((kind, many))
    if any(many for _, many in wanted) and not found:
        raise StudyError("no resolver is installed: " + "; ".join(problems))
    return tuple(found), versions, problems


def _words(plan: Plan) -> dict[str, str]:
    stale = "serving stale" if plan.stale else "as shipped"
    found = {kind.name: f"{many} real ones, {stale}" for kind, many in plan.resolvers}
    half = plan.caches // len(HABITS)
    return found | {habit.name: f"{half} simulated caches, {habit.words}" for habit in HABITS}
