"""The time of a world: one clock for all, whatever each machine's own clocks say.

Besides the event loop of the processes there are *plans*: what caches, workers and operators do,
who wait for none of them. While a process waits for its disk within a call, plans go on.
"""

from __future__ import annotations

import heapq
import itertools
from asyncio import events
from typing import TYPE_CHECKING, Any

from tests.jumping import Clock, Jumping
from tests.simulation import processes

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context
    from selectors import SelectorKey

    from tests.simulation.worlds.machine import Running


TURN_S = 1e-6
"""What a turn of the loop takes: time goes on, whatever is waited for."""


class _Planned(Clock):
    def __init__(self) -> None:
        super().__init__()
        self.plans: list[tuple[float, int, Callable[[], object]]] = []
        self.fault: Exception | None = None

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Do what is planned next, or let time pass until ``timeout``: no files are waited for."""
        plans = self.plans
        if plans and (timeout is None or plans[0][0] <= self.now + timeout):
            self.next()
        else:
            assert timeout is not None, "nothing will ever happen"
            self.now += timeout + TURN_S
        return []

    def next(self) -> None:
        """Do what is planned next; the first fault is kept."""
        at, _, work = heapq.heappop(self.plans)
        self.now = max(self.now, at)
        try:
            work()
        except Exception as error:
            self.fault = self.fault or error


class _Handle(events.Handle):
    """A callback that waits, or is lost, with its process."""

    def _run(self) -> None:
        process = _running(self._context)  # type: ignore[attr-defined]
        if process is None or not process.holds(self):
            super()._run()


class _TimerHandle(events.TimerHandle):
    def _run(self) -> None:
        process = _running(self._context)  # type: ignore[attr-defined]
        if process is None or not process.holds(self):
            super()._run()


def _running(context: Any) -> Running | None:
    return processes.of(context)  # type: ignore[return-value]


class WorldLoop(Jumping):
    """The loop of all processes, which can be stopped and killed between any two callbacks."""

    def __init__(self) -> None:
        self._planned = _Planned()
        super().__init__(self._planned)
        self._number = itertools.count()
        self.calls = 0
        """Callbacks of processes so far."""

    @property
    def fault(self) -> Exception | None:
        """What a plan has raised."""
        return self._planned.fault

    def plan(self, after: float, work: Callable[[], object]) -> None:
        """Have ``work`` done in ``after`` seconds, whoever waits."""
        at = self._planned.now + after
        heapq.heappush(self._planned.plans, (at, next(self._number), work))

    def block(self, seconds: float) -> None:
        """Let time pass for all but the processes: one of them waits within a call."""
        until = self._planned.now + seconds
        plans = self._planned.plans
        while plans and plans[0][0] <= until:
            self._planned.next()
        self._planned.now = max(self._planned.now, until)

    def go_on(self, handles: list[events.Handle]) -> None:
        """Run what was held."""
        self._ready.extend(handles)  # type: ignore[attr-defined]

    # -- what the base class makes handles with --------------------------------------------------

    def _call_soon(
        self, callback: Any, args: tuple[Any, ...], context: Context | None
    ) -> events.Handle:
        self.calls += 1
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> events.TimerHandle:
        """Call ``callback`` at ``when``."""
        timer = _TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def _write_to_self(self) -> None:
        """Nothing waits in the kernel."""
