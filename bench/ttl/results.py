"""What ``bench ttl`` has found, as data. Reports and pictures are made from nothing else."""

from __future__ import annotations

import statistics
from typing import NamedTuple

import msgspec

from bench.study import results
from bench.ttl import power
from bench.ttl.model import LIMIT

LATE_S = 0.1
"""Users that come later meet caches in another state: that is no result."""
PLAIN = "plain"
"""The profile of caches that keep to the TTL and do nothing else."""


class People(msgspec.Struct, frozen=True):
    """A population, as in :class:`bench.ttl.demand.Population`."""

    caches: int
    names: int
    rate: float
    cache_skew: float
    name_skew: float


class Point(results.Row, frozen=True, kw_only=True):
    """Caches of one kind with one TTL, for ``seconds``: ``asks`` of the server for ``lookups``.

    ``part``: "real" or "simulated". ``expected`` (questions a second) and ``sigma`` are the
    model's, of the pairs that were played; all pairs ask ``scale`` times as much. ``lost``
    lookups had no answer; ``repeated`` questions were asked again because the answer was late;
    ``documented`` is what the cache of the manual asks when it meets the same lookups, ``wrong``
    what wrong ones do (where simulated: what the model expects of them, a second).

    Of ``outage_lookups`` while the server was cut off for ``outage`` seconds, ``outage_failed``
    had no answer; ``outage_model`` is the model's share. ``waited`` and ``stale`` lookups as in
    :class:`bench.ttl.simulate.Counts`; ``late``: one lookup in a hundred was sent so many seconds
    too late, at least.
    """

    part: str
    kind: str
    ttl: int
    seconds: float
    expected: float
    sigma: float
    lookups: int
    asks: int
    scale: float = 1.0
    lost: int = 0
    repeated: int = 0
    documented: int = 0
    wrong: dict[str, float] = msgspec.field(default_factory=dict)
    mean_ms: float = 0.0
    outage: float = 0.0
    outage_lookups: int = 0
    outage_failed: int = 0
    outage_model: float = 0.0
    waited: int = 0
    stale: int = 0
    late: float = 0.0


class Cell(NamedTuple):
    """The repeats of a kind with a TTL, each with lookups of its own."""

    points: list[Point]

    @property
    def first(self) -> Point:
        """The first of them: all have the same part, kind, TTL and model."""
        return self.points[0]

    @property
    def rate(self) -> float:
        """Questions a second of all pairs, in the mean of the repeats."""
        return statistics.fmean(each.asks / each.seconds * each.scale for each in self.points)

    @property
    def model(self) -> float:
        """What the model expects of all pairs, a second."""
        # Which caches are of a special kind is chosen by lot, in each repeat anew.
        return statistics.fmean(each.expected * each.scale for each in self.points)

    @property
    def late(self) -> float:
        """The largest :attr:`Point.late` of the repeats."""
        return max(each.late for each in self.points)

    @property
    def half(self) -> float:
        """Half of the 95 % interval of :attr:`rate`: chance as the model has it."""
        return float(1.96 * self.first.sigma * self.first.scale / len(self.points) ** 0.5)

    @property
    def deviation(self) -> float:
        """How many standard deviations the mean lies above the model."""
        return (self.rate - self.model) / (self.half / 1.96)

    def sum(self, field: str) -> int:
        """Return the sum of a field of the repeats."""
        return sum(getattr(each, field) for each in self.points)

    @property
    def asks(self) -> int:
        """What was asked, without what was asked again."""
        return self.sum("asks") - self.sum("repeated")

    @property
    def agrees(self) -> bool:
        """Whether what was asked is what is said of such caches."""
        if self.first.part == "real":
            return power.agrees(self.asks, self.sum("documented"))
        return abs(self.deviation) <= LIMIT

    @property
    def failed(self) -> float | None:
        """Share of the lookups in the outage without an answer; None if there were none."""
        lookups = self.sum("outage_lookups")
        return self.sum("outage_failed") / lookups if lookups else None

    def rejects(self) -> dict[str, float]:
        """Return with which probability the comparison rejects each wrong cache that differs."""
        sigma = self.first.sigma / len(self.points) ** 0.5
        found = {}
        for name in sorted({name for each in self.points for name in each.wrong}):
            if self.first.part == "simulated":
                wrong, right = self.first.wrong[name], self.first.expected
                found[name] = power.rejected(right, wrong, sigma)
            else:
                asked = sum(each.wrong.get(name, each.documented) for each in self.points)
                found[name] = float(not power.agrees(self.asks, asked))
        return found


