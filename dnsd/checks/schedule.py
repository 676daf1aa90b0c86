"""When to check which target. Pure: it is given the time (monotonic seconds) and random numbers.

Knows targets by their keys, and groups of them that may have only so many checks under way.

- A target is never checked twice at once, and the next check begins at most an interval after
  the last one began, unless that has not ended: jitter only ever shortens an interval, because
  the time to detect a failure is promised on it.
- New targets have their first check spread over a second, or over more if they are many, but
  not over more than their interval; the second one breaks up what began together.
- Checks begin at a bounded rate: what has become due at once (after a pause of the machine,
  or when every target is suspect) does not begin at once.
- Of those that wait, the one begins first that is to have begun first (earliest deadline): a
  check that confirms a failure has the nearest deadline, and so it overtakes those that are only
  due because of the jitter, and delays none beyond its deadline by more than its own turn. So
  nothing starves, and how long any of them waits at worst is known: :mod:`dnsd.failover.queue`.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator

JITTER = 0.1
"""Part of the interval by which it may be shorter."""

FIRST_ROUND_S = 1.0
"""Over how long the first checks are spread, if there are few."""

FIRST_RATE = 100.0
"""First checks in a second, if there are many and their intervals allow it."""

SECOND = 0.3
"""Part of the interval after which the second check may begin: those of one start drift apart."""

LEAST_RATE = 250.0
"""Checks that may begin in a second, whatever is asked for."""

HEADROOM = 2.0
"""How much faster than they are asked for checks may begin, so that a queue gets shorter."""

BURST = 10
"""Checks that may begin at once."""

_ROUNDING = 1e-6
"""Of an allowance: what is missing by rounding would never be earned."""

K = TypeVar("K")


class CheckGroup(NamedTuple):
    """Targets, at most ``most`` of which are checked at once; groups with one ``name`` are one."""

    name: str
    most: int


@dataclass(eq=False, slots=True)
class ScheduledCheck(Generic[K]):
    """A target: ``began`` is when its last check did.

    The next one begins when it is ``due``, and at the latest at its ``deadline``.
    """

    key: K
    interval: float
    groups: tuple[CheckGroup, ...]
    due: float
    deadline: float
    began: float | None = None
    running: bool = False
    waiting: bool = False
    gone: bool = False
    version: int = field(default=0)


class Schedule(Generic[K]):
    """Says which checks begin; the caller that begins one calls :meth:`ended` afterwards."""

    def __init__(self, chance: random.Random, now: float) -> None:
        self._chance = chance
        self._entries: dict[K, ScheduledCheck[K]] = {}
        self._heap: list[tuple[float, int, int, ScheduledCheck[K]]] = []
        self._pushed = 0
        self._queue: list[ScheduledCheck[K]] = []
        self._under_way: Counter[str] = Counter()
        self._allowance = float(BURST)
        self._counted = now
        self._out_of_allowance = False
        self._asked = 0.0

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        return iter(tuple(self._entries))

    # -- targets that come and go ---------------------------------------------------------------

    def add(self, targets: Iterable[tuple[K, float, tuple[CheckGroup, ...]]], now: float) -> None:
        """Take up new targets, each a key, an interval and groups, all of them together."""
        new = list(targets)
        self._chance.shuffle(new)
        whole = max(FIRST_ROUND_S, len(new) / FIRST_RATE)
        for number, (key, interval, groups) in enumerate(new):
            part = (number + self._chance.random()) / len(new)
            due = now + part * min(whole, interval)
            entry = ScheduledCheck(key, interval, groups, due, due)
            self._entries[key] = entry
            self._asked += 1 / interval
            self._push(entry, now)

    def remove(self, key: K) -> None:
        """Forget a target; its check that is under way counts until it ends."""
        entry = self._entries.pop(key)
        entry.gone = True
        self._asked -= 1 / entry.interval
        self._leave(entry)

    def pace(self, key: K, interval: float, now: float) -> None:
        """Check a target each ``interval`` from now on, counted from its last check.

        One that is late keeps its place in the queue.
        """
        entry = self._entries[key]
        if entry.interval == interval:
            return
        self._asked += 1 / interval - 1 / entry.interval
        entry.interval = interval
        has_its_turn = entry.waiting and entry.deadline <= now
        if entry.began is not None and not has_its_turn:
            self._plan(entry, entry.began, now)

    def stand_in(self, key: K, began: float, apart: float, now: float) -> bool:
        """Count a check of another target, which began at ``began``, as one of ``key``, too.

        Return whether it does: not if the own one is under way, nor if the last one began less
        than ``apart`` seconds before, because failures are to be seen some time apart.
        """
        entry = self._entries[key]
        if entry.running or (entry.began is not None and began < entry.began + apart):
            return False
        entry.began = began
        self._plan(entry, began, now)
        return True

    # -- checks that begin and end --------------------------------------------------------------

    def due(self, now: float) -> list[ScheduledCheck[K]]:
        """Return those whose check begins now; those that must wait are first in the next turn."""
        while self._heap and self._heap[0][0] <= now:
            _, _, version, entry = heapq.heappop(self._heap)
            if not entry.gone and entry.version == version:
                entry.waiting = True
                insort(self._queue, entry, key=_deadline)
        self._earn(now)
        started = []
        self._out_of_allowance = False
        for entry in self._queue:
            if any(self._under_way[name] >= most for name, most in entry.groups):
                continue
            if self._allowance < 1 - _ROUNDING:
                self._out_of_allowance = True
                break
            self._allowance -= 1
            self._begin(entry, now)
            started.append(entry)
        if started:
            self._queue = [entry for entry in self._queue if entry.waiting]
        return started

    def ended(self, entry: ScheduledCheck[K], now: float) -> None:
        """Note that the check of ``entry`` is over."""
        self._under_way.subtract(name for name, _ in entry.groups)
        entry.running = False
        if not entry.gone:
            self._push(entry, now)

    def next(self, now: float) -> float | None:
        """Return when to ask again; None: when something has ended or been added."""
        times = [self._heap[0][0]] if self._heap else []
        if self._out_of_allowance:
            times.append(now + max(0.0, 1 - self._allowance) / self._rate())
        return max(now, min(times)) if times else None

    def behind(self, now: float) -> float:
        """Return for how long the check is late that is late for the longest, in seconds."""
        return max(0.0, now - self._queue[0].deadline) if self._queue else 0.0

    def _begin(self, entry: ScheduledCheck[K], now: float) -> None:
        first = entry.began is None
        entry.began, entry.running, entry.waiting = now, True, False
        self._time(entry, now)
        if first:
            entry.due = now + entry.interval * self._chance.uniform(SECOND, 1)
        self._under_way.update(name for name, _ in entry.groups)

    def _plan(self, entry: ScheduledCheck[K], began: float, now: float) -> None:
        """Have the next check of ``entry`` begin in its time after the last one."""
        self._time(entry, began)
        if not entry.running:
            self._push(entry, now)

    def _time(self, entry: ScheduledCheck[K], began: float) -> None:
        entry.due = began + entry.interval * self._chance.uniform(1 - JITTER, 1)
        entry.deadline = began + entry.interval

    def _push(self, entry: ScheduledCheck[K], now: float) -> None:
        """Have it wait until it is due; what should have begun before must from now on."""
        self._leave(entry)
        entry.due, entry.deadline = max(now, entry.due), max(now, entry.deadline)
        entry.version += 1
        self._pushed += 1
        heapq.heappush(self._heap, (entry.due, self._pushed, entry.version, entry))

    def _leave(self, entry: ScheduledCheck[K]) -> None:
        """Take it out of the queue, if it waits there."""
        if entry.waiting:
            entry.waiting = False
            self._queue.remove(entry)

    def _rate(self) -> float:
        return max(LEAST_RATE, HEADROOM * self._asked)

    def _earn(self, now: float) -> None:
        self._allowance = min(BURST, self._allowance + (now - self._counted) * self._rate())
        self._counted = now


def _deadline(entry: ScheduledCheck[K]) -> float:
    return entry.deadline
