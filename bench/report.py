"""Results as tables: for the terminal and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import goals, tables
from bench.stats import spread
from bench.study import text

if TYPE_CHECKING:
    from rich.console import Console

    from bench.results import Report
    from bench.tables import Table


EXPLAINED = (
    "Unless said otherwise the server has one worker on one core, and the load comes from the"
    " other core. The figures of dnsperf (the kinds of queries, tcp-pipelined) are bounded by"
    " dnsperf where the server's core was not fully used; saturation, latency, reload and"
    " tcp-one-query come from bench/asker, which asks faster.",
    "Workers on both cores: server and load generator share the machine's two cores, so queries"
    " per second do not show what two workers can do; CPU per query does.",
    "PSS counts a page that processes share once; that of the large zone is taken after a second"
    " of queries all over it. A warm start is a second start in the same"
    " directory.",
)


def all_tables(report: Report) -> list[Table]:
    """Return the goals, where there are figures for any, and all the figures."""
    first = goals.table(report)
    return [*([first] if first else []), *tables.tables(report)]


def remarks(report: Report) -> list[str]:
    """Return what a reader has to know: machine, settings, versions, what went wrong."""
    lines = [
        f"Command: `{report.command}`",
        "Machine: " + text.pairs(report.machine),
        "Settings: " + text.pairs(report.settings),
        "Each figure is the median of the rounds, ± half their range; ratios are the median of"
        " the rounds' ratios.",
        *(EXPLAINED if report.latencies else ()),
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


def markdown(report: Report) -> str:
    """Return the whole report as Markdown."""
    parts = [f"# Measured {report.created}\n"]
    for table in all_tables(report):
        parts.append(text.table(table) + "\n")
    parts.append("\n".join(f"- {line}" for line in remarks(report)) + "\n")
    return "\n".join(parts)


def show(report: Report, console: Console) -> None:
    """Print the report's tables and remarks."""
    for table in all_tables(report):
        console.print(text.grid(table))
    for line in remarks(report):
        console.print(line, highlight=False, markup=False)
