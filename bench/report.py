"""Results as tables: for the terminal and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import rich.box
import rich.table

from bench.results import ratio, spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from bench.results import Report, Sample, Start

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the column heads, and the rows (the first cell names the server)."""

    title: str
    head: list[str]
    rows: list[list[str]]


def tables(report: Report) -> list[Table]:
    """Return the tables of ``report``: CPU per query, queries per second, loss, starts."""
    other = f"× {report.reference}"
    return [
        _loads(report, f"CPU per query, µs (and {other})", lambda s: s.cpu_us, _cost),
        _loads(report, f"Queries per second (and {other})", lambda s: s.qps, _rate),
        _loads(report, "Queries lost", lambda s: s.loss, _share),
        _loads(report, "Share of its core that the server used", lambda s: s.busy, _share),
        _starts(report),
    ]


def _loads(
    report: Report, title: str, value: Callable[[Sample], float], cell: Callable[..., str]
) -> Table:
    mixes = list(dict.fromkeys(sample.mix for sample in report.samples))
    rows = []
    for server in report.servers:
        row = [server]
        for mix in mixes:
            of_mix = [s for s in report.samples if s.mix == mix]
            found = spread(value(s) for s in of_mix if s.server == server)
            quotient = ratio(of_mix, server, report.reference, value)
            row.append(cell(found.median, found.deviation, quotient) if found else "–")
        rows.append(row)
    return Table(title, ["server", *mixes], rows)


def _cost(median: float, deviation: float, quotient: float | None) -> str:
    return f"{median:.2f} ±{deviation:.0%}{_times(quotient)}"


def _rate(median: float, deviation: float, quotient: float | None) -> str:
    return f"{median:,.0f} ±{deviation:.0%}{_times(quotient)}"


def _share(median: float, _deviation: float, _quotient: float | None) -> str:
    return f"{median:.3%}" if median < 0.01 else f"{median:.0%}"


def _times(quotient: float | None) -> str:
    return "" if quotient is None else f" (×{quotient:.2f})"


def _starts(report: Report) -> Table:
    def cell(server: str, value: Callable[[Start], float], form: str) -> str:
        found = spread(value(s) for s in report.starts if s.server == server)
        return format(found.median, form) if found else "–"

    head = ["server", "first answer, s", "CPU, s", "PSS, MiB", "peak PSS at start", "sum of VmHWM"]
    rows = [
        [
            server,
            cell(server, lambda s: s.seconds, ".2f"),
            cell(server, lambda s: s.cpu, ".2f"),
            cell(server, lambda s: s.pss / MIB, ".1f"),
            cell(server, lambda s: s.pss_peak / MIB, ".1f"),
            cell(server, lambda s: s.rss_peak / MIB, ".1f"),
        ]
        for server in report.servers
    ]
    return Table("Start and memory", head, rows)


def remarks(report: Report) -> list[str]:
    """Return what a reader has to know: machine, settings, versions, what went wrong."""
    lines = [
        "Machine: " + _pairs(report.machine),
        "Settings: " + _pairs(report.settings),
        "Each figure is the median of the rounds, ± half their range; ratios are the median of"
        " the rounds' ratios.",
    ]
    for name, version in report.servers.items():
        lines.append(f"{name} {version}: {report.notes.get(name, '')}")
    lines += [f"{name} was not measured: {why}" for name, why in report.skipped.items()]
    wrong = sum(sample.wrong for sample in report.samples)
    if wrong:
        lines.append(f"{wrong} answers had a wrong rcode: these figures are not to be trusted.")
    foreign = spread(sample.foreign for sample in report.samples)
    if foreign:
        lines.append(
            "Strangers (and interrupts) used"
            f" {foreign.median:.0%} of the two cores, at most {foreign.high:.0%}."
        )
    return lines


def _pairs(items: dict[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in items.items())


def markdown(report: Report) -> str:
    """Return the whole report as Markdown."""
    parts = [f"# Measured {report.created}\n"]
    for table in tables(report):
        lines = ["| " + " | ".join(row) + " |" for row in [table.head, *table.rows]]
        lines.insert(1, "| --- |" + " ---: |" * (len(table.head) - 1))
        parts.append(f"## {table.title}\n\n" + "\n".join(lines) + "\n")
    parts.append("\n".join(f"- {line}" for line in remarks(report)) + "\n")
    return "\n".join(parts)


def show(report: Report, console: Console) -> None:
    """Print the report's tables and remarks."""
    for table in tables(report):
        grid = rich.table.Table(title=table.title, box=rich.box.SIMPLE_HEAD, title_justify="left")
        for index, name in enumerate(table.head):
            grid.add_column(name, justify="right" if index else "left")
        for row in table.rows:
            grid.add_row(*row)
        console.print(grid)
    for line in remarks(report):
        console.print(line, highlight=False, markup=False)
