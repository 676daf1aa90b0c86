"""Reports as Markdown and tables on a terminal, from data: no figure is ever typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import rich.box
import rich.table

from bench.tables import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.study.results import About

Part: TypeAlias = str | Table
"""What a report is made of: Markdown as it stands, or a table."""


def report(title: str, about: About, parts: Sequence[Part], picture: str) -> str:
    """Return the report: title, picture ("": none), parts, and what is needed to repeat it."""
    blocks = [f"# {title}", f"Measured {about.created}."]
    blocks += [f"![{title}]({picture})"] if picture else []
    blocks += [part if isinstance(part, str) else table(part) for part in parts]
    blocks += ["## How it was measured", origin(about)]
    return "\n\n".join(blocks) + "\n"


def table(found: Table, level: int = 2) -> str:
    """Return ``found`` as Markdown under a heading of its own (level 0: without one)."""
    lines = ["| " + " | ".join(row) + " |" for row in (found.head, *found.rows)]
    lines.insert(1, "| --- |" + " ---: |" * (len(found.head) - 1))
    heading = f"{'#' * level} {found.title}\n\n" if level else ""
    return heading + "\n".join(lines)


def grid(found: Table) -> rich.table.Table:
    """Return ``found`` for a terminal."""
    shown = rich.table.Table(title=found.title, box=rich.box.SIMPLE_HEAD, title_justify="left")
    for index, name in enumerate(found.head):
        shown.add_column(name, justify="right" if index else "left")
    for row in found.rows:
        shown.add_row(*row)
    return shown


def origin(about: About) -> str:
    """Return machine, versions, settings, seeds, problems and the command, as a list."""
    lines = [f"Command: `{about.command}`", f"Machine: {pairs(about.machine)}"]
    for name, items in (("Versions", about.versions), ("Settings", about.settings)):
        lines += [f"{name}: {pairs(items)}"] if items else []
    lines += [f"Seeds: {pairs(about.seeds)}"] if about.seeds else []
    lines += [f"Repeats: {about.repeats}"] if about.repeats > 1 else []
    lines += [f"Not measured: {problem}" for problem in about.problems]
    return "\n".join(f"- {line}" for line in lines)


def pairs(items: Mapping[str, object]) -> str:
    """Return ``items`` in one line."""
    return ", ".join(f"{key} {value}" for key, value in items.items())
