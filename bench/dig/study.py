"""What the check found, as data. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.dig.ways import LABELS
from bench.study.figures import Figure
from bench.study.results import Row, Study

if TYPE_CHECKING:
    from collections.abc import Sequence

FAULTS_KEPT = 10
"""Faults that are written down of each kind and transport; all are counted."""
UNLIKE = "wrong"
MISSING = "missing"


class Answers(Row, frozen=True):
    """What dig asked over one transport, and how it was answered, in so many seconds.

    ``shorter``: right answers whose TTL was below that of the zone (or of the other server).
    ``unjudged``: answers with nothing to compare them with.
    """

    transport: str
    seconds: float
    asked: int
    answered: int
    missing: int
    wrong: int
    unjudged: int
    shorter: int


class Times(Row, frozen=True):
    """How long one way of asking took, in ms since each query was due; rates are a second.

    A percentile is None where so many had no answer. ``wanted`` is 0 where queries had times of
    their own; ``late`` is the asker's own lag, of which 99 % of the queries had less.
    """

    way: str
    wanted: float
    asked_rate: float
    answered_rate: float
    asked: int
    lost: int
    p50: float | None
    p90: float | None
    p99: float | None
    p999: float | None
    max: float | None
    late: float

    @property
    def loss(self) -> float:
        """The share that had no answer."""
        return self.lost / self.asked


class Tail(Row, frozen=True):
    """The share of all queries that took longer than ``ms``, or had no answer."""

    way: str
    ms: float
    share: float


class Moment(Row, frozen=True):
    """The queries that were due from ``at`` (seconds since the beginning) on; times in ms."""

    way: str
    at: float
    asked: int
    lost: int
    p50: float | None
    worst: float | None


class Step(Row, frozen=True):
    """A rate of a ramp; ``verdict``: "kept", "missed" or "asker" (which could not ask so fast)."""

    way: str
    rate: float
    asked_rate: float
    p99: float | None
    loss: float
    verdict: str


class Fault(Row, frozen=True):
    """One wrong or missing answer. ``kind``: "wrong" or "missing"."""

    kind: str
    transport: str
    query: str
    why: str


class Sample(Row, frozen=True):
    """The TTL that was answered for a watched name, so many seconds after the beginning.

    ``ttl`` is None where there was no answer; ``status`` is the rcode or why there was none.
    ``data``: the answered data, to see when it changes.
    """

    name: str
    type: str
    at: float
    ttl: int | None
    status: str
    data: str


class Check(Study, frozen=True, kw_only=True):
    """One check of one server; ``compared``: what the answers were compared with, or "".

    ``limit_ms`` and ``limit_loss`` are those of the ramp.
    """

    server: str
    compared: str
    answers: list[Answers]
    faults: list[Fault]
    samples: list[Sample]
    origins: dict[str, int]
    times: list[Times] = msgspec.field(default_factory=list)
    tails: list[Tail] = msgspec.field(default_factory=list)
    moments: list[Moment] = msgspec.field(default_factory=list)
    steps: list[Step] = msgspec.field(default_factory=list)
    limit_ms: float = 0.0
    limit_loss: float = 0.0

    @property
    def wrong(self) -> int:
        """How many answers were wrong."""
        return sum(each.wrong for each in self.answers)

    @property
    def missing(self) -> int:
        """How many answers of dig's queries were missing, those of watched names included."""
        watched = sum(sample.ttl is None for sample in self.samples)
        return sum(each.missing for each in self.answers) + watched


def watched(check: Check) -> dict[str, list[Sample]]:
    """Return the samples of each watched name and type, in the order of time."""
    found: dict[str, list[Sample]] = {}
    for sample in check.samples:
        found.setdefault(f"{sample.name} {sample.type}", []).append(sample)
    return found


def best(steps: Sequence[Step]) -> Step | None:
    """Return the largest rate that was kept."""
    kept = [step for step in steps if step.verdict == "kept"]
    return max(kept, key=lambda step: step.rate, default=None)


def figures(check: Check) -> list[Figure]:
    """Return what the check stands for."""
    found = []
    for each in check.times:
        label = LABELS.get(each.way, each.way)
        found.append(Figure(f"{label}: answered", "queries/s", [each.answered_rate]))
        found.append(Figure(f"{label}: lost", "%", [100 * each.loss]))
        for name, value in (("p50", each.p50), ("p99", each.p99)):
            found += [Figure(f"{label}: {name}", "ms", [value])] if value is not None else []
    for way in dict.fromkeys(step.way for step in check.steps):
        if (kept := best([step for step in check.steps if step.way == way])) is not None:
            what = f"{way}: largest rate within the limits"
            found.append(Figure(what, "queries/s", [kept.rate]))
    return found


def faults(check: Check) -> list[str]:
    """Return what an operator has to look at."""
    return [
        f"{many:,} {'answer is' if many == 1 else 'answers are'} {what}"
        for many, what in ((check.wrong, "wrong"), (check.missing, "missing"))
        if many
    ]


class Point(Row, frozen=True):
    """A row of the CSV: what was found at ``x``, in which units."""

    series: str
    x: float
    x_unit: str
    y: float | None
    y_unit: str


def points(check: Check) -> list[Point]:
    """Return what the picture shows, as rows."""
    found = []

    def add(row: Row, series: str, x: tuple[float, str], y: tuple[float | None, str]) -> None:
        found.append(Point(series, *x, *y, repeat=row.repeat))

    for tail in check.tails:
        add(tail, f"{tail.way}: slower than x", (tail.ms, "ms"), (tail.share, "share"))
    for moment in check.moments:
        at = (moment.at, "s")
        add(moment, f"{moment.way}: p50", at, (moment.p50, "ms"))
        add(moment, f"{moment.way}: worst", at, (moment.worst, "ms"))
        add(moment, f"{moment.way}: lost", at, (moment.lost, "queries"))
    for step in check.steps:
        add(step, f"{step.way}: p99 at a rate", (step.rate, "queries/s"), (step.p99, "ms"))
    for sample in check.samples:
        add(sample, f"{sample.name} {sample.type}: TTL", (sample.at, "s"), (sample.ttl, "s"))
    return found
