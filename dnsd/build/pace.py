"""How much of a busy CPU a process that builds gets: what answers leave over, and never nothing.

At first it runs when no other process wants the CPU, so answers are as quick as without it. Where
answers want all of it, the build would never end: so it is watched, and gets more when it starves.
"""

from __future__ import annotations

import asyncio
import os
import resource
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dnsd.rights.capabilities import Capability, permitted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NICENESS = 10
"""Of a process whose place cannot be changed later: a tenth of a busy CPU."""

STARVED = 0.08
"""A process starves that has had less than this share of the time in which it wanted a CPU."""
HUNGRY = 0.2
"""It has waited long enough for more than a tenth."""

LOOK_S = 0.1
"""Between two looks."""

_PARAMETERS = os.sched_param(0)
_RANGE = 20
"""RLIMIT_NICE counts from here downwards (setrlimit(2))."""


class PaceStep(NamedTuple):
    """A place in the queue for a CPU: ``share`` is the one below which the next step is due."""

    policy: int
    niceness: int
    share: float


STEPS = (
    PaceStep(os.SCHED_IDLE, NICENESS, STARVED),
    PaceStep(os.SCHED_BATCH, NICENESS, HUNGRY),
    PaceStep(os.SCHED_BATCH, NICENESS // 2, 0.0),
)


def may_climb() -> bool:
    """Tell whether this process may give another one of its user a better place again."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NICE)
    wanted = _RANGE - STEPS[-1].niceness
    return soft == resource.RLIM_INFINITY or soft >= wanted or Capability.SYS_NICE in permitted()


def take(pid: int, step: PaceStep) -> None:
    """Give a process the place that ``step`` says, if it has not ended."""
    with suppress(OSError):
        os.sched_setscheduler(pid, step.policy, _PARAMETERS)
        os.setpriority(os.PRIO_PROCESS, pid, step.niceness)


class Had(NamedTuple):
    """The nanoseconds for which a process has run and waited for a CPU; whether it ``wants`` one.

    The kernel adds up a wait when it ends, so one that goes on is seen by nothing else.
    """

    ran: int
    waited: int
    wants: bool = False

    @classmethod
    def of(cls, pid: int, proc: Path = Path("/proc")) -> Had:
        """Return what ``proc`` tells of a process; OSError or ValueError if it has gone."""
        ran, waited, *_ = (proc / str(pid) / "schedstat").read_bytes().split()
        stat = (proc / str(pid) / "stat").read_bytes()
        return cls(int(ran), int(waited), stat[stat.rindex(b")") + 2 :][:1] == b"R")

    def share_since(self, before: Had) -> float:
        """Return what it has had of the time in which it wanted to run; 1 if it did not."""
        ran, waited = self.ran - before.ran, self.waited - before.waited
        if ran <= 0 and waited <= 0:
            return 0.0 if self.wants else 1.0
        return ran / (ran + waited)


@asynccontextmanager
async def looked_after(pid: int) -> AsyncIterator[None]:
    """Have a process that has just been started get on as long as the body runs."""
    first, *left = STEPS if may_climb() else STEPS[1:2]
    take(pid, first)
    looks = asyncio.create_task(_feed(pid, first, left))
    try:
        yield
    finally:
        looks.cancel()


async def _feed(pid: int, step: PaceStep, left: list[PaceStep]) -> None:
    with suppress(OSError, ValueError):  # it has gone
        before = Had.of(pid)
        while left:
            await asyncio.sleep(LOOK_S)
            now = Had.of(pid)
            if now.share_since(before) < step.share:
                step = left.pop(0)
                take(pid, step)
            before = now
