"""Makes the checks of all targets, each in its time, and hands on the results.

Knows the clock and tasks; :mod:`dnsd.checks.schedule` decides when a check is made, and the
receiver of a result what it means.
"""

from __future__ import annotations

import asyncio
import functools
import random
import time
from typing import TYPE_CHECKING

from dnsd.checks.calculated import CalculatedCheck
from dnsd.checks.command import CommandCheck
from dnsd.checks.limits import limits_in_force
from dnsd.checks.result import UNCONNECTED, Blind, FailureKind, Result
from dnsd.checks.schedule import JITTER, CheckGroup, Schedule
from dnsd.checks.several import singles
from dnsd.config import Failover
from dnsd.process.exchange import ended_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dnsd.checks.result import ServiceEndpoint
    from dnsd.checks.schedule import ScheduledCheck
    from dnsd.checks.targets import Target
    from dnsd.config import CheckLimits

    Seen = Callable[[Target, Result, float, float], object]
    Unseen = Callable[[Target, str], object]

GRACE_S = 1.0
"""Seconds by which a check may exceed its time-out before it counts as stuck."""

TICK_S = 0.1
"""Seconds between two looks whether this process was asleep."""


_STUCK = "has a check that does not end"


class Runner:
    """Checks for as long as :meth:`run` runs; at most ``most`` at once.

    A failed connection counts for all targets that would have connected there: one check finds a
    dead machine, however many names lead to it.

    ``seen`` is called with each result: target, result, and when the check began and ended
    (monotonic seconds). ``unseen`` is called with the reason why a check could not be made,
    which says nothing about the service: its state stays as it is. Both are called in the loop
    and must not wait.
    """

    def __init__(
        self,
        seen: Seen,
        unseen: Unseen,
        most: CheckLimits | None = None,
        *,
        chance: random.Random | None = None,
    ) -> None:
        self._seen, self._unseen = seen, unseen
        self._most = most or limits_in_force(Failover())
        self._at: dict[ServiceEndpoint, dict[Target, None]] = {}
        self._schedule: Schedule[Target] = Schedule(chance or random.Random(), time.monotonic())
        self._stuck: dict[Target, asyncio.Task[Result]] = {}
        self._changed = asyncio.Event()
        self._sleep = _Sleep()

    @property
    def behind(self) -> float:
        """By how much the check that is late the most should have begun before, in seconds."""
        return self._schedule.behind(time.monotonic())

    def assign(self, targets: Iterable[Target]) -> None:
        """Check these and no others; those that stay keep their time and their pace."""
        wanted = dict.fromkeys(targets)
        for target in [known for known in self._schedule if known not in wanted]:
            self._schedule.remove(target)
        self._schedule.add(
            [(one, one.interval, self._groups(one)) for one in wanted if one not in self._schedule],
            time.monotonic(),
        )
        self._at = {}
        for target in wanted:
            if endpoint := target.check.endpoint(target.address):
                self._at.setdefault(endpoint, {})[target] = None
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
        """Make the checks, for ever. An exception of ``seen`` or ``unseen`` ends it."""
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

    async def _make(self, entry: ScheduledCheck[Target]) -> None:
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
            if told.reason in UNCONNECTED:
                self._spread(target, told, began, ended)

    def _spread(self, target: Target, told: Result, began: float, ended: float) -> None:
        """Apply the result ``told`` of a connection that failed to other targets, too.

        A time-out does not apply to targets that would have waited longer.
        """
        endpoint = target.check.endpoint(target.address)
        for other in tuple(self._at.get(endpoint, ())) if endpoint else ():
            if (
                told.reason == FailureKind.NO_CONNECTION
                and other.check.timeout > target.check.timeout
            ):
                continue
            apart = (1 - JITTER) * other.fast_interval
            if other in self._schedule and self._schedule.stand_in(other, began, apart, ended):
                self._seen(other, told, began, ended)

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
        return Result(ok=False, detail=_STUCK, latency=limit, reason=FailureKind.STUCK)

    def _groups(self, target: Target) -> tuple[CheckGroup, ...]:
        """Return the groups that limit the target.

        A program connects to an unknown address, so no address limits it. A calculated check
        connects to nothing, and may wait for other checks.
        """
        most = self._most
        checks = singles(target.check)
        groups = []
        if any(isinstance(one, CommandCheck) for one in checks):
            groups.append(CheckGroup("command", most.commands))
        if not all(isinstance(one, CommandCheck | CalculatedCheck) for one in checks):
            groups.append(CheckGroup(target.address, most.address))
        return (CheckGroup("", most.total), *groups) if groups else ()

    def _unstuck(self, target: Target, task: asyncio.Task[Result]) -> None:
        del self._stuck[target]
        if not task.cancelled():
            task.exception()  # no caller waits for it any more


async def _run(target: Target) -> Result:
    return await target.check.run(target.address)


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
