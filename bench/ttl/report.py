"""The report of ``bench ttl``: tables and sentences, all of them made from the results."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import TYPE_CHECKING

from bench.tables import Table
from bench.ttl.model import LIMIT
from bench.ttl.power import FEW, NEAR
from bench.ttl.results import LATE_S, PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.study.text import Part
    from bench.ttl.results import Cell, Loss, TtlStudy

TITLE = "Queries at the authoritative server against the TTL"


def parts(study: TtlStudy) -> list[Part]:
    """Return the sections of the report."""
    found: list[Part] = [_summary(study)]
    if study.habits:
        found.append(habits_table(study))
    if real := study.of("real"):
        found += [real_table(real), power_table("Real resolvers", real)]
    if study.own:
        found.append(own_table(study))
    if study.losses:
        found += [loss_table(study.losses)]
    if simulated := study.of("simulated"):
        found += [simulated_table(simulated), power_table("Simulated caches", simulated)]
    return [*found, _words(study)]


def _summary(study: TtlStudy) -> str:
    lines = [f"{study.server} is asked; the demand is {study.demand}"]
    if study.habits:
        right = sum(habit.agrees for habit in study.habits)
        lines.append(
            f"{right} of {len(study.habits)} things that are documented of resolvers are so"
        )
    lines += [_verdict(part, study.of(part)) for part in ("real", "simulated") if study.of(part)]
    if real := [point for point in study.points if point.part == "real"]:
        late = sum(point.late > LATE_S for point in real)
        most = max(point.late for point in real)
        lines.append(
            f"one lookup in a hundred was sent {most * 1e3:.0f} ms late or more; {late} of"
            f" {len(real)} repeats of a point, more than {LATE_S * 1e3:.0f} ms late, do not count:"
            " the machine was busy"
        )
    return "\n".join(f"- {line}." for line in lines)


def _verdict(part: str, cells: list[Cell]) -> str:
    cells = [cell for cell in cells if cell.late <= LATE_S]
    right = sum(cell.agrees for cell in cells)
    power = statistics.fmean([p for cell in cells for p in cell.rejects().values()] or [0.0])
    what = (
        "as often as the cache of the manual would with the same lookups"
        f" (within {NEAR:.0%}, or {FEW})"
        if part == "real"
        else f"as often as the model says (within {LIMIT:g} σ of the mean of the repeats)"
    )
    return (
        f"{right} of {len(cells)} points of {part} caches ask {what}; the comparison would reject"
        f" {power:.0%} of wrong caches"
    )


def habits_table(study: TtlStudy) -> Table:
    """Return what is documented of each resolver, and what was found, in the first repeat."""
    agreed = defaultdict[tuple[str, str], list[bool]](list)
    for habit in study.habits:
        agreed[habit.kind, habit.what].append(habit.agrees)
    rows = [
        [habit.kind, habit.what, habit.documented, habit.found, _of(agreed[habit.kind, habit.what])]
        for habit in study.habits
        if habit.repeat == 1
    ]
    head = ["resolver", "what", "documented", "found", "agrees"]
    return Table("Resolvers beside what is documented of them", head, rows)


def _of(agreed: list[bool]) -> str:
    if len(set(agreed)) == 1:
        return _yes(agreed[0])
    return f"{sum(agreed)} of {len(agreed)} times"


def real_table(cells: Iterable[Cell]) -> Table:
    """Return what real resolvers asked, and whom an outage reached."""
    head = ["resolver", "TTL, s", "asked/s", "± 95 %", "model/s", "beside", "asked", "documented"]
    head += ["agrees", "hits", "mean, ms", "lost in outage", "model"]
    rows = [
        [
            cell.first.kind,
            str(cell.first.ttl),
            f"{cell.rate:.2f}",
            f"{cell.half:.2f}",
            f"{cell.model:.2f}",
            f"{cell.rate / cell.model - 1:+.1%}",
            f"{cell.asks:,}",
            f"{cell.sum('documented'):,}",
            "busy" if cell.late > LATE_S else _yes(cell.agrees),
            _hits(cell),
            f"{statistics.fmean(point.mean_ms for point in cell.points):.1f}",
            "" if cell.failed is None else f"{cell.failed:.1%}",
            "" if cell.failed is None else f"{cell.first.outage_model:.1%}",
        ]
        for cell in cells
    ]
    return Table("Real resolvers, at the model's demand", head, rows)


def simulated_table(cells: Iterable[Cell]) -> Table:
    """Return what simulated caches asked."""
    head = ["caches", "TTL, s", "repeats", "asked/s", "± 95 %", "model/s", "deviation", "hits"]
    head += ["users waiting", "answers out of date"]
    rows = [
        [
            cell.first.kind,
            str(cell.first.ttl),
            str(len(cell.points)),
            f"{cell.rate:.2f}",
            f"{cell.half:.3f}",
            f"{cell.model:.2f}",
            f"{cell.deviation:+.1f} σ",
            _hits(cell),
            f"{cell.sum('waited') / max(1, cell.sum('lookups')):.1%}",
            f"{cell.sum('stale') / max(1, cell.sum('lookups')):.1%}",
        ]
        for cell in cells
    ]
    return Table("Simulated caches, in compressed time", head, rows)


def _hits(cell: Cell) -> str:
    """Return the share of the lookups for which the server was not asked."""
    return f"{1 - cell.asks / max(1, cell.sum('lookups')):.1%}"


def power_table(who: str, cells: Iterable[Cell]) -> Table:
    """Return which wrong caches the comparison would have rejected."""
    found = defaultdict[str, list[float]](list)
    for cell in cells:
        for name, probability in cell.rejects().items():
            found[name].append(probability)
    rows = [
        [name, str(len(rejected)), f"{statistics.fmean(rejected):.0%}"]
        for name, rejected in found.items()
    ]
    return Table(f"{who}: wrong caches", ["wrong cache", "points", "rejected"], rows)


def own_table(study: TtlStudy) -> Table:
    """Return what operators' own resolvers asked."""
    head = ["resolver", "lookups", "lost", "asked", "one cache asks", "model", "caches seen"]
    rows = [
        [
            own.address,
            f"{own.lookups:,}",
            f"{own.lost:,}",
            f"{own.asks:,}",
            f"{own.documented:,}",
            f"{own.expected * own.seconds:,.1f}",
            str(own.caches),
        ]
        for own in study.own
    ]
    return Table("Own resolvers, by the TTLs of their answers", head, rows)


