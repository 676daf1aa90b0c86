"""What the check found, as data, and its report: all figures come from the rows."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec

from bench.dig.latency import edges
from bench.study.results import Study
from bench.tables import Table

if TYPE_CHECKING:
    from bench.study.text import Part

FAULTS_KEPT = 10
"""Faults that are written down of each kind and transport; all are counted."""
UNLIKE = "wrong"
MISSING = "missing"


class Answers(msgspec.Struct, frozen=True):
    """What was asked over one transport, and how it was answered; latencies in µs.

    ``shorter``: right answers whose TTL was below that of the zone (or of the other server).
    ``unjudged``: answers with nothing to compare them with. ``histogram``: answers in each bin
    of :func:`bench.dig.latency.edges`. The percentiles are None when nothing was answered.
    """

    transport: str
    seconds: float
    asked: int
    answered: int
    missing: int
    wrong: int
    unjudged: int
    shorter: int
    p50: float | None
    p90: float | None
    p99: float | None
    p999: float | None
    max: float | None
    histogram: list[int]


class Fault(msgspec.Struct, frozen=True):
    """One wrong or missing answer. ``kind``: "wrong" or "missing"."""

    kind: str
    transport: str
    query: str
    why: str


class Sample(msgspec.Struct, frozen=True):
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
    """One check of one server; ``compared``: what the answers were compared with, or ""."""

    server: str
    compared: str
    answers: list[Answers]
    faults: list[Fault]
    samples: list[Sample]
    origins: dict[str, int]

    @property
    def bad(self) -> int:
        """How many answers were wrong or missing."""
        watched = sum(sample.ttl is None for sample in self.samples)
        return sum(each.wrong + each.missing for each in self.answers) + watched


def parts(check: Check) -> list[Part]:
    """Return the report's sections."""
    found: list[Part] = [_summary(check)]
    if check.answers:
        found.append(_latencies(check))
    if check.samples:
        found.append(_ttls(check))
    if check.faults:
        found.append(_faults(check))
    return found


def _summary(check: Check) -> str:
    asked = sum(each.asked for each in check.answers)
    wrong = sum(each.wrong for each in check.answers)
    missing = sum(each.missing for each in check.answers)
    compared = f"compared with {check.compared}" if check.compared else "compared with nothing"
    return (
        f"{check.server} was asked {asked:,} queries: {missing:,} had no answer, {wrong:,} had a"
        f" wrong one ({compared})."
    )


def _latencies(check: Check) -> Table:
    head = ["transport", "asked", "missing", "wrong", "not judged", "shorter TTL"]
    head += ["p50, ms", "p90, ms", "p99, ms", "p99.9, ms", "max, ms"]
    rows = []
    for each in check.answers:
        counts = (each.asked, each.missing, each.wrong, each.unjudged, each.shorter)
        times = (each.p50, each.p90, each.p99, each.p999, each.max)
        rows.append([each.transport, *(f"{n:,}" for n in counts), *map(_millis, times)])
    return Table("Answers and how long they took", head, rows)


def _millis(micros: float | None) -> str:
    return "" if micros is None else f"{micros / 1000:.2f}"


def watched(check: Check) -> dict[str, list[Sample]]:
    """Return the samples of each watched name and type, in the order of time."""
    found: dict[str, list[Sample]] = {}
    for sample in check.samples:
        found.setdefault(f"{sample.name} {sample.type}", []).append(sample)
    return found


def _ttls(check: Check) -> Table:
    head = ["watched", "TTL in the zone, s", "samples", "least TTL", "most TTL"]
    head += ["times it rose", "other data", "no answer"]
    rows = []
    for key, samples in watched(check).items():
        ttls = [sample.ttl for sample in samples if sample.ttl is not None]
        data = [sample.data for sample in samples if sample.ttl is not None]
        rose = sum(later > earlier for earlier, later in itertools.pairwise(ttls))
        other = sum(later != earlier for earlier, later in itertools.pairwise(data))
        origin = check.origins.get(key)
        lost = len(samples) - len(ttls)
        cells = [len(samples), min(ttls, default=""), max(ttls, default=""), rose, other, lost]
        rows.append([key, "" if origin is None else str(origin), *map(str, cells)])
    return Table("TTLs over time", head, rows)


def _faults(check: Check) -> Table:
    rows = [[fault.kind, fault.transport, fault.query, fault.why] for fault in check.faults]
    return Table(f"The first {len(rows)} faults", ["kind", "transport", "query", "why"], rows)


class Point(msgspec.Struct, frozen=True):
    """A row of the CSV: a TTL at a time, or how many answers took up to so many µs."""

    series: str
    x: float
    y: float | None


def points(check: Check) -> list[Point]:
    """Return what the picture shows, as rows."""
    found = [
        Point(f"{each.transport}: answers in up to x µs", upper, count)
        for each in check.answers
        for upper, count in zip(edges()[1:], each.histogram, strict=True)
        if count
    ]
    for key, samples in watched(check).items():
        found += [Point(f"{key}: TTL after x s", sample.at, sample.ttl) for sample in samples]
    return found
