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
from bench.ttl import TTLS
from dnsd.config.policy import Rules
from dnsd.config.units import format_duration, parse_duration
from dnsd.failover.objective import FLIP_S, LATE_S, Timing
from dnsd.ttl.recovery import Floors

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.plan.choice import Checks
    from bench.plan.results import Dot
    from bench.plan.source import Source
    from bench.plan.study import Beside
    from dnsd.failover.price import Live

_Command = TypeVar("_Command", bound="Callable[..., Any]")

WEEK_S = 604_800
_POSITIVE = click.FloatRange(0, 1e9, min_open=True)

USUAL = Rules(type="A", check="none")
"""What a policy says that says nothing of how to check."""


def _seconds(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> float | None:
    """Read a duration as a policy has it; what is none is a sentence."""
    if text is None:
        return None
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
@click.option("--qps-budget", "budget", type=_POSITIVE, help="Queries/s at most, at the peak.")
@click.option("--rto", callback=_seconds, help="Recovery time objective, as 60s; else policies'.")
@click.option("--demand", type=click.Path(path_type=Path), help="A log of queries; see below.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="dnsd's: its zones, policies and their checks.",
)
@click.option("--zone", type=click.Path(path_type=Path), help="One zone file, with its policy.")
@click.option("--name", multiple=True, help="Plan the TTL of this name; may be repeated.")
@click.option("--summary", type=click.Path(path_type=Path), help="Write what dnsd check reads.")
@click.option("--from", "file", type=click.Path(path_type=Path), help="Results of bench ttl.")
@click.option("--live", is_flag=True, help="Count what a running dnsd is asked; with --at-ttl.")
@click.option(
    "--seconds", type=_POSITIVE, default=120.0, show_default=True, help="How long to count."
)
@click.option("--rate", type=_POSITIVE, help="Queries/s that are known; with --at-ttl.")
@click.option(
    "--at-ttl", type=click.FloatRange(0, WEEK_S), help="The TTL today, of the rate or the log."
)
@click.option("--lookups", type=_POSITIVE, help="Lookups/s of all users; with --caches.")
@click.option("--caches", type=click.IntRange(1), help="How many caches ask.")
@click.option(
    "--names", type=click.IntRange(1), default=1, show_default=True, help="Names they ask for."
)
@click.option(
    "--swing", type=click.FloatRange(0, 1), default=0.0, help="Of lookups, over a day (0 to 1)."
)
@_duration("--interval", USUAL.interval, "Of checks, where no policy says it.")
@_duration("--timeout", USUAL.timeout, "Of a check.")
@_duration("--fast-interval", USUAL.fast_interval, "Of suspects.")
@click.option(
    "--down", type=click.IntRange(1, 100), default=USUAL.down, help="Failures until down."
)
@click.option(
    "--ttl-min", type=click.IntRange(0, WEEK_S), default=USUAL.ttl_min, help="The policy's."
)
@_duration("--floor", Floors().seconds, "Some resolvers hold nothing for less.")
@click.option(
    "--floor-share",
    type=click.FloatRange(0, 1),
    default=Floors().share,
    show_default=True,
    help="So many of them.",
)
@click.option("--ttl", "ttls", type=click.IntRange(0, WEEK_S), multiple=True, default=TTLS)
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@sentences
def plan(
    budget: float | None,
    rto: float | None,
    ttls: tuple[int, ...],
    output: Path | None,
    **how: Any,
) -> None:
    """Show which TTLs keep a budget of queries and recover in time, from measured demand.

    \b
    Of the demand one of these is known:
      --demand FILE    a log of queries (pcap, dnstap; the query log of BIND, Unbound or PowerDNS;
                       CSV "time,source,name,type"; each also with gzip), with --config, --zone,
                       or --at-ttl; --summary keeps it for dnsd check and dnsd rto. Or what
                       dnsd demand --json or --csv wrote, or --summary
      --from FILE      results of bench ttl; --lookups says how much it is instead
      --live, --rate   queries/s at one TTL (--at-ttl), and from how many --caches for --names
      --lookups        how much users look up, at how many --caches
    """
    needed()
    from bench.plan import report, study
    from bench.plan.choice import Limits
    from bench.plan.kind import KIND
    from bench.study import text

    checks = _checks(how)
    source, checks, rto, beside = _subject(how, checks, budget, rto)
    settings = {"budget": f"{budget or 0:g}", "objective": format_duration(rto) if rto else "none"}
    limits = Limits(budget, rto)
    found = study.plan(source, limits, checks, set(ttls), settings, beside)
    path = output or DIRECTORY / time.strftime("plan-%Y%m%dT%H%M%S.json")
    written = KIND.write(found, path)
    console = Console(width=130)
    for shown in report.tables(found):
        console.print(text.grid(shown), markup=False)
    for sentence in report.sentences(found):
        console.print(sentence, highlight=False, markup=False)
    tell(written)


def _checks(how: dict[str, Any]) -> Checks:
    """Return how members are checked as it is typed."""
    from bench.plan.choice import Checks

    times = how["interval"], how["timeout"], how["fast_interval"], how["down"]
    floors = Floors(how["floor_share"], how["floor"])
    return Checks(Timing(*times, FLIP_S + LATE_S), how["ttl_min"], floors)


def _subject(
    how: dict[str, Any], checks: Checks, budget: float | None, rto: float | None
) -> tuple[Source, Checks, float | None, Beside]:
    """Return the demand, how is checked, the objective, and what stands beside the curve."""
    from bench.plan.study import Beside

    told = [name for name in ("demand", "file", "live", "rate", "lookups") if how[name]]
    if told not in (["demand"], ["file"], ["file", "lookups"], ["live"], ["rate"], ["lookups"]):
        raise StudyError(
            "say where demand is known from: --demand FILE, --from FILE (and --lookups to change"
            " how much it is), --live, --rate, or --lookups"
        )
    if how["demand"]:
        return _of_log(how, checks, budget, rto)
    today = () if how["at_ttl"] is None else (how["at_ttl"],)
    if how["file"]:
        source, dots = _of_file(how)
        return source, checks, rto, Beside(today=today, dots=dots)
    source = _of_lookups(how) if how["lookups"] else _of_rate(how)
    return source, checks, rto, Beside(today=today)


def _of_log(
    how: dict[str, Any], checks: Checks, budget: float | None, rto: float | None
) -> tuple[Source, Checks, float | None, Beside]:
    from bench.demand.text import absolute
    from bench.plan import logged, site
    from bench.plan.study import Beside
    from dnsd.ttl import demand

    if sum(how[name] is not None for name in ("config", "zone", "at_ttl")) > 1:
        raise StudyError("TTLs are those of --config, or of --zone, or of --at-ttl: say one")
    names = frozenset(map(absolute, how["name"]))
    wanted = logged.Wanted(names, rto, checks, how["at_ttl"])
    read = site.of_config if how["config"] else site.of_zone
    where = how["config"] or how["zone"]
    found = logged.subjects(how["demand"], read(where) if where else None, wanted)
    if how["summary"]:
        demand.write(found.source.summary, how["summary"])
    if found.goal is not None:
        rto = found.goal.objective
        checks = checks._replace(timing=found.goal.timing, ttl_min=found.goal.ttl_min)
    advice, together = logged.advised(found.found, budget, checks.floors)
    names_ = logged.together(found.source)
    beside = Beside(found.words, found.today, (), tuple(advice), together, tuple(names_))
    return found.source, checks, rto, beside


def _of_file(how: dict[str, Any]) -> tuple[Source, tuple[Dot, ...]]:
    """Return the demand of a study of ``bench ttl``, and what real resolvers asked in it."""
    from bench.plan.results import Dot
    from bench.plan.source import of_study
    from bench.study.results import load
    from bench.ttl.demand import Population
    from bench.ttl.results import TtlStudy

    study = load(how["file"], TtlStudy)
    people = study.population
    if people is None:
        raise StudyError(f"{how['file']} was measured with the demand of a log: give --demand")
    population = Population(
        people.caches,
        people.names,
        how["lookups"] or people.rate,
        people.cache_skew,
        people.name_skew,
    )
    real = [each for each in study.dots() if each.real and population.rate == people.rate]
    dots = tuple(Dot(each.ttl, each.rate, each.low, each.high, each.kind) for each in real)
    return of_study(study, population, how["file"].name, how["swing"]), dots


def _of_lookups(how: dict[str, Any]) -> Source:
    from bench.plan.source import of_lookups
    from bench.ttl.demand import Population

    if how["caches"] is None:
        raise StudyError("--lookups says how much, --caches has to say by how many caches")
    return of_lookups(Population(how["caches"], how["names"], how["lookups"]), how["swing"])


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
