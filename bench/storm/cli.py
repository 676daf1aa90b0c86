"""``python -m bench retry-storm``: a server fails for a while, and caches retry. Needs root."""

from __future__ import annotations

import time
from pathlib import Path

import click
from rich.console import Console

from bench.peers.base import Unavailable
from bench.peers.dnsd import PEER
from bench.resolvers import RECURSOR, UNBOUND, Resolver
from bench.results import DIRECTORY
from bench.storm import scene
from bench.storm.caches import HABITS
from bench.storm.scene import Plan, Scene
from bench.storm.study import FAILURES, Storms, parts
from bench.study import progress, results
from bench.study.errors import StudyError, sentences
from bench.study.extra import needed
from bench.study.kind import tell
from bench.study.signals import ending
from bench.study.text import grid
from bench.tables import Table

SHORT = {"before": 6, "outage": 8, "after": 10}
"""The seconds of --short."""
SHORT_TTLS = (2,)


@click.command(name="retry-storm")
@click.option(
    "--ttl",
    "ttls",
    type=click.IntRange(1, 86_400),
    multiple=True,
    default=[5, 60, 300],
    show_default=True,
)
@click.option(
    "--failure",
    "failures",
    type=click.Choice(list(FAILURES)),
    multiple=True,
    default=list(FAILURES),
    show_default=True,
    help="How the server fails: the first one with each TTL, others with the middle one. "
    + "; ".join(f"{kind}: {words}" for kind, words in FAILURES.items()),
)
@click.option(
    "--cold/--no-cold",
    default=True,
    help="Once more with the longest TTL, and all caches emptied when the server returns.",
)
@click.option("--before", type=click.IntRange(5), default=15, show_default=True, help="Seconds.")
@click.option("--outage", type=click.IntRange(2), default=60, show_default=True, help="Seconds.")
@click.option("--after", type=click.IntRange(6), default=75, show_default=True, help="Seconds.")
@click.option("--unbound", type=click.IntRange(0, 16), default=3, show_default=True)
@click.option("--recursor", type=click.IntRange(0, 16), default=1, show_default=True)
@click.option("--user-rate", default=150.0, show_default=True, help="Lookups/s at resolvers.")
@click.option("--caches", type=click.IntRange(2), default=200, show_default=True, help="Simulated.")
@click.option("--cache-rate", default=600.0, show_default=True, help="Lookups/s at these.")
@click.option("--names", type=click.IntRange(1, 60_000), default=50, show_default=True)
@click.option("--zipf", type=click.FloatRange(0), default=1.0, show_default=True)
@click.option("--stale", is_flag=True, help="The real resolvers serve stale (RFC 8767).")
@click.option("--seed", default=1, show_default=True)
@click.option("--short", is_flag=True, help="One storm of some seconds.")
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@sentences
def retry_storm(
    ttls: tuple[int, ...],
    failures: tuple[str, ...],
    cold: bool,
    before: int,
    outage: int,
    after: int,
    unbound: int,
    recursor: int,
    user_rate: float,
    caches: int,
    cache_rate: float,
    names: int,
    zipf: float,
    stale: bool,
    seed: int,
    short: bool,
    output: Path | None,
) -> None:
    """Have a server fail for a while under caches that retry; count what arrives every second.

    The server is a real dnsd; in front of it are real resolvers and simulated caches, all in
    two network namespaces. What arrives is counted on the wire, also while nobody answers.
    """
    needed()
    from bench.storm.kind import KIND

    if short:
        ttls, cold, failures = SHORT_TTLS, False, failures[:1]
        before, outage, after = SHORT["before"], SHORT["outage"], SHORT["after"]
    kinds, versions, problems = _kinds(((UNBOUND, unbound), (RECURSOR, recursor)))
    plan = Plan(
        resolvers=kinds,
        user_rate=user_rate,
        caches=caches,
        cache_rate=cache_rate,
        names=names,
        zipf=zipf,
        before=before,
        outage=outage,
        after=after,
        seed=seed,
        stale=stale,
    )
    middle = sorted(ttls)[len(ttls) // 2]
    scenes = [Scene(ttl, failures[0]) for ttl in ttls]
    scenes += [Scene(max(ttls), failures[0], cold=True)] if cold else []
    scenes += [Scene(middle, failure) for failure in failures[1:]]
    with ending(), progress.steps() as steps:
        storms = [scene.run(plan, each, steps) for each in scenes]
    study = Storms(
        kind=KIND.name,
        about=results.about(versions, _settings(plan), {"demand": seed}, problems),
        words=_words(plan),
        storms=storms,
    )
    _show(study)
    path = output or DIRECTORY / time.strftime("retry-storm-%Y%m%dT%H%M%S.json")
    tell(KIND.write(study, path))


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
    if wanted and any(many for _, many in wanted) and not found:
        raise StudyError("no resolver is installed: " + "; ".join(problems))
    return tuple(found), versions, problems


def _settings(plan: Plan) -> dict[str, str]:
    return {
        "before": f"{plan.before} s",
        "outage": f"{plan.outage} s",
        "after": f"{plan.after} s",
        "lookups of users of the resolvers": f"{plan.user_rate:g}/s",
        "of the simulated caches": f"{plan.cache_rate:g}/s",
        "names": str(plan.names),
        "Zipf": f"{plan.zipf:g}",
        "users' patience": f"{plan.patience:g} s",
        "serve-stale": "yes" if plan.stale else "no",
    }


def _words(plan: Plan) -> dict[str, str]:
    stale = "serving stale" if plan.stale else "as shipped"
    found = {kind.name: f"{many} real ones, {stale}" for kind, many in plan.resolvers}
    half = plan.caches // len(HABITS)
    return found | {habit.name: f"{half} simulated caches, {habit.words}" for habit in HABITS}


def _show(study: Storms) -> None:
    console = Console(width=160)
    for part in parts(study):
        console.print(grid(part) if isinstance(part, Table) else part, highlight=False)