def loss_table(losses: Iterable[Loss]) -> Table:
    """Return whom outages reach."""
    head = ["TTL, s"]
    columns: list[list[float]] = []
    ttls: list[int] = []
    for loss in losses:
        ttls = loss.ttls
        head += [f"{loss.outage:g} s: model", "simulated", "serving stale"]
        columns += [loss.model, loss.simulated, loss.stale]
    rows = [
        [f"{ttl}", *(f"{column[index]:.1%}" for column in columns)]
        for index, ttl in enumerate(ttls)
    ]
    return Table("Share of lookups without an answer in an outage of the servers", head, rows)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _words(study: TtlStudy) -> str:
    notes = "\n".join(f"- {name}: {words}" for name, words in study.notes.items())
    return f"""## What the columns mean

The model is Σ λ/(1+λT) over all caches and names; demand is a Poisson process. Real resolvers meet
the demand that the model has: each pair of a cache and a name is a name of its own to them, so one
resolver is thousands of caches that are asked as seldom as real ones. *Beside* says how far they
are from the model with the TTL as it stands; *documented* is what a cache that does what the manual
says asks when it meets the same lookups. TTLs are not waited for: caches are filled beforehand with
what they would hold at any moment, for as long as it would be left. The interval is that of chance,
as the model has it, for the mean of the repeats ({PLAIN} Poisson demand, lookups of their own in
each). *Wrong caches* are wrong on purpose: the share of points at which one would have been told
from the real one. *Lost in outage*: lookups without an answer within two seconds while the server
was cut off, beside the model of such caches; the way to the server takes {study.trip * 1e3:g} ms.

{notes}"""
