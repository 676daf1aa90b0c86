"""What dnsd is to reach beside its peers, and how far it is: the first table of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.stats import Series, Spread, of_server, ratio
from bench.tables import (
    LESS,
    MORE,
    Column,
    Table,
    best_peer,
    mebibytes,
    microseconds,
    scaling,
    seconds,
    series,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.results import Latency, Report

COSTS = (
    "exact",
    "nxdomain",
    "wildcard",
    "referral",
    "exact-signed",
    "nxdomain-nsec",
    "nxdomain-nsec3",
)
OVER_FLOOR = 1.25
SCALING = 1.8
OVER_KNOT = 2.0
COLD_S = 5.0
WARM_S = 0.2
LONGER = 2.0
LEAST_RATE = 0.5


@dataclass(frozen=True, slots=True)
class Goal:
    """One line: the measure, the goal in words, the figure, what it is compared with, the ratio."""

    measure: str
    goal: str
    figure: str
    other: str
    quotient: Spread
    met: bool

    def cells(self) -> list[str]:
        """Return the line's cells."""
        low, high = self.quotient.low, self.quotient.high
        ratio_ = f"{self.quotient.median:.2f} ({low:.2f}–{high:.2f})"
        return [
            self.measure,
            self.goal,
            self.figure,
            self.other,
            ratio_,
            "yes" if self.met else "**no**",
        ]


def table(report: Report) -> Table | None:
    """Return the table of goals, as far as ``report`` has the figures; None without any."""
    goals = [
        *_costs(report),
        *_rates(report),
        *_scaling(report),
        *_latency(report),
        *_large(report),
        *_reload(report),
    ]
    head = ["measure", "goal", report.reference, "compared with", "ratio (range)", "reached"]
    if not goals:
        return None
    return Table("Goals", head, [goal.cells() for goal in goals])


def _beside_best(report: Report, measure: str, column: Column, *, equal: bool) -> list[Goal]:
    """Return the goal to be better than the best peer, or as good where ``equal``."""
    peer = best_peer(column, report)
    return _beside(report, measure, column, peer, 1.0, equal=equal) if peer else []


def _beside(
    report: Report, measure: str, column: Column, peer: str, limit: float, *, equal: bool
) -> list[Goal]:
    mine, theirs = of_server(column.series, report.reference), of_server(column.series, peer)
    quotient = ratio(column.series, report.reference, peer)
    if not mine or not theirs or not quotient:
        return []
    sign = {(LESS, True): "≤", (LESS, False): "<", (MORE, True): "≥", (MORE, False): ">"}
    distance = (quotient.median - limit) * column.better
    times = "" if limit == 1 else f"{limit:g} × "
    return [
        Goal(
            measure=measure,
            goal=f"{sign[column.better, equal]} {times}{peer}",
            figure=column.form(mine.median),
            other=f"{peer} {column.form(theirs.median)}",
            quotient=quotient,
            met=distance > 0 or (equal and distance == 0),
        )
    ]


def _limit(
    measure: str, goal: str, found: Spread | None, limit: float, form: Callable[[float], str]
) -> list[Goal]:
    """Return the goal that a figure is at most ``limit``; the ratio is the one to the limit."""
    if not found:
        return []
    quotient = Spread(*(value / limit for value in found))
    met = found.median <= limit
    return [Goal(measure, goal, form(found.median), "the goal", quotient, met)]


def _mix(report: Report, mix: str, value: str) -> Series:
    return series([s for s in report.samples if s.mix == mix], lambda s: float(getattr(s, value)))


def _costs(report: Report) -> list[Goal]:
    goals = []
    for mix in COSTS:
        column = Column(mix, _mix(report, mix, "cpu_us"), microseconds, LESS)
        goals += _beside_best(report, f"CPU per query, µs: {mix}", column, equal=False)
        if mix == "exact":
            measure = "CPU per query, µs: exact, beside the floor"
            goals += _beside(report, measure, column, "floor", OVER_FLOOR, equal=True)
    return goals


