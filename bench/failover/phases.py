"""The TTL on the wire in each phase of a story, from the answers of a server. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.failover.answers import Span


class Phases(NamedTuple):
    """The shortest and the longest TTL of each phase, None where there was no answer in it.

    ``calm``: before the death. ``failing``: from the death until the answer changes. ``away``:
    from then until the recovery. ``coming``: from the recovery until the answer changes back.
    ``back``: from then until the end; ``grown_s`` says how long the longest TTL took to come.
    """

    calm: tuple[int, int] | None
    failing: tuple[int, int] | None
    away: tuple[int, int] | None
    coming: tuple[int, int] | None
    back: tuple[int, int] | None
    grown_s: float | None


def phases(spans: Sequence[Span], victim: str, death: float, recovery: float) -> Phases:
    """Divide the answers of one name; ``death`` and ``recovery`` as the spans' times."""
    heard = [span for span in spans if span.rcode == "NOERROR"]
    calm = [span for span in heard if span.start < death]
    down = [span for span in heard if span.end >= death and span.start < recovery]
    late = [span for span in heard if span.end >= recovery]
    back = [span for span in late if victim in span.addresses]
    return Phases(
        _range(calm),
        _range([span for span in down if victim in span.addresses]),
        _range([span for span in down if victim not in span.addresses]),
        _range([span for span in late if victim not in span.addresses]),
        _range(back),
        _grown(back),
    )


def _range(spans: Sequence[Span]) -> tuple[int, int] | None:
    ttls = [span.ttl for span in spans]
    return (min(ttls), max(ttls)) if ttls else None


def _grown(back: Sequence[Span]) -> float | None:
    if not back:
        return None
    longest = max(span.ttl for span in back)
    first = next(span for span in back if span.ttl == longest)
    return round(first.start - back[0].start, 1)
