"""What the study of directors has found: a row for each event, a table, and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.study import results
from bench.study.results import Study
from bench.study.text import origin, table
from bench.tables import Table

if TYPE_CHECKING:
    from pathlib import Path

TITLE = "A director, and what each event costs the flows that run meanwhile"


class Row(msgspec.Struct, frozen=True):
    """An event; ``met``: whether the goal was reached."""

    event: str
    goal: str
    measured: str
    met: bool


class Balance(Study, frozen=True, kw_only=True):
    """All of it."""

    rows: list[Row]


def shown(study: Balance) -> Table:
    """Return the rows as a table."""
    cells = [[row.event, row.goal, row.measured, "yes" if row.met else "NO"] for row in study.rows]
    return Table(TITLE, ["event", "goal", "measured", "met"], cells)


def save(study: Balance, path: Path) -> None:
    """Write ``study`` as JSON, and its table as Markdown beside it."""
    results.save(study, path)
    parts = [
        f"# {TITLE}",
        f"Measured {study.about.created}.",
        table(shown(study), 0),
        "## How it was measured",
        origin(study.about),
    ]
    path.with_suffix(".md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
