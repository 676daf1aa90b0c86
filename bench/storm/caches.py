"""Caches that retry: what each sends when it has no answer. Pure: told the time, sends nothing.

A pair is a cache and a name, by number: ``cache * names + name``. Lookups of a name that is
being resolved wait for the same answer, as in resolvers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence


class Transport(StrEnum):
    """How a query is sent."""

    UDP = "udp"
    TCP = "tcp"


class Try(NamedTuple):
    """One try of a resolution: how it is sent, and for how many seconds an answer is awaited."""

    transport: Transport
    wait: float


@dataclass(frozen=True, slots=True)
class Habit:
    """How a kind of cache retries.

    ``remembers``: seconds for which it answers SERVFAIL by itself after all tries have failed
    (RFC 9520 asks for at least 1 s; resolvers before it often had none).
    """

    name: str
    tries: tuple[Try, ...]
    remembers: float

    @property
    def words(self) -> str:
        """The habit in words."""
        tries = ", ".join(f"{each.transport.upper()} {each.wait:g} s" for each in self.tries)
        kept = f"a failure is remembered for {self.remembers:g} s" if self.remembers else ""
        return f"{len(self.tries)} tries ({tries}), {kept or 'failures are not remembered'}"


def _backoff(transport: Transport, *waits: float) -> tuple[Try, ...]:
    return tuple(Try(transport, wait) for wait in waits)


PATIENT = Habit(
    "patient",
    _backoff(Transport.UDP, 0.4, 0.8, 1.6) + _backoff(Transport.TCP, 3.2),
    remembers=5.0,
)
EAGER = Habit(
    "eager",
    _backoff(Transport.UDP, 0.4, 0.4, 0.8, 0.8, 1.6, 1.6) + _backoff(Transport.TCP, 3.2, 3.2),
    remembers=0.0,
)
HABITS = (PATIENT, EAGER)
"""The second one sends eight queries where one was enough: the most that Moura et al. saw."""


class Send(NamedTuple):
    """What is to be sent, and until when an answer is awaited."""

    pair: int
    attempt: int
    transport: Transport
    until: float


class Outcome(NamedTuple):
    """What users got: lookups that were asked at ``asked``, and whether they were answered."""

    asked: float
    answered: bool


@dataclass(slots=True)
class _Open:
    """A resolution that is going on; ``waiting``: when the lookups came that wait for it."""

    attempt: int
    waiting: list[float]


@dataclass(slots=True)
class Caches:
    """All caches of one habit.

    ``told`` is given the outcome of each lookup as soon as it is known; one that comes after
    ``patience`` seconds is a failure, since the user is gone. ``fresh``: until when a pair is
    held; ``failed``: until when its failure is remembered.
    """

    habit: Habit
    patience: float
    told: Callable[[Outcome], None]
    fresh: dict[int, float] = field(default_factory=dict)
    failed: dict[int, float] = field(default_factory=dict)
    open: dict[int, _Open] = field(default_factory=dict)

    def look_up(self, now: float, pair: int) -> Send | None:
        """A user asks; return what the cache sends, if it sends anything."""
        if self.fresh.get(pair, -math.inf) > now:
            self.told(Outcome(now, answered=True))
        elif self.failed.get(pair, -math.inf) > now:
            self.told(Outcome(now, answered=False))
        elif (going_on := self.open.get(pair)) is not None:
            going_on.waiting.append(now)
        else:
            self.open[pair] = _Open(0, [now])
            return self._send(now, pair, 0)
        return None

    def answer(self, now: float, pair: int, ttl: float) -> None:
        """An answer has come, to whichever try; one that nobody waits for is ignored."""
        done = self.open.pop(pair, None)
        if done is None:
            return
        self.fresh[pair] = now + ttl
        for asked in done.waiting:
            self.told(Outcome(asked, answered=now - asked <= self.patience))

    def time_out(self, now: float, pair: int, attempt: int) -> Send | None:
        """The time of a try is over; return the next try, if there is one."""
        going_on = self.open.get(pair)
        if going_on is None or going_on.attempt != attempt:
            return None
        if attempt + 1 < len(self.habit.tries):
            going_on.attempt += 1
            return self._send(now, pair, going_on.attempt)
        del self.open[pair]
        if self.habit.remembers:
            self.failed[pair] = now + self.habit.remembers
        for asked in going_on.waiting:
            self.told(Outcome(asked, answered=False))
        return None

    def end(self) -> None:
        """Count all that still wait as not answered: call it when their patience is over."""
        for going_on in self.open.values():
            for asked in going_on.waiting:
                self.told(Outcome(asked, answered=False))
        self.open.clear()

    def flush(self) -> None:
        """Forget everything that is held, as a restart does; what is being resolved goes on."""
        self.fresh.clear()
        self.failed.clear()

    def begin(self, now: float, rates: Sequence[float], ttl: float, rng: random.Random) -> None:
        """Begin in the stationary state of ``rates`` (lookups a second of each pair, from 0 on).

        A pair is held with the probability λT/(1+λT), for a rest of T that is even over T.
        """
        for pair, rate in enumerate(rates):
            if rng.random() < rate * ttl / (1 + rate * ttl):
                self.fresh[pair] = now + rng.random() * ttl

    def _send(self, now: float, pair: int, attempt: int) -> Send:
        transport, wait = self.habit.tries[attempt]
        return Send(pair, attempt, transport, now + wait)
