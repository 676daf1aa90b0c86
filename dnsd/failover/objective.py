"""Can a recovery time objective be met? The terms, the worst case, and what would meet it.

The worst case is that of a client whose cache was filled at the worst moment, from the failure
of a member until the last cache that keeps to TTLs has forgotten it. A TTL that follows health
hides the time of detection; it cannot recall answers that were given out at Tmax before.

How long a check may wait for its turn is in it, where other targets are known: ``queue`` seconds
before the first check that fails, and before each that confirms it (:mod:`dnsd.failover.queue`).

Caches that count time in whole seconds hold an answer for up to a second more than its TTL:
that is in it, too.

Not in it: a check that hangs longer than its timeout (one second more for each), clients that
pin an address, resolvers with a TTL floor (:mod:`dnsd.ttladvice.recovery` has them). Knows plain
numbers only; times in seconds.
"""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, NamedTuple

from dnsd.config.units import format_duration

if TYPE_CHECKING:
    from dnsd.failover.price import Forecast, Priced

FLIP_S = 0.01
"""From the decision until the last worker answers accordingly."""

LATE_S = 0.25
"""What checks, time-outs and the flip may be late because the machine is busy: 0.1 s was measured
where eight programs shared two cores (``python -m bench promise``)."""

WHOLE_S = 1.0
"""What caches hold an answer for beyond its TTL because they count in whole seconds: it came within
second n, and is given out through second n + T (``python -m bench ttl`` finds such caches)."""

_INTERVALS = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0)
_FAST_INTERVALS = (0.5, 1.0, 2.0, 5.0)
_DOWNS = (1, 2, 3, 5)
_ROUNDING = 1e-9


class Timing(NamedTuple):
    """How a member is checked: I, o, I_fast, N; ``delays``: quorum and flip.

    ``queue`` is for how long a check waits for its turn at the worst: w.
    """

    interval: float
    timeout: float
    fast_interval: float
    down: int
    delays: float = FLIP_S
    queue: float = 0.0

    @property
    def gap(self) -> float:
        """Seconds between two checks of a suspect: g + w."""
        return max(self.fast_interval, self.timeout) + self.queue

    @property
    def first(self) -> float:
        """Seconds until the first failure is seen: I + w + o."""
        return self.interval + self.queue + self.timeout

    @property
    def confirming(self) -> float:
        """Seconds until the others are: (N−1)(g + w)."""
        return (self.down - 1) * self.gap

    @property
    def detection(self) -> float:
        """Seconds until a failed member is DOWN: D."""
        return self.first + self.confirming


def fixed_worst(timing: Timing, ttl: float) -> float:
    """Return the worst case with a TTL that never changes: D + T + 1 + d."""
    return timing.detection + ttl + WHOLE_S + timing.delays


def worst(timing: Timing, ttl_max: float, ttl_min: float) -> float:
    """Return dnsd's worst case: I + w + o + max(Tmax, (N−1)(g+w) + min(Tmin, Tmax)) + 1 + d."""
    last = timing.confirming + min(ttl_min, ttl_max)
    return timing.first + max(ttl_max, last) + WHOLE_S + timing.delays


def largest_ttl(timing: Timing, ttl_min: int, objective: float) -> int | None:
    """Return the largest Tmax that keeps the worst case within ``objective``; None if none does."""
    room = objective - timing.delays - WHOLE_S - timing.first + _ROUNDING
    if timing.confirming + ttl_min > room:
        # Not even Tmin can be kept: no TTL may be larger than what confirming leaves.
        room -= timing.confirming
    return floor(room) if room >= 1 else None


def longest_queue(timing: Timing, ttl_max: float, ttl_min: float, objective: float) -> float:
    """Return how long checks may wait at most so that ``objective`` is kept; negative: never."""
    alone = timing._replace(queue=0.0)
    room = objective - alone.delays - WHOLE_S - alone.first + _ROUNDING
    last = alone.confirming + min(ttl_min, ttl_max)
    return min(room - ttl_max, (room - last) / alone.down)


class Alternative(NamedTuple):
    """A way to meet the objective: how to check, with which Tmax, and what it costs.

    ``checks`` and ``queries`` are per second: checks of one member, and queries as far as the
    demand is known.
    """

    timing: Timing
    ttl_max: int
    worst: float
    checks: float
    queries: Forecast | None