class Habit(results.Row, frozen=True, kw_only=True):
    """One thing that is documented of a resolver's TTLs, and what was found."""

    kind: str
    what: str
    documented: str
    found: str
    agrees: bool


class Own(results.Row, frozen=True, kw_only=True):
    """A resolver of the operator's: its ``asks`` are those that the TTLs of its answers show.

    ``documented`` is what a cache that holds each answer for its TTL would have asked, with the
    same lookups; ``expected`` the model's mean. ``caches``: how many are seen behind the address.
    """

    address: str
    seconds: float
    lookups: int
    lost: int
    asks: int
    documented: int
    expected: float
    caches: int
    late: float


class Loss(msgspec.Struct, frozen=True):
    """An outage of so many seconds: the share of lookups that are lost, by TTL.

    ``model`` and ``simulated`` are those of caches that keep to the TTL, ``stale`` the model's of
    caches that serve stale data.
    """

    outage: float
    ttls: list[int]
    model: list[float]
    simulated: list[float]
    stale: list[float]


class Dot(msgspec.Struct, frozen=True):
    """A measured rate of queries at the demand of the study, with its 95 % interval.

    ``kind``: the resolver, or "simulated".
    """

    ttl: int
    rate: float
    low: float
    high: float
    kind: str
    real: bool


class TtlStudy(results.Study, frozen=True, kw_only=True):
    """All of one run. ``server``: what was asked; ``demand``: by whom, in words.

    ``population``: the demand, None if it is a log's. ``others``: queries of real resolvers for
    anything but the names asked, by kind. ``notes``: what to know of each kind.
    """

    server: str
    demand: str
    population: People | None
    trip: float
    habits: list[Habit]
    points: list[Point]
    own: list[Own]
    losses: list[Loss]
    notes: dict[str, str]

    def of(self, part: str) -> list[Cell]:
        """Return the cells of a part; repeats in which users came late only where all are."""
        found: dict[tuple[str, int], list[Point]] = {}
        for point in self.points:
            if point.part == part:
                found.setdefault((point.kind, point.ttl), []).append(point)
        return [
            Cell([each for each in points if each.late <= LATE_S] or points)
            for points in found.values()
        ]

    def dots(self) -> list[Dot]:
        """Return the rates of real resolvers, then those of simulated caches that are plain.

        What was disturbed by a busy machine is left out.
        """
        real = [cell for cell in self.of("real") if cell.late <= LATE_S]
        plain = [cell for cell in self.of("simulated") if cell.first.kind == PLAIN]
        return [_dot(cell) for cell in (*real, *plain)]


def _dot(cell: Cell) -> Dot:
    first, real = cell.first, cell.first.part == "real"
    low, high = cell.rate - cell.half, cell.rate + cell.half
    return Dot(first.ttl, cell.rate, low, high, first.kind if real else "simulated", real)


def rows(study: TtlStudy) -> list[Line]:
    """Return the lines of the CSV."""
    return [
        Line(
            point.part,
            point.kind,
            point.ttl,
            point.repeat,
            point.seconds,
            point.lookups,
            point.asks,
            point.asks / point.seconds * point.scale,
            point.expected * point.scale,
            point.sigma * point.scale,
            point.documented if point.part == "real" else None,
            point.outage,
            point.outage_lookups,
            point.outage_failed,
            point.outage_model,
        )
        for point in study.points
    ]


class Line(msgspec.Struct, frozen=True):
    """A line of the CSV: one repeat of one kind at one TTL, whichever way it was measured."""

    part: str
    kind: str
    ttl: int
    repeat: int
    seconds: float
    lookups: int
    asks: int
    asks_per_s: float
    model_per_s: float
    sigma_per_s: float
    documented: int | None
    outage: float
    outage_lookups: int
    outage_failed: int
    outage_model: float
