"""``python -m bench plan``: its options, and nothing that takes long to import."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console

from bench.results import DIRECTORY
from bench.study.errors import StudyError, sentences
from bench.study.extra import needed
from bench.study.kind import tell
from bench.ttl.cli import TTLS
from dnsd.config.policy import Rules
from dnsd.config.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.plan.source import Source
    from bench.ttl.demand import Population

_Command = TypeVar("_Command", bound="Callable[..., Any]")

USUAL = Rules(type="A", check="none")
"""What a policy says that says nothing of how to check."""


def _seconds(_context: click.Context, _parameter: click.Parameter, text: str) -> float:
    """Read a duration as a policy has it; what is none is a sentence."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _duration(name: str, usual: float, words: str) -> Callable[[_Command], _Command]:
    """Return an option of a duration."""
    return click.option(
        name, default=format_duration(usual), callback=_seconds, show_default=True, help=words
    )


@click.command()
@click.option("--qps-budget", "budget", type=float, required=True, help="Queries/s at most.")
@click.option("--rto", callback=_seconds, required=True, help="Recovery time objective, as 60s.")
@click.option("--from", "file", type=click.Path(path_type=Path), help="Results of bench ttl.")
@click.option("--live", is_flag=True, help="Count what a running dnsd is asked; with --at-ttl.")
@click.option("--config", type=click.Path(path_type=Path), help="That dnsd's configuration.")
@click.option("--seconds", default=10.0, show_default=True, help="How long to count.")
@click.option("--rate", type=float, help="Queries/s that are known; with --at-ttl.")
@click.option("--at-ttl", type=float, help="The TTL with which the rate is what it is.")
@click.option("--demand", type=float, help="Lookups/s of all users; with --caches.")
@click.option("--caches", type=click.IntRange(1), help="How many caches ask.")
@click.option("--names", default=1, show_default=True, help="Names they are asked for.")
@_duration("--interval", USUAL.interval, "Of checks.")
@_duration("--timeout", USUAL.timeout, "Of a check.")
@_duration("--fast-interval", USUAL.fast_interval, "Of suspects.")
@click.option("--down", default=USUAL.down, show_default=True, help="Failures until down.")
@click.option("--ttl-min", default=USUAL.ttl_min, show_default=True, help="The policy's.")
@click.option("--ttl", "ttls", type=click.IntRange(0, 604_800), multiple=True, default=TTLS)
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@sentences
def plan(budget: float, rto: float, ttls: tuple[int, ...], output: Path | None, **how: Any) -> None:
    """Show which TTLs keep a budget of queries and recover in time, from measured demand."""
    needed()
    from bench.plan import report, study
    from bench.plan.choice import Checks, Limits
    from bench.plan.kind import KIND
    from bench.study import text
    from dnsd.failover.objective import Timing

    source = _source(how)
    timing = Timing(how["interval"], how["timeout"], how["fast_interval"], how["down"])
    checks = Checks(timing, how["ttl_min"])
    settings = {"budget": f"{budget:g}", "objective": format_duration(rto)}
    found = study.plan(source, Limits(budget, rto), checks, set(ttls), settings)
    console = Console(width=120)
    console.print(text.grid(report.table(found)), text.grid(report.ways_table(found)))
    console.print(found.verdict, highlight=False, markup=False)
    path = output or DIRECTORY / time.strftime("plan-%Y%m%dT%H%M%S.json")
    tell(KIND.write(found, path))


def _source(how: dict[str, Any]) -> Source:
    """Return what is known of the demand: of the four ways to tell it, the one that was taken."""
    told = [name for name in ("file", "live", "rate", "demand") if how[name]]
    if told not in (["file"], ["file", "demand"], ["live"], ["rate"], ["demand"]):
        raise StudyError(
            "say where demand is known from: --from FILE (and --demand to change how much it is),"
            " --live, --rate, or --demand"
        )
    if how["file"]:
        return _of_file(how)
    if how["demand"]:
        return _of_demand(how)
    return _of_rate(how)


def _of_file(how: dict[str, Any]) -> Source:
    from bench.plan.source import of_study
    from bench.study.results import load
    from bench.ttl.results import TtlStudy

    study = load(how["file"], TtlStudy)
    people = study.population
    population = _population(people.caches, people.names, how["demand"] or people.rate)
    return of_study(study, population, how["file"].name)


def _of_demand(how: dict[str, Any]) -> Source:
    from bench.plan.source import Known

    if how["caches"] is None:
        raise StudyError("--demand says how much, --caches has to say by how many caches")
    words = f"{how['demand']:g} lookups/s at {how['caches']:,} caches for {how['names']:,} names"
    return Known(_population(how["caches"], how["names"], how["demand"]), f"{words}, by Zipf", [])


def _of_rate(how: dict[str, Any]) -> Source:
    from bench.plan.source import Seen
    from bench.plan.study import watch
    from dnsd.failover.price import Live

    if how["at_ttl"] is None:
        raise StudyError("a rate of queries says nothing without the TTL: add --at-ttl")
    if how["live"]:
        live = watch(how["config"], how["seconds"], how["at_ttl"], how["caches"])
        where = f"counted for {how['seconds']:g} s at a running dnsd"
    else:
        live, where = Live(how["rate"], how["at_ttl"], how["caches"]), "as given"
    caches = "" if live.caches is None else f", from {live.caches:,} caches"
    return Seen(live, f"{live.rate:.4g} queries/s at a TTL of {live.ttl:g} s{caches}, {where}")


def _population(caches: int, names: int, rate: float) -> Population:
    from bench.ttl.demand import Population

    return Population(caches, names, rate)
