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
    from asyncio import Future
    from collections import deque
    from collections.abc import Callable
    from contextvars import Context

    from tests.simulation.worlds.machine import Running


TURN_S = 1e-6
"""What a turn of the loop takes: time goes on, whatever is waited for."""


class _Planned(Clock):
    def __init__(self) -> None:
        super().__init__()
        self.plans: list[tuple[float, int, Callable[[], object]]] = []
        self.fault: Exception | None = None

    def wait(self, seconds: float | None) -> None:
        """Do what is planned next, or let so many ``seconds`` pass: no files are waited for."""
        plans = self.plans
        if plans and (seconds is None or plans[0][0] <= self.now + seconds):
            self.next()
        else:
            assert seconds is not None, "nothing will ever happen"
            self.now += seconds + TURN_S

    def next(self) -> None:
        """Do what is planned next; the first fault is kept."""
        at, _, work = heapq.heappop(self.plans)
        self.now = max(self.now, at)
        try:
            work()
        except Exception as error:
            self.fault = self.fault or error


class WorldLoop(Jumping):
    """The loop of all processes, which can be stopped and killed between any two callbacks.

    A turn is the base class's, without what worlds have no use for: it is most of what they cost.
    """

    def __init__(self) -> None:
        self._planned = _Planned()
        super().__init__(self._planned)
        self._number = itertools.count()
        self._timers: list[tuple[float, int, events.TimerHandle]] = []
        self.calls = 0
        """Callbacks of processes so far."""

    def _run_once(self) -> None:
        """Run what is ready, once it is later; what waits, or is lost, with its process is held."""
        planned, timers = self._planned, self._timers
        ready: deque[events.Handle] = self._ready  # type: ignore[attr-defined]
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if ready or self._stopping:  # type: ignore[attr-defined]
            planned.wait(0.0)
        else:
            planned.wait(max(0.0, timers[0][0] - planned.now) if timers else None)
        until = planned.now + TURN_S
        while timers and timers[0][0] <= until:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            process: Running | None = processes.of(handle._context)  # type: ignore[attr-defined, assignment]
            if process is None or not process.holds(handle):
                handle._run()

    def use(self, jobs: processes.Jobs) -> None:
        """Have ``jobs`` do what threads are for."""
        self._jobs = jobs

    def run_in_executor(  # type: ignore[override]
        self, _executor: None, work: Callable[..., Any], *args: Any
    ) -> Future[Any]:
        """Have a thread do ``work``, without the ways from thread to thread."""
        done: Future[Any] = self.create_future()
        self._jobs.start(processes.kind_of(work), lambda: work(*args), done)
        return done

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

    # -- handles ---------------------------------------------------------------------------------

    def _call_soon(
        self, callback: Any, args: tuple[Any, ...], context: Context | None
    ) -> events.Handle:
        self.calls += 1
        handle = events.Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> events.Handle:
        """Call ``callback`` in the next turn."""
        return self._call_soon(callback, args, context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> events.TimerHandle:
        """Call ``callback`` at ``when``."""
        timer = events.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._number), timer))
        return timer

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> events.TimerHandle:
        """Call ``callback`` in so many seconds."""
        return self.call_at(self._planned.now + delay, callback, *args, context=context)

    def _write_to_self(self) -> None:
        """Nothing waits in the kernel."""
