"""What the study found, as data."""

from __future__ import annotations

import statistics

import msgspec

from bench.failover.answers import Span, Verdict
from bench.study import results
from bench.study.figures import Figure


class Parts(msgspec.Struct, frozen=True):
    """The programs that have a part in moving users, and their processes.

    ``carries``: those of them through which every request passes.
    """

    programs: list[str]
    processes: int
    carries: list[str]


class Cell(results.Row, frozen=True):
    """One stack with one story.

    ``stack``, ``title``, ``ttl`` (the longest in caches, seconds; 0: nothing that moves is
    cached); ``story``, ``told`` and ``ground``; ``steps``: [seconds after the first one, what].
    ``first``: the second with which ``users`` and ``failed`` (counts by second) begin.
    ``lost``, ``mean_s``, ``last_s``: failed visits from the first step on until users were
    watched no longer, see :class:`bench.failover.visits.Loss`. ``back``: those that failed after
    the last recovery. ``outcomes``: how they failed. ``calm_ms``: median and 95 % of the HTTP
    requests before anything happened; ``away_ms``: the same, of those that another service has
    answered. ``seen``: the share in which the service has seen the user's address. ``detour_ms``:
    how much longer a request takes than one to the service's own address (median, quartiles).
    ``detection``: how long a death may be unknown, by the checks' settings.
    """

    stack: str
    title: str
    ttl: int
    story: str
    told: str
    ground: str
    steps: list[tuple[float, str]]
    until: float
    first: int
    users: list[int]
    failed: list[int]
    sent: int
    lost: int
    mean_s: float
    last_s: float
    back: int
    outcomes: dict[str, int]
    calm_ms: list[float]
    away_ms: list[float]
    seen: float
    detection: float
    detour_ms: list[float] = msgspec.field(default_factory=list)
    parts: Parts = Parts([], 0, [])
    spans: list[Span] = msgspec.field(default_factory=list)
    verdicts: list[Verdict] = msgspec.field(default_factory=list)


class Carried(results.Row, frozen=True):
    """One way for one transport: CPU milliseconds for each 1,000 packets of clients', by round.

    ``whole`` is what all took, ``beyond`` how much more that was than the direct way.
    """

    transport: str
    way: str
    whole: list[float]
    beyond: list[float]

    @property
    def cost(self) -> float:
        """The median of what the way costs."""
        return statistics.median(self.beyond)


class FailoverStudy(results.Study, frozen=True):
    """All cells, and what it costs to carry packets where that was measured."""

    cells: list[Cell]
    carried: tuple[Carried, ...] = ()


def figures(study: FailoverStudy) -> list[Figure]:
    """Return how long an average user was without the service, in each cell."""
    return [
        Figure(f"{cell.title}, {cell.told}: mean outage", "s", [cell.mean_s])
        for cell in study.cells
    ]


class Row(results.Row, frozen=True):
    """One cell in figures, for the CSV."""

    stack: str
    ground: str
    story: str
    ttl: int
    sent: int
    lost: int
    lost_share: float
    mean_outage_s: float
    last_failure_s: float
    lost_after_recovery: int
    http_ms: float | None
    http_away_ms: float | None
    sees_client: float
    programs: int
    carrying: int


def rows(study: FailoverStudy) -> list[Row]:
    """Return a row for each cell."""
    return [
        Row(
            stack=cell.stack,
            ground=cell.ground,
            story=cell.story,
            ttl=cell.ttl,
            sent=cell.sent,
            lost=cell.lost,
            lost_share=cell.lost / max(1, cell.sent),
            mean_outage_s=cell.mean_s,
            last_failure_s=cell.last_s,
            lost_after_recovery=cell.back,
            http_ms=cell.calm_ms[0] if cell.calm_ms else None,
            http_away_ms=cell.away_ms[0] if cell.away_ms else None,
            sees_client=cell.seen,
            programs=len(cell.parts.programs),
            carrying=len(cell.parts.carries),
            repeat=cell.repeat,
        )
        for cell in study.cells
    ]
