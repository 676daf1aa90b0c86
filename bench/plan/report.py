"""The report of ``bench plan``: the verdict, one TTL for each RRset, the table, other ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.tables import Table
from dnsd.config.units import format_duration
from dnsd.ttladvice.advice import rate

if TYPE_CHECKING:
    from bench.plan.results import Line, PlanStudy, Recommended
    from bench.study.text import Part

TITLE = "Which TTL: what it costs, what it buys"
SHOWN = 20
"""RRsets that are shown; the file has all."""


def parts(study: PlanStudy) -> list[Part]:
    """Return the sections of the report."""
    return [
        *(f"**{one}**" for one in sentences(study)),
        *tables(study),
        _left_out(study),
        _words(study),
    ]


def sentences(study: PlanStudy) -> list[str]:
    """Return what the plan comes to."""
    return [one for one in (study.sentence, study.verdict, study.together) if one]


def tables(study: PlanStudy) -> list[Table]:
    """Return the tables that have rows."""
    found = [table(study), ways_table(study), advice_table(study), names_table(study)]
    return [one for one in found if one.rows]


def table(study: PlanStudy) -> Table:
    """Return the table of TTLs."""
    budget = "at the peak" if study.queries is None else f"within {study.queries:g}/s"
    goal = "objective" if study.objective is None else f"within {format_duration(study.objective)}"
    head = ["TTL, s", "queries/s", "peak", budget, "fixed TTL: half, 95 %, last back, s"]
    head += ["dnsd: half, 95 %, last back, s", "with a floor, s", goal, "fits"]
    rows = [
        [
            str(line.ttl),
            price(line),
            _rate(line.peak_most if line.peak_likely is None else line.peak_likely),
            line.budget,
            f"{line.fixed_median:,.0f}, {line.fixed_p95:,.0f}, {line.fixed_worst:,.0f}",
            f"{line.dnsd_median:,.0f}, {line.dnsd_p95:,.0f}, {line.dnsd_worst:,.0f}",
            f"{line.dnsd_floored:,.0f}",
            "yes" if line.objective else "no",
            "**yes**" if line.fits else "",
        ]
        for line in study.lines
    ]
    return Table("TTLs", head, rows)


def ways_table(study: PlanStudy) -> Table:
    """Return the table of other ways to check."""
    head = ["interval", "fast_interval", "down", "largest TTL, s", "worst case, s", "queries/s"]
    head += ["checks/s of a member", "budget"]
    rows = [
        [
            format_duration(way.interval),
            format_duration(way.fast_interval),
            str(way.down),
            str(way.line.ttl),
            f"{way.line.dnsd_worst:,.1f}",
            price(way.line),
            f"{way.checks:.3g}",
            way.line.budget,
        ]
        for way in study.ways
    ]
    goal = format_duration(study.objective or 0.0)
    return Table(f"Ways to check that recover within {goal}", head, rows)


def advice_table(study: PlanStudy) -> Table:
    """Return one TTL for each RRset, with the reason; those first that cost most today."""
    head = ["RRset", "TTL today", "TTL", "queries/s today", "then", "peak", "worst, s", "why"]
    rows = [
        [
            one.name,
            str(one.today),
            str(one.ttl),
            rate(one.now),
            f"{rate(one.mean)} ({rate(one.least)} to {rate(one.most)})",
            rate(one.peak),
            "-" if one.worst is None else f"{one.worst:.0f}",
            _why(one),
        ]
        for one in study.advice[:SHOWN]
    ]
    more = len(study.advice) - len(rows)
    return Table(
        "One TTL for each RRset" + (f" ({more:,} more in the JSON)" if more else ""), head, rows
    )


def _why(one: Recommended) -> str:
    return f"{one.why.rstrip(',')}; {one.step}" if one.step else one.why


def names_table(study: PlanStudy) -> Table:
    """Return what is asked together for each name, by type."""
    types = ("A", "AAAA", "HTTPS", "CNAME")
    head = ["name", *types, "others", "together, queries/s"]
    rows = []
    for one in study.names:
        others = sum(rate for rtype, rate in one.types.items() if rtype not in types)
        cells = [rate(one.types[rtype]) if rtype in one.types else "" for rtype in types]
        rows.append(
            [one.name, *cells, rate(others) if others else "", rate(sum(one.types.values()))]
        )
    return Table("What is asked for each name", head, rows)


def price(line: Line) -> str:
    """Write the queries per second: one figure, or what is likely between bounds."""
    most = "any number" if line.most is None else _rate(line.most)
    if line.least == line.most:
        return most
    bounds = f"{_rate(line.least)} to {most}"
    return bounds if line.likely is None else f"{_rate(line.likely)} ({bounds})"


def _rate(value: float | None) -> str:
    if value is None:
        return "any number"
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _left_out(study: PlanStudy) -> str:
    if not study.left_out:
        return ""
    return f"{study.left_out} more ways, of which none is plainly better, are not shown."


def _words(study: PlanStudy) -> str:
    now = study.present
    today = f", today {', '.join(f'{ttl:g}' for ttl in study.today)} s" if study.today else ""
    return f"""## What the columns mean

Whose TTL: {study.about_names}{today}; all else keeps its own. Demand: {study.source}. Checks:
interval {format_duration(now.interval)}, timeout {format_duration(now.timeout)}, fast_interval
{format_duration(now.fast_interval)}, down {now.down}, ttl_min {study.ttl_min}. Times are from the
failure of a member until its users are led to another one, counted by lookups. The last is that of
a cache that keeps to TTLs, was filled at the worst moment, and counts whole seconds;
{study.floor.share:.1%} of the resolvers hold nothing for less than {study.floor.seconds:g} s, which
is in the half and the 95 %, and beside the last. Queries are those of the mean, with an interval of
95 %; the budget is held against the busiest hour. Where only a rate at one TTL is known, they lie
between two bounds: caches with little demand ask for each of their lookups, caches with much of it
once each TTL. Each way to check is better than any other in something: a larger TTL, fewer checks,
or more failures before a member is taken out."""
