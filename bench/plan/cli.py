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
    from dnsd.failover.price import Live

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_POSITIVE = click.FloatRange(0, 1e9, min_open=True)

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
@click.option("--qps-budget", "budget", type=_POSITIVE, required=True, help="Queries/s at most.")
@click.option("--rto", callback=_seconds, required=True, help="Recovery time objective, as 60s.")
@click.option("--from", "file", type=click.Path(path_type=Path), help="Results of bench ttl.")
@click.option("--live", is_flag=True, help="Count what a running dnsd is asked; with --at-ttl.")
@click.option("--config", type=click.Path(path_type=Path), help="That dnsd's configuration.")
@click.option(
    "--seconds", type=_POSITIVE, default=120.0, show_default=True, help="How long to count."
)
@click.option("--rate", type=_POSITIVE, help="Queries/s that are known; with --at-ttl.")
@click.option(
    "--at-ttl", type=click.FloatRange(0), help="The TTL at which the rate, or the log, is."
)
@click.option("--demand", type=click.Path(path_type=Path), help="A log of queries; see below.")
@click.option("--zone", type=click.Path(path_type=Path), help="The zone file it is about.")
@click.option("--name", multiple=True, help="Only what is asked for this name; may be repeated.")
@click.option("--lookups", type=_POSITIVE, help="Lookups/s of all users; with --caches.")
@click.option("--caches", type=click.IntRange(1), help="How many caches ask.")
@click.option(
    "--names", type=click.IntRange(1), default=1, show_default=True, help="Names they ask for."
)
@_duration("--interval", USUAL.interval, "Of checks.")
@_duration("--timeout", USUAL.timeout, "Of a check.")
@_duration("--fast-interval", USUAL.fast_interval, "Of suspects.")
@click.option("--down", default=USUAL.down, show_default=True, help="Failures until down.")
@click.option("--ttl-min", default=USUAL.ttl_min, show_default=True, help="The policy's.")
@click.option("--ttl", "ttls", type=click.IntRange(0, 604_800), multiple=True, default=TTLS)
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@sentences
def plan(budget: float, rto: float, ttls: tuple[int, ...], output: Path | None, **how: Any) -> None:
    """Show which TTLs keep a budget of queries and recover in time, from measured demand.

    \b
    Of the demand one of these is known:
      --demand FILE    a log of queries (pcap, dnstap; the query log of BIND, Unbound or PowerDNS;
                       CSV "time,source,name,type"; each also with gzip), with --zone or --at-ttl
      --from FILE      results of bench ttl; --lookups says how much it is instead
      --live, --rate   queries/s at one TTL (--at-ttl), and from how many --caches for --names
      --lookups        how much users look up, at how many --caches
    """
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
    told = [name for name in ("demand", "file", "live", "rate", "lookups") if how[name]]
    if told not in (["demand"], ["file"], ["file", "lookups"], ["live"], ["rate"], ["lookups"]):
        raise StudyError(
            "say where demand is known from: --demand FILE, --from FILE (and --lookups to change"
            " how much it is), --live, --rate, or --lookups"
        )
    if how["demand"]:
        return _of_log(how)
    if how["file"]:
        return _of_file(how)
    if how["lookups"]:
        return _of_lookups(how)
    return _of_rate(how)


def _of_log(how: dict[str, Any]) -> Source:
    import numpy as np

    from bench.demand.reading import read
    from bench.demand.source import of_log, ttls_of
    from bench.demand.text import absolute
    from bench.queries.zone import read as read_zone

    if (how["zone"] is None) == (how["at_ttl"] is None):
        raise StudyError("--demand needs the TTLs: --zone FILE, or one for all by --at-ttl")
    log = read(how["demand"])
    names = set(map(absolute, how["name"]))
    if names:
        log = log.only(np.array([one.name in names for one in log.asked]))
    if how["zone"]:
        ttls = ttls_of(log, read_zone(how["zone"]))
    else:
        ttls = np.full(len(log.asked), how["at_ttl"])
    return of_log(log, ttls, how["demand"].name)


def _of_file(how: dict[str, Any]) -> Source:
    from bench.plan.source import of_study
    from bench.study.results import load
    from bench.ttl.demand import Population
    from bench.ttl.results import TtlStudy

    study = load(how["file"], TtlStudy)
    people = study.population
    population = Population(
        people.caches,
        people.names,
        how["lookups"] or people.rate,
        people.cache_skew,
        people.name_skew,
    )
    return of_study(study, population, how["file"].name)


def _of_lookups(how: dict[str, Any]) -> Source:
    from bench.plan.source import Known
    from bench.ttl.demand import Population

    if how["caches"] is None:
        raise StudyError("--lookups says how much, --caches has to say by how many caches")
    words = f"{how['lookups']:g} lookups/s at {how['caches']:,} caches for {how['names']:,} names"
    population = Population(how["caches"], how["names"], how["lookups"])
    return Known(population.rates(), f"{words}, by Zipf", [])


def _live(how: dict[str, Any]) -> tuple[Live, str]:
    """Return what a running dnsd is asked, for pools or for all names; and how that is known."""
    from bench.demand.text import absolute
    from bench.plan.study import pools, watch

    if how["name"]:
        live = pools(how["config"], {*map(absolute, how["name"])}, how["at_ttl"])
        return live, "as a running dnsd has counted them in the last minutes"
    live = watch(how["config"], how["seconds"], how["at_ttl"])
    return live, f"counted for {how['seconds']:g} s at a running dnsd, for all names"


def _of_rate(how: dict[str, Any]) -> Source:
    from bench.plan.source import Seen, like
    from dnsd.failover.price import Live

    if how["at_ttl"] is None:
        raise StudyError("a rate of queries says nothing without the TTL: add --at-ttl")
    if how["live"]:
        live, where = _live(how)
    else:
        live, where = Live(how["rate"], how["at_ttl"]), "as given"
    words = f"{live.rate:.4g} queries/s at a TTL of {live.ttl:g} s, {where}"
    if how["caches"] is None:
        return Seen(live, words, None)
    caches, names = how["caches"], how["names"]
    people = f", from {caches:,} caches for {names:,} names, whose shares follow Zipf's law"
    return Seen(live, words + people, like(live, caches, names))
