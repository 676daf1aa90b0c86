"""``dnsd demand``: what caches look up, from the sample that a node keeps (``[demand]``).

Knows how it is shown; the estimates are those of :mod:`dnsd.ttladvice.counted`.
"""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option
from dnsd.cli.output import echo
from dnsd.errors import AdminError
from dnsd.text import duration
from dnsd.ttladvice import counted
from dnsd.ttladvice.counted import Counted, Day, WorkerCount
from dnsd.ttladvice.demand import DemandFile, encoded

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from dnsd.ttladvice.demand import RRsetDemand

SHOWN = 20
"""RRsets in the table; with --json and --csv there are all of them."""

COLUMNS = ("name", "type", "rate", "caches", "ttl", "kind", "sources")
"""Of CSV: one row for each group of caches that are asked alike."""


class Found(NamedTuple):
    """The known demand, and the sources behind it."""

    summary: DemandFile
    pairs: list[Counted]
    seconds: float
    networks: int


@click.command()
@config_option
@click.option("--json", "form", flag_value="json", help="Print a demand file, for dnsd rto.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV, for programs.")
@click.option("--last", is_flag=True, help="Show the previous window, which is complete.")
def demand(config_file: Path | None, form: str | None, last: bool) -> None:
    """Show how often caches look up what this node serves.

    A node sees only what caches do not know. With [demand] enabled it keeps a sample of which
    cache asks for what, from which the lookups behind are estimated: n / (W - nT) a second for n
    questions in the time W, to an RRset with the TTL T. Every sum is without bias, and its
    interval of 95 % says how much depends on which caches happened to ask.

    "dnsd demand --json > FILE" writes what dnsd rto --demand FILE, dnsd check and python -m bench
    plan --demand FILE read. No address and no time of a query is in it.
    """
    found = _found(ask(socket_path(config_file), "demand", last=last))
    if form == "json":
        echo(encoded(found.summary).decode(), nl=False)
    elif form == "csv":
        echo(_csv(found.summary), nl=False)
    else:
        from dnsd.cli.console import SafeConsole

        SafeConsole().print(_picture(found))


def counted_by_node(config_file: Path | None) -> tuple[DemandFile, float]:
    """Return what the running node has counted in the longer one of its windows, and its seconds.

    AdminError if it counts nothing, or does not run.
    """
    path = socket_path(config_file)
    windows = [ask(path, "demand")]
    with suppress(AdminError):
        windows.append(ask(path, "demand", last=True))
    found = _found(max(windows, key=lambda told: float(told["seconds"])))
    return found.summary, found.seconds


def _found(told: dict[str, Any]) -> Found:
    seconds = told["seconds"]
    networks = len({pair.pop("network") for pair in told["pairs"]})
    pairs = [Counted(**{**pair, "parts": _parts(pair)}) for pair in told["pairs"]]
    day = Day(tuple(told["hours"]), counted.seen(told["began"], seconds))
    words = _words(told, pairs, networks)
    summary = DemandFile(words=words, rrsets=counted.demand(pairs, seconds, day))
    return Found(summary, pairs, seconds, networks)


def _parts(pair: dict[str, Any]) -> tuple[WorkerCount, ...]:
    return tuple(WorkerCount(queries, tuple(gaps)) for queries, gaps in pair["parts"])


def _words(told: dict[str, Any], pairs: list[Counted], networks: int) -> str:
    """Return in a sentence where the demand is known from, and how well."""
    sources = {pair.source for pair in pairs}
    found = [
        f"{told['queries']:,} queries that a node has counted for {duration(told['seconds'])}, from"
        f" {len(sources):,} sources in {networks:,} networks"
    ]
    if any(pair.share < 1 for pair in pairs):
        share = len(pairs) / sum(1 / pair.share for pair in pairs)
        found[0] += f" of a random sample of {share:.1%} of all pairs of a source and an RRset"
    behind = counted.caches_behind(pairs, told["seconds"]).values()
    if many := [caches for caches in behind if caches > 1]:
        found.append(f"{len(many):,} sources have several caches behind them ({sum(many):,})")
    if uncertain := counted.saturated(pairs, told["seconds"]):
        found.append(
            f"{uncertain:.1%} of the queries come from caches that ask as often as the TTL allows, "
            "so the cost of shorter TTLs is uncertain"
        )
    if other := told["others"] + told["long"]:
        found.append(f"{other:,} more queries were for names that are not counted separately")
    return "; ".join(found)


def _csv(summary: DemandFile) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in summary.rrsets:
        for group in one.caches:
            writer.writerow(
                (
                    one.name,
                    one.type,
                    f"{group.rate:.6g}",
                    f"{group.count:.6g}",
                    f"{one.ttl:g}",
                    one.kind,
                    f"{group.sources:.6g}",
                )
            )
    return text.getvalue()


def _picture(found: Found) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from dnsd.cli.tables import table

    rrsets = sorted(found.summary.rrsets, key=lambda one: -one.lookups)
    if not rrsets:
        return Text(f"{found.summary.words}: no demand is known yet")
    shown = table("name", "type", "TTL", "caches", "lookups/s", "queries/s", "at peak")
    for one in rrsets[:SHOWN]:
        shown.add_row(*_row(one))
    more = len(rrsets) - SHOWN
    parts: list[RenderableType] = [shown]
    if more > 0:
        parts.append(Text(f"and {more:,} more: dnsd demand --csv", style="dim"))
    return Group(*parts, Text(""), Text(found.summary.words, style="dim"), *_peak(rrsets[0]))


def _row(one: RRsetDemand) -> tuple[str, ...]:
    price, peak = one.price(one.ttl), one.at_peak(one.ttl)
    return (
        one.name,
        "does not exist" if one.kind == "negative" else one.type,
        f"{one.ttl:g}",
        f"{sum(group.count for group in one.caches):,.0f}",
        f"{one.lookups:.3g}",
        f"{price.likely:.3g} ({price.least:.3g} to {price.most:.3g})",
        f"{peak.likely:.3g}",
    )


def _peak(one: RRsetDemand) -> list[RenderableType]:
    from rich.text import Text

    if len(one.levels) < 2:
        return [Text("no daily course: not all hours of a day were seen", style="dim")]
    hour = one.levels.index(max(one.levels))
    mean = sum(one.levels) / len(one.levels)
    times = max(one.levels) / mean
    return [Text(f"the busiest hour is {hour}:00 UTC: {times:.2f} times the mean", style="dim")]
