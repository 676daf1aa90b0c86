"""The queue of one receiver: changes are delivered in order, one at a time, with retries.

The queue is bounded: if the receiver accepts nothing for long, the oldest changes are dropped,
because newer ones matter more. Dropped changes are counted and reported.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from dnsd.process import log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    Deliver = Callable[[bytes], Awaitable[None]]

MOST = 1000
"""Changes in the queue, at most."""

TRIES = 8
"""Tries for one change; with the pauses between them that is two minutes."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


class Undelivered(Exception):
    """The receiver did not accept a change; the text says why. ``is_final``: it never will."""

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.is_final = is_final


class Outbox:
    """The queue of the receiver ``name``; ``deliver`` raises Undelivered.

    ``delivered`` and ``dropped`` count changes; ``fault`` says why the last one was not accepted.
    ``changed`` is called when the queue has changed.
    """

    def __init__(
        self, name: str, deliver: Deliver, changed: Callable[[], object] = lambda: None
    ) -> None:
        self.name = name
        self._changed = changed
        self._under_way: tuple[bytes, ...] = ()
        self.delivered = self.dropped = 0
        self.fault = ""
        self._deliver = deliver
        self._waiting: deque[bytes] = deque()
        self._come = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many changes wait."""
        return len(self._waiting)

    @property
    def undelivered(self) -> tuple[bytes, ...]:
        """The waiting changes, after the one being delivered (which may have arrived)."""
        return (*self._under_way, *self._waiting)

    def restore(self, changes: Sequence[bytes]) -> None:
        """Put the changes that an earlier process has left before all others."""
        self._waiting.extendleft(reversed(changes[-MOST:]))
        self._come.set()

    def put(self, change: bytes) -> None:
        """Queue ``change``; never waits."""
        if len(self._waiting) == MOST:
            self._waiting.popleft()
            self._drop("its queue is full")
        self._waiting.append(change)
        self._come.set()
        self._changed()

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            await self._come.wait()
            self._come.clear()
            while self._waiting:
                self._under_way = (self._waiting.popleft(),)
                await self._deliver_one(*self._under_way)
                self._under_way = ()
                self._changed()

    async def _deliver_one(self, change: bytes) -> None:
        pause = FIRST_PAUSE_S
        for tries_left in reversed(range(TRIES)):
            try:
                await self._deliver(change)
            except Undelivered as why:
                self._fail(str(why))
                if why.is_final or not tries_left:
                    self._drop(str(why))
                    return
            else:
                self._succeed()
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _fail(self, why: str) -> None:
        if not self.fault:
            told = f"hooks: {self.name} does not accept changes: {why}; trying again"
            log.say("hook-refused", told, reason=why)
        self.fault = why

    def _succeed(self) -> None:
        self.delivered += 1
        if self.fault:
            told = f"hooks: {self.name} accepts changes again; {self.dropped} were dropped so far"
            log.say("hook-accepts", told)
        self.fault = ""

    def _drop(self, why: str) -> None:
        if not self.dropped:
            told = f"hooks: a change for {self.name} is dropped: {why}; others are only counted"
            log.say("hook-dropped", told, reason=why)
        self.dropped += 1
