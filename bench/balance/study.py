"""What the study of directors has found: a row for each event, and the report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.study import results
from bench.study.figures import Figure
from bench.tables import Table

if TYPE_CHECKING:
    from bench.study.text import Part

TITLE = "A director, and what each event costs the flows that run meanwhile"


class Row(results.Row, frozen=True):
    """An event; ``met``: whether the goal was reached."""

    event: str
    goal: str
    measured: str
    met: bool


class Balance(results.Study, frozen=True, kw_only=True):
    """All of it."""

    rows: list[Row]


def parts(study: Balance) -> list[Part]:
    """Return the sections of the report."""
    cells = [[row.event, row.goal, row.measured, "yes" if row.met else "NO"] for row in study.rows]
    return [Table("Events", ["event", "goal", "measured", "met"], cells)]


def figures(study: Balance) -> list[Figure]:
    """Return how many goals were met."""
    return [Figure("goals met", "events", [sum(row.met for row in study.rows)])]


def faults(study: Balance) -> list[str]:
    """Return which goals were missed."""
    return [f"{row.event}: {row.measured} ({row.goal})" for row in study.rows if not row.met]
