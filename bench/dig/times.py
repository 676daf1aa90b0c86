"""Shots as figures: percentiles, the distribution's tail, second by second. Pure.

A query without an answer took longer than any: shares are of all queries, not of answers.
"""

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING, NamedTuple

from bench.dig.study import Moment, Tail, Times
from bench.dig.ways import NEW, WITHOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.dig.openloop import Shot

SHARES = (0.5, 0.9, 0.99, 0.999, 1.0)
PER_DECADE = 20
"""Points of a tail in each power of ten."""
LOWEST_MS, DECADES = 0.01, 6
MOMENTS = 60
"""A timeline has about as many moments at most."""
SHORTEST_S = 0.25
BEYOND = math.inf


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of ``ordered`` (ascending, not empty) that ``share`` do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def waits(shots: Sequence[Shot], *, handshake: bool = True) -> list[float]:
    """Return the ms that each query took since it was due; infinity where it had no answer."""
    return [
        BEYOND
        if shot.done is None
        else 1e3 * (shot.done - shot.due - (0.0 if handshake else shot.handshake))
        for shot in shots
    ]


def summed(way: str, wanted: float, shots: Sequence[Shot], found: Sequence[float]) -> Times:
    """Return the figures of ``shots``, whose waits are ``found``."""
    ordered = sorted(found)
    p50, p90, p99, p999, most = (_known(percentile(ordered, share)) for share in SHARES)
    lags = sorted(1e3 * (shot.begun - shot.due) for shot in shots)
    lost = sum(wait == BEYOND for wait in found)
    span = (shots[-1].begun - shots[0].due) * len(shots) / max(1, len(shots) - 1)
    return Times(
        way=way,
        wanted=wanted,
        asked_rate=len(shots) / span if span else 0.0,
        answered_rate=(len(shots) - lost) / span if span else 0.0,
        asked=len(shots),
        lost=lost,
        p50=p50,
        p90=p90,
        p99=p99,
        p999=p999,
        max=most,
        late=percentile(lags, 0.99),
    )


def _known(value: float) -> float | None:
    return None if value == BEYOND else value


def tail(way: str, found: Sequence[float]) -> list[Tail]:
    """Return which share of all queries took longer than so many ms."""
    ordered = sorted(found)
    edges = [LOWEST_MS * 10 ** (i / PER_DECADE) for i in range(PER_DECADE * DECADES + 1)]
    points = [(edge, 1 - bisect.bisect_right(ordered, edge) / len(ordered)) for edge in edges]
    # Of what is all above or all below one point is enough.
    first = max((i for i, (_, share) in enumerate(points) if share == 1), default=0)
    least = min(share for _, share in points)
    last = next(i for i, (_, share) in enumerate(points) if share == least)
    return [Tail(way, edge, share) for edge, share in points[first : last + 1]]


def timeline(way: str, begin: float, shots: Sequence[Shot], found: Sequence[float]) -> list[Moment]:
    """Return the queries by when they were due; ``begin`` is when the study's clock says 0."""
    origin = shots[0].due
    span = shots[-1].due - origin
    width = max(SHORTEST_S, span / MOMENTS)
    bins: dict[int, list[float]] = {}
    for shot, wait in zip(shots, found, strict=True):
        bins.setdefault(int((shot.due - origin) / width), []).append(wait)
    return [
        _moment(way, begin + number * width, sorted(those))
        for number, those in sorted(bins.items())
    ]


def _moment(way: str, at: float, ordered: Sequence[float]) -> Moment:
    answered = [wait for wait in ordered if wait != BEYOND]
    worst = answered[-1] if answered else None
    lost = len(ordered) - len(answered)
    return Moment(way, at, len(ordered), lost, _known(percentile(ordered, 0.5)), worst)


class Found(NamedTuple):
    """All that is told of one way."""

    times: list[Times]
    tails: list[Tail]
    moments: list[Moment]


def figures_of(way: str, wanted: float, begin: float, shots: Sequence[Shot]) -> Found:
    """Return what ``shots`` say; of new connections also without their handshakes."""
    found = waits(shots)
    series = [(way, found)]
    if way == NEW:
        series.append((WITHOUT, waits(shots, handshake=False)))
    return Found(
        [summed(name, wanted, shots, those) for name, those in series],
        [point for name, those in series for point in tail(name, those)],
        timeline(way, begin, shots, found),
    )
