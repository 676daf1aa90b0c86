"""What the lab measured, as data, as a table and as the JSON file it is kept in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from rich.table import Table

from bench.stats import spread
from bench.study import text

if TYPE_CHECKING:
    from pathlib import Path


class Run(msgspec.Struct, frozen=True):
    """One event, once, as one client saw it.

    ``window_ms`` is from the first lost query until after the last one; ``answered_by`` says
    who answered in turn: more than once where that differs between the VIPs. It was watched
    for ``watched_ms``: fewer queries than that were sent where the machine was busy.
    """

    stack: str
    event: str
    repeat: int
    client: str
    sent: int
    lost: int
    window_ms: float
    answered_by: list[str]
    watched_ms: float


class Report(msgspec.Struct, frozen=True):
    """All of one measurement. ``titles`` and ``allowed`` are by event."""

    created: str
    command: str
    machine: dict[str, str]
    versions: dict[str, str]
    titles: dict[str, str]
    allowed: dict[str, int | None]
    runs: list[Run]
    failures: list[str]


class Row(msgspec.Struct, frozen=True):
    """An event in figures: lost queries and ms of the client that lost most in each repeat.

    ``moves`` is how often the client that was moved most came to another city.
    """

    stack: str
    event: str
    repeats: int
    lost: str
    window_ms: str
    most: int
    moves: int


def rows(runs: list[Run]) -> list[Row]:
    """Sum up the repeats of each event with each stack: median (least to most)."""
    found = []
    for stack, event in dict.fromkeys((run.stack, run.event) for run in runs):
        same = [run for run in runs if (run.stack, run.event) == (stack, event)]
        numbers = sorted({run.repeat for run in same})
        worst = [
            max((run for run in same if run.repeat == number), key=lambda run: run.lost)
            for number in numbers
        ]
        found.append(
            Row(
                stack,
                event,
                len(worst),
                _figures([run.lost for run in worst]),
                _figures([run.window_ms for run in worst]),
                max(run.lost for run in worst),
                max(map(_moves, same)),
            )
        )
    return found


def _moves(run: Run) -> int:
    """Return how often the client's queries came to another city."""
    return max((by.count("→") for by in run.answered_by), default=0)


def _figures(values: list[float] | list[int]) -> str:
    found = spread(values)
    if found is None:
        return ""
    return f"{found.median:,.0f} ({found.low:,.0f}–{found.high:,.0f})"


def _asked(runs: list[Run]) -> float:
    """Return the share of the milliseconds in which a client has asked."""
    return sum(run.sent for run in runs) / max(1.0, sum(run.watched_ms for run in runs))


HEAD = ("stack", "event", "repeats", "lost queries", "ms", "moves", "allowed", "kept")


def cells(report: Report) -> list[tuple[str, ...]]:
    """Return the rows of the table, each figure as median (least to most)."""
    found: list[tuple[str, ...]] = []
    for row in rows(report.runs):
        allowed = report.allowed.get(row.event) if row.stack == "dnsd" else None
        found.append(
            (
                row.stack,
                report.titles[row.event],
                str(row.repeats),
                row.lost,
                row.window_ms,
                str(row.moves),
                "" if allowed is None else str(allowed),
                "" if allowed is None else ("yes" if row.most <= allowed else "NO"),
            )
        )
    return found


def table(report: Report) -> Table:
    """Return the report for the terminal."""
    shown = Table(*HEAD, title="Lost queries of the client that lost most: median (range)")
    for row in cells(report):
        shown.add_row(*row)
    return shown


def markdown(report: Report) -> str:
    """Return the report as Markdown."""
    lines = [" | ".join(row) for row in (HEAD, ("---",) * len(HEAD), *cells(report))]
    return "\n".join(
        [
            f"# The three cities, measured {report.created}\n",
            "Each client asks one query a millisecond, IPv4 and IPv6 in turn. Figures are those of"
            " the client that lost most: median (least–most) of the repeats; moves are how often a"
            " client came to another city, at the most.\n",
            *(f"| {line} |" for line in lines),
            "",
            *(f"- {failure}" for failure in report.failures),
            f"- A query was sent in {_asked(report.runs):.1%} of the milliseconds; in the others"
            " the machine was busy.",
            f"- Command: `{report.command}`",
            f"- Machine: {text.pairs(report.machine)}",
            f"- Versions: {text.pairs(report.versions)}",
            "",
        ]
    )


def save(report: Report, path: Path) -> None:
    """Write ``report`` as indented JSON, and beside it as Markdown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    path.with_suffix(".md").write_text(markdown(report))


def load(path: Path) -> Report:
    """Read what :func:`save` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Report)


def merge(reports: list[Report]) -> Report:
    """Join measurements of different stacks, or of different events, into one."""
    first = reports[0]
    return msgspec.structs.replace(
        first,
        created="; ".join(dict.fromkeys(one.created for one in reports)),
        command=" && ".join(one.command for one in reports),
        machine=_joined([one.machine for one in reports]),
        versions=_joined([one.versions for one in reports]),
        titles={key: title for one in reports for key, title in one.titles.items()},
        allowed={key: most for one in reports for key, most in one.allowed.items()},
        runs=[run for one in reports for run in one.runs],
        failures=[failure for one in reports for failure in one.failures],
    )


def _joined(items: list[dict[str, str]]) -> dict[str, str]:
    keys = dict.fromkeys(key for one in items for key in one)
    return {key: "; ".join(dict.fromkeys(one[key] for one in items if key in one)) for key in keys}
