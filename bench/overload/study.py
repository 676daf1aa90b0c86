"""What overload did to each server, as data, and the report. Pure."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.study import results
from bench.study.figures import Figure
from bench.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.study.text import Part

TITLE = "Servers that are asked more than they can answer"
GOAL = 0.8
"""Share of its capacity that a server must still answer under overload."""

WORDS = """\
Each server has one core, which it shares with programs that want all of it, and one worker or
thread. Its capacity is the most that it answers while
there are always some queries waiting, measured before and after. In between comes the overload:
queries at a multiple of that rate, whether answers come or not, from a core of their own. Goodput
is what is answered within a second, as a share of the capacity. Meanwhile a monitor asks over TCP,
each time on a new connection, as a node's check of itself does, and dnsd is asked for its status.

"asked" is the multiple that the load generator really reached."""


class Row(results.Row, frozen=True):
    """One server under one load; rates are queries a second, times µs (``*_ms``: ms).

    ``asked`` and ``answered`` are shares of ``capacity``. ``checks`` were made over TCP, and
    ``checked`` of them answered, the slowest after ``check_ms``. ``status_ms`` is how long the
    slowest of the server's own status commands took, None where there is none. ``replaced``:
    processes that were there before and are not any more.
    """

    server: str
    capacity: float
    asked: float
    answered: float
    p50: float
    p99: float
    checks: int
    checked: int
    check_ms: float
    status_ms: float | None
    replaced: int


class Overload(results.Study, frozen=True, kw_only=True):
    """All rows; ``factor`` is the multiple of the capacity that was wanted."""

    factor: float
    rows: list[Row]


def faults(found: Overload, server: str = "dnsd") -> list[str]:
    """Return what ``server`` failed to do: sentences, none if all is well."""
    rows = [row for row in found.rows if row.server == server]
    sentences = []
    if rows and (share := _median(rows, lambda row: row.answered)) < GOAL:
        sentences.append(f"{server} answered {share:.0%} of its capacity, not {GOAL:.0%}")
    if lost := sum(row.checks - row.checked for row in rows):
        sentences.append(f"{lost} checks of {server} over TCP were not answered")
    if gone := sum(row.replaced for row in rows):
        sentences.append(f"{gone} processes of {server} were replaced")
    return sentences


def figures(found: Overload) -> list[Figure]:
    """Return each server's capacity and goodput."""
    return [
        figure
        for row in found.rows
        for figure in (
            Figure(f"{row.server}: capacity", "q/s", [row.capacity]),
            Figure(f"{row.server}: goodput", "% of the capacity", [100 * row.answered]),
        )
    ]


def table(found: Overload) -> Table:
    """Return the medians of all repeats, by server."""
    head = ["server", "capacity, q/s", "asked", "goodput", "p50, ms", "p99, ms"]
    head += ["checks answered", "slowest check, ms", "status, ms", "processes replaced"]
    names = dict.fromkeys(row.server for row in found.rows)
    rows = [_line(name, [row for row in found.rows if row.server == name]) for name in names]
    return Table(f"At {found.factor:g} times the capacity", head, rows)


def parts(found: Overload) -> list[Part]:
    """Return the sections of the report."""
    return [WORDS, table(found), *(f"**{sentence}**" for sentence in faults(found))]


def _line(name: str, rows: Sequence[Row]) -> list[str]:
    statuses = [row.status_ms for row in rows if row.status_ms is not None]
    return [
        name,
        f"{_median(rows, lambda row: row.capacity):,.0f}",
        f"{_median(rows, lambda row: row.asked):.1f} ×",
        f"{_median(rows, lambda row: row.answered):.0%}",
        f"{_median(rows, lambda row: row.p50) / 1000:.1f}",
        f"{_median(rows, lambda row: row.p99) / 1000:.1f}",
        f"{sum(row.checked for row in rows)} of {sum(row.checks for row in rows)}",
        f"{max(row.check_ms for row in rows):.0f}",
        f"{max(statuses):.0f}" if statuses else "",
        str(sum(row.replaced for row in rows)),
    ]


def _median(rows: Sequence[Row], value: Callable[[Row], float]) -> float:
    return statistics.median(map(value, rows))
