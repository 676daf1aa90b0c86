"""A plan's subject from a log: whose TTL is planned, with which goal, and what is advised."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.demand import rates
from bench.demand.reading import is_summary, read
from bench.demand.rows import governed
from bench.demand.source import of_log
from bench.plan.results import Recommended, Together
from bench.plan.source import of_summary
from bench.study.errors import StudyError
from dnsd.failover.objective import largest_ttl
from dnsd.ttladvice import demand
from dnsd.ttladvice.advice import Goal, Subject, advise, mean
from dnsd.ttladvice.held import GoverningRRset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import TypeAlias

    from numpy.typing import NDArray

    from bench.demand.source import Logged
    from bench.plan.choice import Checks
    from bench.plan.site import Site
    from bench.plan.source import Told
    from dnsd.ttladvice.advice import Advice, Advised
    from dnsd.ttladvice.recovery import Floors

    Truths: TypeAlias = NDArray[np.bool_]

MOST_NAMES = 20
"""Names that are listed; those that are asked most."""


class Wanted(NamedTuple):
    """What the operator says: ``names`` to plan for; ``objective`` replaces that of policies.

    ``typed`` is how members are checked where no policy says it. ``at_ttl``: the TTL of all, where
    no zone is known.
    """

    names: frozenset[str]
    objective: float | None
    typed: Checks
    at_ttl: float | None


class _Known(NamedTuple):
    """The rows of a demand, and the demand if some of them are chosen."""

    rows: list[GoverningRRset]
    source: Callable[[Truths | None], Logged | Told]


class Subjects(NamedTuple):
    """The demand, whose TTL is planned (``words``, ``today``), the strictest goal, all RRsets."""

    source: Logged | Told
    words: str
    today: tuple[float, ...]
    goal: Goal | None
    found: tuple[Subject, ...]


def subjects(path: Path, site: Site | None, wanted: Wanted) -> Subjects:
    """Return what is planned from the log at ``path`` for the zones of ``site``."""
    known = _known(path, site, wanted)
    goals = _goals(known.rows, site, wanted)
    chosen = _chosen(known.rows, wanted.names, goals)
    source = known.source(chosen)
    found = _subjects(source, site, goals)
    moves = [True] * len(known.rows) if chosen is None else chosen.tolist()
    moved = [held for held, moved in zip(known.rows, moves, strict=True) if moved]
    strictest = [goals[held.name, held.type] for held in moved if (held.name, held.type) in goals]
    goal = min(strictest, key=_room, default=None)
    today = tuple(sorted({float(held.ttl) for held in moved}))
    return Subjects(source, _words(moved), today, goal, found)


def _known(path: Path, site: Site | None, wanted: Wanted) -> _Known:
    """Return what is in the file at ``path``: a demand file, rates as CSV, or a log."""
    if summary := demand.read(path) if is_summary(path) else rates.read(path):
        told = [
            GoverningRRset(one.name, one.type, one.kind, round(one.ttl)) for one in summary.rrsets
        ]
        return _Known(told, lambda chosen: of_summary(summary, chosen))
    if site is None and wanted.at_ttl is None:
        raise StudyError("a log needs the TTLs: --config or --zone FILE, or one for all, --at-ttl")
    rows = governed(read(path), site.of if site else _at(wanted.at_ttl or 0.0))
    return _Known(rows.rows, lambda chosen: of_log(rows, path.name, chosen))


def _at(ttl: float) -> Callable[[str, str], GoverningRRset]:
    return lambda name, rtype: GoverningRRset(name, rtype, "data", round(ttl))


def _goals(
    rows: list[GoverningRRset], site: Site | None, wanted: Wanted
) -> dict[tuple[str, str], Goal]:
    """Return the goals of pools; without any, the objective is that of all data that is chosen."""
    found = site.goals(wanted.objective) if site else {}
    if found or wanted.objective is None:
        return found
    goal = Goal(wanted.objective, wanted.typed.timing, wanted.typed.ttl_min)
    return {
        (held.name, held.type): goal
        for held in rows
        if held.kind == "data" and (not wanted.names or held.name in wanted.names)
    }


def _chosen(
    rows: list[GoverningRRset], wanted: frozenset[str], goals: Mapping[tuple[str, str], Goal]
) -> Truths | None:
    """Return which rows are planned: those named, else those with a goal; None: all there are."""
    if wanted:
        found = [held.kind == "data" and held.name in wanted for held in rows]
        if not any(found):
            raise StudyError(f"nothing in the log is for {', '.join(sorted(wanted))}")
    else:
        found = [(held.name, held.type) in goals for held in rows]
    return np.array(found, dtype=bool) if any(found) else None


def _subjects(
    source: Logged | Told, site: Site | None, goals: Mapping[tuple[str, str], Goal]
) -> tuple[Subject, ...]:
    if site is None:
        return tuple(
            Subject(asked, round(asked.ttl), goals.get((asked.name, asked.type)))
            for asked in source.summary.rrsets
        )
    return tuple(
        replace(one, goal=goals.get((one.asked.name, one.asked.type)))
        for one in site.subjects(source.summary).found
    )


def _room(goal: Goal) -> int:
    return largest_ttl(goal.timing, goal.ttl_min, goal.objective) or 0


def _words(moved: list[GoverningRRset]) -> str:
    names = sorted({f"{held.name} {held.type}" for held in moved if held.kind == "data"})
    if len(names) <= 3:
        return ", ".join(names)
    return f"{', '.join(names[:2])} and {len(names) - 2:,} more RRsets"


def advised(
    found: tuple[Subject, ...], budget: float | None, floors: Floors
) -> tuple[list[Recommended], str]:
    """Return one TTL for each RRset, and what all of them cost together."""
    told: Advised = advise(found, budget, floors)
    return [_recommended(one) for one in told.found], told.sentence() if found else ""


def _recommended(one: Advice) -> Recommended:
    back = one.back
    return Recommended(
        one.subject.name,
        one.subject.asked.kind,
        one.subject.today,
        one.ttl,
        one.why,
        mean(one.now),
        one.queries.least,
        mean(one.queries),
        one.queries.most,
        mean(one.peak),
        back and back.median,
        back and back.p95,
        back and back.worst,
        back and back.floored,
        one.step,
        one.sentence(),
    )


def together(source: Logged | Told) -> list[Together]:
    """Return what was asked for each name, by type, of the names that were asked most."""
    found: dict[str, dict[str, float]] = {}
    for (name, rtype), rate in source.seen.items():
        found.setdefault(name, {})[rtype] = rate
    most = sorted(found.items(), key=lambda one: -sum(one[1].values()))
    return [Together(name, types) for name, types in most[:MOST_NAMES]]