def _rates(report: Report) -> list[Goal]:
    goals = []
    for mix, words in (
        ("saturation", "queries/s on one core"),
        ("tcp-pipelined", "TCP queries/s, pipelined"),
        ("tcp-one-query", "TCP queries/s, one a connection"),
    ):
        column = Column(mix, _mix(report, mix, "qps"), whole, MORE)
        goals += _beside_best(report, words, column, equal=False)
        if mix.startswith("tcp"):
            cost = Column(mix, _mix(report, mix, "cpu_us"), microseconds, LESS)
            goals += _beside_best(report, f"CPU per query, µs: {mix}", cost, equal=False)
    return goals


def _scaling(report: Report) -> list[Goal]:
    found = of_server(scaling(report), report.reference)
    if not found:
        return []
    measure = "two workers against one, by CPU per query"
    quotient = Spread(*(value / SCALING for value in found))
    met = found.median >= SCALING
    goal = f"≥ {SCALING:g} ×"
    return [Goal(measure, goal, f"{found.median:.2f} ×", "the goal", quotient, met)]


def _latency(report: Report) -> list[Goal]:
    goals = []
    for name, words in (("half", "at half of saturation"), ("common", "at the same rate")):
        rows = _comparable([row for row in report.latencies if row.load == name], report.reference)
        for field, percent in (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9")):
            values = series(rows, lambda r, field=field: float(getattr(r, field)))  # type: ignore[misc]
            column = Column(percent, values, microseconds, LESS)
            goals += _beside_best(report, f"latency {words}, µs: {percent}", column, equal=True)
    return goals


def _comparable(rows: list[Latency], reference: str) -> list[Latency]:
    """Leave out servers that bear so little that they were asked much less than ``reference``."""
    rates = series(rows, lambda row: row.rate)
    mine = of_server(rates, reference)
    least = mine.median * LEAST_RATE if mine else 0.0
    return [
        row for row in rows if (found := of_server(rates, row.server)) and found.median >= least
    ]


def _large(report: Report) -> list[Goal]:
    cold, warm = (
        [start for start in report.starts if start.kind == kind] for kind in ("cold", "warm")
    )
    size = f"{report.settings.get('records of the large zone', 'large zone')} records"
    load = Column("cold", series(cold, lambda s: s.seconds), seconds, LESS)
    goals = _beside(report, f"{size}, cold, s", load, "knot", OVER_KNOT, equal=True)
    mine = of_server(load.series, report.reference)
    goals += _limit(f"{size}, cold, s", f"≤ {COLD_S:g}", mine, COLD_S, seconds)
    mine = of_server(series(warm, lambda s: s.seconds), report.reference)
    goals += _limit(f"{size}, warm, s", f"≤ {WARM_S:g}", mine, WARM_S, seconds)
    memory = Column("PSS", series(cold, lambda s: s.pss), mebibytes, LESS)
    goals += _beside(report, f"{size}, memory (PSS), MiB", memory, "knot", 1.0, equal=True)
    peak = Column("peak", series(cold, lambda s: s.pss_peak), mebibytes, LESS)
    goals += _beside(report, f"{size}, peak PSS, MiB", peak, "knot", 1.0, equal=True)
    return goals


def _reload(report: Report) -> list[Goal]:
    goals = []
    for name in ("full", "half"):
        mine = [r for r in report.reloads if r.load == name and r.server == report.reference]
        lost = of_server(series(mine, lambda r: r.lost), report.reference)
        longer = of_server(
            series(mine, lambda r: r.p99_during / max(r.p99_before, 1)), report.reference
        )
        if lost:
            worst = Spread(lost.high, lost.low, lost.high)
            met = lost.high == 0
            measure = f"reload under {name} load: queries lost"
            goals.append(Goal(measure, "0", whole(lost.high), "the goal", worst, met))
        measure = f"reload under {name} load: p99 during ÷ before"
        goals += _limit(measure, f"≤ {LONGER:g}", longer, LONGER, seconds)
    return goals
