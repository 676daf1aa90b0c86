"""What a client saw: who answered when, what was lost and for how long. Pure, but for reading.

All times are seconds of the monotonic clock.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from bench.lab.ring import Ring

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

LATE_S = 1.0
"""An answer that takes longer is none: resolvers have asked elsewhere by then."""


class Query(NamedTuple):
    """One query: the VIP's number in the prober's list, and who answered ("" if nobody)."""

    sent: float
    turn: int
    site: str


class Span(NamedTuple):
    """A time in which all queries fared alike: answered by ``site``, or lost ("")."""

    start: float
    end: float
    site: str
    queries: int


class Loss(NamedTuple):
    """What was lost of ``sent`` queries: how many, and from the first until after the last (ms)."""

    sent: int
    lost: int
    window_ms: float


def read(path: Path, sites: Sequence[str], since: float, until: float) -> list[Query]:
    """Return the queries in a prober's file that were sent between two times.

    Right only for times that are at least :data:`LATE_S` ago.
    """
    with Ring.readable(path) as ring:
        records = ring.read(int(since * 1e9), int(until * 1e9))
    names = ("", *sites)
    return [
        Query(
            record.sent / 1e9,
            record.turn,
            names[record.site if record.latency < LATE_S * 1e6 else 0],
        )
        for record in records
    ]


def loss(queries: Sequence[Query]) -> Loss:
    """Sum up what was lost; the window ends with the next query that was answered."""
    lost = [number for number, query in enumerate(queries) if not query.site]
    if not lost:
        return Loss(len(queries), 0, 0.0)
    after = queries[min(lost[-1] + 1, len(queries) - 1)]
    return Loss(len(queries), len(lost), (after.sent - queries[lost[0]].sent) * 1e3)


def spans(queries: Iterable[Query]) -> list[Span]:
    """Join neighbouring queries that fared alike; a span lasts until the next begins."""
    found: list[Span] = []
    for site, group in itertools.groupby(queries, key=lambda query: query.site):
        members = list(group)
        if found:
            found[-1] = found[-1]._replace(end=members[0].sent)
        found.append(Span(members[0].sent, members[-1].sent, site, len(members)))
    return found


def courses(queries: Iterable[Query]) -> list[str]:
    """Return who answered in turn, as "nyc → lon"; more than one where the VIPs differ in that."""
    sites: dict[int, list[str]] = {}
    for query in queries:
        seen = sites.setdefault(query.turn, [])
        if query.site and query.site not in seen[-1:]:
            seen.append(query.site)
    return list(dict.fromkeys(" → ".join(seen) for seen in sites.values()))
