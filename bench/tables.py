"""The tables of a report: figures by server, each beside its ratio to the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from bench.stats import Series, of_server, ratio, rival

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.results import Latency, Reload, Report, Sample, Start

MIB = 1 << 20
NOT_PEERS = {"floor", "dnsd-python", "dnsd-demand"}
"""Servers that are shown and that nothing is compared with as a peer."""
LESS, MORE, NEITHER = -1, 1, 0

Row = TypeVar("Row", "Sample", "Start", "Latency", "Reload")


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of all servers: ``better`` says which way, ``form`` how a figure is written."""

    head: str
    series: Series
    form: Callable[[float], str]
    better: int


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the column heads, and the rows (the first cell names the server)."""

    title: str
    head: list[str]
    rows: list[list[str]]


def series(rows: Iterable[Row], value: Callable[[Row], float]) -> Series:
    """Return the figure ``value`` of ``rows``."""
    return {(row.server, row.round): value(row) for row in rows}


def microseconds(value: float) -> str:
    """Write a time in µs."""
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def seconds(value: float) -> str:
    """Write a time in s."""
    return f"{value:.2f}"


def whole(value: float) -> str:
    """Write a count or a rate."""
    return f"{value:,.0f}"


def mebibytes(value: float) -> str:
    """Write a size in MiB."""
    return f"{value / MIB:.1f}"


def share(value: float) -> str:
    """Write a share; small ones with their digits."""
    return f"{value:.3%}" if value < 0.01 else f"{value:.0%}"


OWN_KINDS = ("zone", "cold", "warm")
"""Starts that have tables of their own."""


def tables(report: Report) -> list[Table]:
    """Return the tables of ``report`` that have figures."""
    found: list[Table] = []
    for title, columns in (
        *_loads(report),
        ("Latency, µs", _latencies(report)),
        ("Workers on both cores, beside the load: CPU per query, µs", _workers(report)),
        ("The large zone, two workers: cold and warm start, memory in MiB", _large(report)),
        ("Reload of one changed record under load", _reloads(report)),
        ("Start and memory", _starts([s for s in report.starts if s.kind == "zone"])),
        *(
            (
                f"Start with another zone: {kind}",
                _starts([s for s in report.starts if s.kind == kind]),
            )
            for kind in dict.fromkeys(s.kind for s in report.starts if s.kind not in OWN_KINDS)
        ),
    ):
        measured = [column for column in columns if column.series]
        if measured:
            found.append(table(report, title, measured))
    return found


def table(report: Report, title: str, columns: list[Column]) -> Table:
    """Lay out ``columns``: a row for each server, and the reference beside the best peer."""
    rows = [
        [server, *(_cell(column, server, report.reference) for column in columns)]
        for server in report.servers
        if any(of_server(column.series, server) for column in columns)
    ]
    if any(column.better and best_peer(column, report) for column in columns):
        verdict = [_verdict(column, report) for column in columns]
        rows.append([f"{report.reference} ÷ best peer", *verdict])
    return Table(title, ["server", *(column.head for column in columns)], rows)


def best_peer(column: Column, report: Report) -> str | None:
    """Return which peer the reference has to beat; None when none was measured beside it."""
    peers = [name for name in report.servers if name not in {report.reference, *NOT_PEERS}]
    return rival(column.series, report.reference, peers, column.better)


def _cell(column: Column, server: str, reference: str) -> str:
    found = of_server(column.series, server)
    if not found:
        return "–"
    quotient = ratio(column.series, server, reference) if column.better else None
    times = f" (×{quotient.median:.2f})" if quotient else ""
    spread = f" ±{found.deviation:.0%}" if column.better else ""
    return f"{column.form(found.median)}{spread}{times}"


def _verdict(column: Column, report: Report) -> str:
    peer = best_peer(column, report) if column.better else None
    quotient = ratio(column.series, report.reference, peer) if peer else None
    return f"**{quotient.median:.2f}** ({peer})" if quotient else "–"


def _loads(report: Report) -> list[tuple[str, list[Column]]]:
    other = f"× {report.reference}"
    values: list[tuple[str, Callable[[Sample], float], Callable[[float], str], int]] = [
        (f"CPU per query, µs (and {other})", lambda s: s.cpu_us, microseconds, LESS),
        (f"Queries per second (and {other})", lambda s: s.qps, whole, MORE),
        ("Queries lost", lambda s: s.loss, share, NEITHER),
        ("Cores that the server used", lambda s: s.busy, share, NEITHER),
    ]
    mixes: dict[str, list[Sample]] = {}
    for sample in report.samples:
        if not sample.mix.startswith("workers-"):
            mixes.setdefault(sample.mix, []).append(sample)
    return [
        (title, [Column(mix, series(rows, value), form, better) for mix, rows in mixes.items()])
        for title, value, form, better in values
    ]


def _latencies(report: Report) -> list[Column]:
    columns = []
    for name, words in (("half", "half of saturation"), ("common", "common rate")):
        rows = [row for row in report.latencies if row.load == name]
        columns += [
            Column(f"queries/s, {words}", series(rows, lambda r: r.rate), whole, NEITHER),
            Column("p50", series(rows, lambda r: r.p50), microseconds, LESS),
            Column("p99", series(rows, lambda r: r.p99), microseconds, LESS),
            Column("p99.9", series(rows, lambda r: r.p999), microseconds, LESS),
            Column("lost", series(rows, lambda r: r.loss), share, NEITHER),
        ]
    return columns


def scaling(report: Report) -> Series:
    """Return how many times more queries two workers answer in the same time as one does.

    Of each: queries for one second of CPU; two workers have two seconds in each.
    """
    cost = {
        number: series([s for s in report.samples if s.mix == f"workers-{number}"], _cpu)
        for number in (1, 2)
    }
    return {key: 2 * cost[1][key] / two for key, two in cost[2].items() if key in cost[1] and two}


def _cpu(sample: Sample) -> float:
    return sample.cpu_us


def _workers(report: Report) -> list[Column]:
    columns = []
    for number in (1, 2):
        rows = [sample for sample in report.samples if sample.mix == f"workers-{number}"]
        columns.append(Column(f"{number} worker(s)", series(rows, _cpu), microseconds, LESS))
        columns.append(Column("queries/s", series(rows, lambda s: s.qps), whole, NEITHER))
    columns.append(Column("2 × first ÷ second", scaling(report), seconds, MORE))
    return columns


def _large(report: Report) -> list[Column]:
    columns = []
    for kind in ("cold", "warm"):
        rows = [start for start in report.starts if start.kind == kind]
        columns += [
            Column(f"{kind}, s", series(rows, lambda s: s.seconds), seconds, LESS),
            Column("CPU, s", series(rows, lambda s: s.cpu), seconds, LESS),
            Column("peak PSS", series(rows, lambda s: s.pss_peak), mebibytes, LESS),
            Column("PSS", series(rows, lambda s: s.pss), mebibytes, LESS),
            Column("sum of VmHWM", series(rows, lambda s: s.rss_peak), mebibytes, LESS),
        ]
    return columns


def _reloads(report: Report) -> list[Column]:
    columns = []
    for name in ("full", "half"):
        rows = [row for row in report.reloads if row.load == name]
        columns += [
            Column(f"{name} load: new after, s", series(rows, lambda r: r.seconds), seconds, LESS),
            Column("lost", series(rows, lambda r: r.lost), whole, NEITHER),
            Column("p99 before, µs", series(rows, lambda r: r.p99_before), microseconds, LESS),
            Column("during", series(rows, lambda r: r.p99_during), microseconds, LESS),
            Column("max", series(rows, lambda r: r.max_during), microseconds, LESS),
        ]
    return columns


def _starts(rows: list[Start]) -> list[Column]:
    return [
        Column("first answer, s", series(rows, lambda s: s.seconds), seconds, LESS),
        Column("CPU, s", series(rows, lambda s: s.cpu), seconds, LESS),
        Column("PSS, MiB", series(rows, lambda s: s.pss), mebibytes, LESS),
        Column("peak PSS at start", series(rows, lambda s: s.pss_peak), mebibytes, LESS),
        Column("sum of VmHWM", series(rows, lambda s: s.rss_peak), mebibytes, LESS),
    ]
