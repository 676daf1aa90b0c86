"""Why measured points lie where they lie, in sentences made from the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.ttl import twins
from bench.ttl.model import LIMIT
from bench.ttl.resolvers import RESOLVERS
from bench.ttl.results import Simulated
from bench.ttl.twins import EARLIER, LATER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.ttl.results import Real, TtlStudy


def of_real(study: TtlStudy) -> list[str]:
    """Return why real resolvers asked more or less than the model says, beyond its 3 σ."""
    groups: dict[tuple[str, str], list[Real]] = {}
    for point in study.real:
        if not within(point):
            groups.setdefault((point.kind, _twin(point)), []).append(point)
    return [_real(kind, twin, group, study.trip) for (kind, twin), group in groups.items()]


def within(point: Real | Simulated) -> bool:
    """Return whether the model's 3 σ hold a point."""
    return abs(point.deviation) <= LIMIT


def explained(point: Real | Simulated) -> bool:
    """Return whether it is known why a point is where it is."""
    if within(point):
        return True
    if isinstance(point, Simulated):
        return abs(_finer(point)) <= LIMIT
    return bool(_twin(point))


def _twin(point: Real) -> str:
    """Return the twin that did as the real cache did; "" if none did."""
    name = _nearest(point)
    return name if twins.is_near(point.twins[name], _once(point)) else ""


def _nearest(point: Real) -> str:
    return twins.nearest(point.twins, _once(point))


def _once(point: Real) -> int:
    """Return what was asked, without what was asked again because an answer was late."""
    return point.asks - point.repeated


def _real(kind: str, name: str, points: list[Real], trip: float) -> str:
    asks = _list(f"{point.asks:,}{_repeated(point)}" for point in points)
    counts = _list(f"{point.twins[name or _nearest(point)]:,}" for point in points)
    holds = _list(f"{point.holds:.2f}" for point in points)
    head = f"{kind}, {_where(points)}: as if answers were held for {holds} s"
    if not name:
        tried = _list(map(_nearest, points))
        return (
            f"{head}; not explained: it asked {asks} times, and of the caches tried the nearest"
            f" ({tried}) would have asked {counts} times"
        )
    words = twins.twins(RESOLVERS[kind].cache, trip)[name].words
    if name == LATER and all(point.twins[LATER] == point.twins[EARLIER] for point in points):
        # Who asks before the end does not show when the end is.
        words = "counts whole seconds"
    return (
        f"{head}; explained: a cache that {words} asks {counts} times when it meets the same"
        f" lookups, and it asked {asks} times"
    )


def _repeated(point: Real) -> str:
    return f" ({point.repeated:,} of them again)" if point.repeated else ""


def of_simulated(points: Sequence[Simulated]) -> list[str]:
    """Return why simulated caches asked more or less than the model says, beyond its 3 σ."""
    groups: dict[tuple[str, bool], list[Simulated]] = {}
    for point in points:
        if not within(point):
            groups.setdefault((point.profile, explained(point)), []).append(point)
    return [_simulated(profile, good, group) for (profile, good), group in groups.items()]


def _simulated(profile: str, good: bool, points: list[Simulated]) -> str:
    shares = _list(f"{point.rate / point.expected - 1:+.1%}" for point in points)
    finer = _list(f"{_finer(point):+.1f}" for point in points)
    verdict = "explained: demand is not steady, and" if good else "not explained:"
    return (
        f"{profile}, {_where(points)}: {shares}; {verdict} the model for each part of the day"
        f" by itself is {finer} σ away"
    )


def _finer(point: Simulated) -> float:
    return (point.rate - point.finer) / point.sigma


def _where(points: Sequence[Real | Simulated]) -> str:
    ttls = _list(str(point.ttl) for point in points)
    return f"TTL {ttls} s ({_list(f'{point.deviation:+.1f}' for point in points)} σ)"


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)