class Assessment(NamedTuple):
    """What a pool can promise; ``largest`` and ``alternatives`` are for when it must do better.

    ``queued`` says what the wait for a turn is made of, ``wider`` which limit of checks at once
    would help; both are empty if there is nothing to say.
    """

    timing: Timing
    ttl_max: int
    ttl_min: int
    objective: float | None
    fixed: float
    worst: float
    largest: int | None
    alternatives: tuple[Alternative, ...]
    queued: str = ""
    wider: str = ""

    @property
    def met(self) -> bool:
        """Whether the worst case is within the objective, or there is none."""
        return self.objective is None or self.worst <= self.objective + _ROUNDING

    def sentence(self) -> str:
        """Return the verdict with its terms, and what would help."""
        by = self.timing
        last = by.confirming + min(self.ttl_min, self.ttl_max)
        queue = f"queue {_spell(by.queue)} + " if by.queue else ""
        terms = (
            f"interval {_spell(by.interval)} + {queue}timeout {_spell(by.timeout)} + "
            f"the larger of the TTL {_spell(self.ttl_max)} and {_spell(last)} "
            f"({by.down - 1} confirming checks, then the smallest TTL) + {_spell(WHOLE_S)} (caches "
            f"count whole seconds) + {_spell(by.delays)}"
        )
        if self.queued:
            terms += f"; the queue, if all other checks hang: {self.queued}"
        worst_case = f"the worst case is {_spell(self.worst)} ({terms})"
        if self.objective is None:
            return f"{worst_case}; no objective is set"
        if self.met:
            return f"{worst_case}, within the objective of {_spell(self.objective)}"
        return f"{worst_case}, over the objective of {_spell(self.objective)}: {self._remedy()}"

    def _remedy(self) -> str:
        ways = [self.wider] if self.wider else []
        if self.largest is not None:
            ways.append(f"a TTL of at most {self.largest}")
        for one in self.alternatives:
            if one.ttl_max > (self.largest or 0):
                ways.append(
                    f"interval {_spell(one.timing.interval)}, down {one.timing.down}, "
                    f"fast_interval {_spell(one.timing.fast_interval)} with a TTL of at most "
                    f"{one.ttl_max}"
                )
                break
        if not ways:
            crowded = ", or check fewer targets" if self.queued else ""
            return f"no TTL can meet it with this timeout; shorten the timeout{crowded}"
        return f"it needs {', or '.join(ways)}"


def assess(
    timing: Timing,
    ttl_max: int,
    ttl_min: int,
    objective: float | None = None,
    demand: Priced | None = None,
    *,
    queued: str = "",
    wider: str = "",
) -> Assessment:
    """Return what a pool can promise, and the ways to keep its objective with their prices."""
    largest = None if objective is None else largest_ttl(timing, ttl_min, objective)
    return Assessment(
        timing,
        ttl_max,
        ttl_min,
        objective,
        fixed_worst(timing, ttl_max),
        worst(timing, ttl_max, ttl_min),
        largest,
        () if objective is None else alternatives(timing, ttl_max, ttl_min, objective, demand),
        queued,
        wider,
    )


def alternatives(
    timing: Timing, ttl_max: int, ttl_min: int, objective: float, demand: Priced | None = None
) -> tuple[Alternative, ...]:
    """Return the ways to meet ``objective`` with this timeout, without those another one beats.

    Better is a larger TTL (up to the present one: fewer queries), fewer checks, and more
    failures before a member is taken out (fewer false alarms). The largest TTLs come first.
    """
    found = []
    for by in _timings(timing):
        largest = largest_ttl(by, ttl_min, objective)
        if largest is not None:
            ttl = min(largest, ttl_max)
            price = None if demand is None else demand.price(ttl)
            reached = worst(by, ttl, ttl_min)
            found.append(Alternative(by, ttl, reached, 1 / by.interval, price))
    best = [one for one in found if not any(_beats(other, one) for other in found)]
    return tuple(sorted(best, key=lambda one: (-one.ttl_max, one.checks, -one.timing.down)))


def _timings(present: Timing) -> list[Timing]:
    """Return ways to check with the present timeout; the present one is among them."""
    # An interval below the timeout would let checks of one member overlap.
    intervals = sorted({present.interval, *(i for i in _INTERVALS if i >= present.timeout)})
    fasts = sorted({present.fast_interval, *_FAST_INTERVALS})
    downs = sorted({present.down, *_DOWNS})
    return [
        present._replace(interval=interval, fast_interval=fast, down=down)
        for interval in intervals
        for fast in fasts
        if fast <= interval
        for down in downs
    ]


def _beats(one: Alternative, other: Alternative) -> bool:
    """Return whether ``one`` is at least as good in all respects, and better in one."""
    mine, its = _merits(one), _merits(other)
    return mine != its and all(a >= b for a, b in zip(mine, its, strict=True))


def _merits(one: Alternative) -> tuple[float, ...]:
    return one.ttl_max, one.timing.interval, one.timing.down, one.timing.fast_interval


def _spell(seconds: float) -> str:
    return format_duration(seconds)
