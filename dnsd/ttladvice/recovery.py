"""When users are back after a failure: the median, 95 %, and the last of them. Pure.

Counted are users that a cache led to the member that fails, by how often they look up. A failure
strikes at any moment between two checks; what waits for its turn is in the worst case only. Users
with a fixed TTL are back when their cache has forgotten what it held when the answer changed; with
dnsd most caches hold a shorter TTL by then. Caches count whole seconds, so they hold an answer for
half a second longer than its TTL in the mean, and a second at most. Some resolvers hold nothing for
less than a floor.
"""

from __future__ import annotations

from math import exp, inf
from typing import TYPE_CHECKING, NamedTuple

from dnsd.failover.objective import WHOLE_S, Timing, fixed_worst, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnsd.ttladvice.demand import Caches

PHASES = 16
"""Moments between two checks at which the failure is assumed to occur."""
_STEPS = 24
"""Halvings until a quantile is found."""


class Floors(NamedTuple):
    """``share`` of the resolvers hold nothing for less than ``seconds``.

    As found in the Internet: 8.7 % of the resolvers answered with a larger TTL than they had been
    given (Moura et al., IMC 2019, §3.4).
    """

    share: float = 0.087
    seconds: float = 60.0


class Recovery(NamedTuple):
    """Seconds from the failure until half and 95 % of the users are back, and the last of them.

    ``worst`` is of caches that keep to TTLs, ``floored`` of resolvers with a floor; both with
    all else at its worst.
    """

    median: float
    p95: float
    worst: float
    floored: float


def fixed(timing: Timing, ttl: float, users: Sequence[Caches], floors: Floors) -> Recovery:
    """Return when users are back with a TTL that never changes."""
    parts = [(share, _held(users, life), life) for share, life in _lives(ttl, floors)]

    def away(at: float, change: float) -> float:
        return sum(share * full * _left(at - change, life) for share, full, life in parts)

    floored = fixed_worst(timing, max(ttl, floors.seconds))
    return _recovery(timing, away, fixed_worst(timing, ttl), floored)


def adaptive(
    timing: Timing, ttl_max: float, ttl_min: float, users: Sequence[Caches], floors: Floors
) -> Recovery:
    """Return when users are back with dnsd's TTLs, of which ``ttl_max`` is the largest."""
    least = min(ttl_min, ttl_max)
    confirming = timing._replace(queue=0.0).confirming
    late = confirming + timing.delays if confirming else 0.0
    parts = [
        (share, life, short, _held(users, life), *_shorts(users, life, short, late))
        for (share, life), (_, short) in zip(
            _lives(ttl_max, floors), _lives(least, floors), strict=True
        )
    ]

    def away(at: float, change: float) -> float:
        seen = change - timing.delays - confirming
        found = 0.0
        for share, life, short, full, brief, both in parts:
            # Held since before the first failure was seen; else asked for again, for a short time.
            old = full * _left(at - seen, life)
            again = brief - both * _left(change - seen, life)
            found += share * (old + again * _lately(at - change, short, late))
        return found

    last = timing.confirming + max(least, floors.seconds)
    floored = timing.first + max(ttl_max, floors.seconds, last) + WHOLE_S + timing.delays
    return _recovery(timing, away, worst(timing, ttl_max, ttl_min), floored)


def _recovery(
    timing: Timing, away: Callable[[float, float], float], last: float, floored: float
) -> Recovery:
    """Find the quantiles; ``away`` is the share that is not back at a moment, after a change."""
    moments = _changes(timing._replace(queue=0.0))

    def share(at: float) -> float:
        """Return which share of the users is not back at ``at``."""
        each = (1.0 if at < change else away(at, change) for change in moments)
        return sum(each) / len(moments)

    def quantile(left: float) -> float:
        low, high = 0.0, max(last, floored)
        for _ in range(_STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if share(middle) > left else (low, middle)
        return high

    return Recovery(quantile(0.5), quantile(0.05), last, floored)


def _changes(timing: Timing) -> list[float]:
    """Return when the answer changes, for failures at moments between two checks."""
    after = timing.timeout + timing.confirming + timing.delays
    return [(at + 0.5) / PHASES * timing.interval + after for at in range(PHASES)]


def _lives(ttl: float, floors: Floors) -> list[tuple[float, float]]:
    """Return shares of the resolvers, and for how long they hold ``ttl`` in the mean."""
    usual, floored = _life(ttl), _life(max(ttl, floors.seconds))
    return [(1 - floors.share, usual), (floors.share, floored)]


def _life(ttl: float) -> float:
    return ttl + WHOLE_S / 2 if ttl else 0.0


def _left(age: float, life: float) -> float:
    """Return the share of answers, of all ages when ``age`` was 0, that are still held."""
    return max(0.0, 1 - age / life) if life else 0.0


def _lately(since: float, life: float, late: float) -> float:
    """Return the share of answers that were got within ``late`` and are held ``since`` later."""
    width = min(life, late)
    return min(1.0, max(0.0, life - since) / width) if width else 0.0


def _held(users: Sequence[Caches], life: float) -> float:
    """Return the share of users whose cache holds an answer at any moment: λT/(1+λT)."""
    return sum(share * _full(rate, life) for share, rate in _shares(users))


def _shorts(users: Sequence[Caches], life: float, short: float, late: float) -> tuple[float, float]:
    """Return the shares of users whose cache holds the short TTL when the answer changes.

    First of all users, then of those that also held the long TTL when the first failure was seen,
    which is ``late`` seconds before the change.
    """
    if not late:
        return 0.0, 0.0
    brief = both = 0.0
    for share, rate in _shares(users):
        full = share * min(_full(rate, short), 1 - exp(-rate * late))
        brief += full
        both += full * _full(rate, life)
    return brief, both


def _shares(users: Sequence[Caches]) -> list[tuple[float, float]]:
    """Return shares of all lookups, and how often the cache is asked; unknown is always full."""
    total = sum(group.count * group.rate for group in users)
    if not total:
        return [(1.0, inf)]
    return [(group.count * group.rate / total, group.rate) for group in users]


def _full(rate: float, life: float) -> float:
    """Return how probable it is that a cache holds an answer: λT/(1+λT)."""
    if rate == inf:
        return 1.0 if life else 0.0
    return rate * life / (1 + rate * life)
