"""The report of ``bench plan``: the verdict, the table, the other ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.tables import Table
from dnsd.config.units import format_duration

if TYPE_CHECKING:
    from bench.plan.results import Line, PlanStudy
    from bench.study.text import Part

TITLE = "Which TTL: what it costs, what it buys"


def parts(study: PlanStudy) -> list[Part]:
    """Return the sections of the report."""
    found: list[Part] = [f"**{study.verdict}**", table(study)]
    if study.ways:
        found += [ways_table(study), *([_left_out(study)] if study.left_out else [])]
    return [*found, _words(study)]


def table(study: PlanStudy) -> Table:
    """Return the table of TTLs."""
    head = ["TTL, s", "queries/s", f"within {study.queries:g}/s", "worst case, TTL fixed, s"]
    head += ["worst case, dnsd, s", f"within {format_duration(study.objective)}", "fits"]
    rows = [
        [
            str(line.ttl),
            price(line),
            line.budget,
            _long(line.fixed),
            _long(line.worst),
            "yes" if line.objective else "no",
            "**yes**" if line.fits else "",
        ]
        for line in study.lines
    ]
    return Table("TTLs", head, rows)


def ways_table(study: PlanStudy) -> Table:
    """Return the table of other ways to check."""
    head = ["interval", "fast_interval", "down", "largest TTL, s", "worst case, s", "queries/s"]
    head += ["checks/s of a member", f"within {study.queries:g}/s"]
    rows = [
        [
            _spell(way.interval),
            _spell(way.fast_interval),
            str(way.down),
            str(way.line.ttl),
            _long(way.line.worst),
            price(way.line),
            f"{way.checks:.3g}",
            way.line.budget,
        ]
        for way in study.ways
    ]
    return Table(
        f"Ways to check that recover within {format_duration(study.objective)}", head, rows
    )


def price(line: Line) -> str:
    """Write the queries per second: one figure, or what is likely between bounds."""
    most = "any number" if line.most is None else _rate(line.most)
    if line.least == line.most:
        return most
    bounds = f"{_rate(line.least)} to {most}"
    return bounds if line.likely is None else f"{_rate(line.likely)} ({bounds})"


def _rate(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _long(seconds: float) -> str:
    return f"{seconds:,.1f}"


def _spell(seconds: float) -> str:
    return format_duration(seconds)


def _left_out(study: PlanStudy) -> str:
    return f"{study.left_out} more ways, of which none is plainly better, are not shown."


def _words(study: PlanStudy) -> str:
    now = study.present
    return f"""## What the columns mean

Demand: {study.source}. Checks now: interval {_spell(now.interval)}, timeout
{_spell(now.timeout)}, fast_interval {_spell(now.fast_interval)}, down {now.down}, ttl_min
{study.ttl_min}. The worst case is that of a client whose cache was filled at the worst moment, from
the failure of a member until the last cache that keeps to TTLs has forgotten it. Where only a rate
at one TTL is known, queries lie between two bounds: caches with little demand ask for each of their
lookups, caches with much of it once each TTL; what stands before the bounds holds if all caches are
alike. Each way to check is better than any other in something: a larger TTL, fewer checks, or more
failures before a member is taken out."""
