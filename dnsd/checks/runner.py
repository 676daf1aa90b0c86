"""Makes the checks of all targets, each in its time, and tells what came of them.

Knows the clock and tasks; when a check is made, :mod:`dnsd.checks.schedule` decides,
and what a result means, whoever is told.
"""

from __future__ import annotations

import asyncio
import functools
import random
import resource
import time
from typing import TYPE_CHECKING

from dnsd.checks.command import CommandCheck
from dnsd.checks.result import Blind, Result
from dnsd.checks.schedule import Group, Schedule
from dnsd.process.exchange import ended_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dnsd.checks.schedule import Entry
    from dnsd.checks.targets import Target

    Seen = Callable[[Target, Result, float, float], object]
    Unseen = Callable[[Target, str], object]

GRACE_S = 1.0
"""How much longer than its time-out a check may take before it counts as stuck."""

MOST = 500
"""Checks under way at once: time-outs of 2 s let 250 a second fail."""

MOST_FOR_ADDRESS = 4
"""Checks of one address at once, of whatever kind: it may be ill."""

MOST_COMMANDS = 16
"""Programs at once: each costs a process, or several."""

TICK_S = 0.1
"""How often it is looked whether this process is awake."""


class Runner:
    """Checks for ever, as long as :meth:`run` runs.

    ``seen`` is told each result: target, result, and when the check began and ended (monotonic
    seconds). ``unseen`` is told why one could not be made, which says nothing about the service:
    what is known of it stays as it is. Both are called in the loop and must not wait.
    """

    def __init__(self, seen: Seen, unseen: Unseen, *, chance: random.Random | None = None) -> None:
        self._seen, self._unseen = seen, unseen
        self._schedule: Schedule[Target] = Schedule(chance or random.Random(), time.monotonic())
        self._stuck: dict[Target, asyncio.Task[Result]] = {}
        self._changed = asyncio.Event()
        self._sleep = _Sleep()

    @property
    def behind(self) -> float:
        """For how long the first check in the queue has been waiting for its turn, in seconds."""
        return self._schedule.behind(time.monotonic())

    @property
    def stuck(self) -> frozenset[Target]:
        """The targets with a check that does not end although it was told to."""
        return frozenset(self._stuck)

    def assign(self, targets: Iterable[Target]) -> None:
        """Check these and no others; those that stay keep their time and their pace."""
        wanted = dict.fromkeys(targets)
        for target in [known for known in self._schedule if known not in wanted]:
            self._schedule.remove(target)
        self._schedule.add(
            [(one, one.interval, _groups(one)) for one in wanted if one not in self._schedule],
            time.monotonic(),
        )
        self._changed.set()

    def hurry(self, target: Target) -> None:
        """Check ``target`` in its fast interval from now on."""
        self._pace(target, target.fast_interval)

    def relax(self, target: Target) -> None:
        """Check ``target`` in its usual interval again."""
        self._pace(target, target.interval)

    def _pace(self, target: Target, interval: float) -> None:
        if target in self._schedule:
            self._schedule.pace(target, interval, time.monotonic())
            self._changed.set()

    async def run(self) -> None:
        """Make the checks. What ``seen`` or ``unseen`` raises ends it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sleep.watch())
            while True:
                self._changed.clear()
                for entry in self._schedule.due(time.monotonic()):
                    group.create_task(self._make(entry))
                await self._wait()

    async def _wait(self) -> None:
        """Wait until something is due, or has changed."""
        now = time.monotonic()
        until = self._schedule.next(now)
        loop = asyncio.get_running_loop()
        timer = None if until is None else loop.call_later(until - now, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            if timer:
                timer.cancel()

    async def _make(self, entry: Entry[Target]) -> None:
        target = entry.key
        try:
            began, asleep = time.monotonic(), self._sleep.total
            told = await self._ask(target)
            ended = time.monotonic()
        finally:
            self._schedule.ended(entry, time.monotonic())
            self._changed.set()
        if entry.gone:
            return
        if isinstance(told, str):
            self._unseen(target, told)
        elif not told.ok and self._sleep.total - asleep >= target.check.timeout:
            self._unseen(target, "this process was too busy to check it")
        else:
            self._seen(target, told, began, ended)

    async def _ask(self, target: Target) -> Result | str:
        """Return the result, or why there is none."""
        if target in self._stuck:
            return "its last check has not ended yet"
        limit = target.check.timeout + GRACE_S
        task = asyncio.create_task(_run(target))
        try:
            if await ended_within(limit, task):
                return task.result()
        except Blind as why:
            return str(why)
        except Exception as error:  # a fault of dnsd's: other targets are checked all the same
            return f"its check failed: {type(error).__name__}: {error}"
        finally:
            task.cancel()
        self._stuck[target] = task
        task.add_done_callback(functools.partial(self._unstuck, target))
        return Result(ok=False, detail="had a check that did not end", latency=limit)

    def _unstuck(self, target: Target, task: asyncio.Task[Result]) -> None:
        del self._stuck[target]
        if not task.cancelled():
            task.exception()  # nobody waits for it any more


async def _run(target: Target) -> Result:
    return await target.check.run(target.address)


def _groups(target: Target) -> tuple[Group, ...]:
    groups = (Group("", _most()), Group(target.address, MOST_FOR_ADDRESS))
    if isinstance(target.check, CommandCheck):
        return (*groups, Group("command", MOST_COMMANDS))
    return groups


@functools.cache
def _most() -> int:
    """Return how many checks may be under way: half of the descriptors are for everything else.

    The admin socket, HTTP and builders must find some, whatever checks wait for.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(MOST, allowed // 2))


class _Sleep:
    """For how long this process has been asleep although it had something to do."""

    def __init__(self) -> None:
        self._total = 0.0
        self._expected: float | None = None

    @property
    def total(self) -> float:
        """Seconds so far, with those of a sleep from which it has just woken."""
        if self._expected is None:
            return self._total
        return self._total + max(0.0, time.monotonic() - self._expected - TICK_S)

    async def watch(self) -> None:
        """Watch for ever."""
        while True:
            self._expected = time.monotonic() + TICK_S
            await asyncio.sleep(TICK_S)
            self._total = self.total
