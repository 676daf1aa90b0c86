"""An event loop whose clock jumps to what is waited for, and whose threads are done at once.

A story of minutes is played in milliseconds, and always in the same order.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest


class Clock(selectors.PollSelector):  # select() knows no descriptor above 1023
    """What the loop waits with: its waiting takes no time, and it is later."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; if nothing is, it is later at once."""
        self.now += timeout or 0.0
        return super().select(None if timeout is None else 0)


class _Inline(ThreadPoolExecutor):
    def submit(self, work: Callable[..., Any], /, *args: Any, **keys: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **keys))
        except Exception as error:
            done.set_exception(error)
        return done


class Jumping(asyncio.SelectorEventLoop):
    """The loop; ``now`` may be set forward."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        super().__init__(self._clock)
        self.set_default_executor(_Inline(1))

    @property
    def now(self) -> float:
        return self._clock.now

    def time(self) -> float:
        """Return what the clock says."""
        return self._clock.now

    def forward(self, seconds: float) -> None:
        """Let time pass in which nothing is done."""
        self._clock.now += seconds


def play(
    story: Callable[[Jumping], Coroutine[Any, Any, None]], loop: Jumping | None = None
) -> None:
    """Run ``story`` to its end."""
    loop = loop or Jumping()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("time.monotonic", loop.time)
            try:
                loop.run_until_complete(story(loop))
            finally:
                loop.run_until_complete(end_others())
    finally:
        loop.close()


async def end_others() -> None:
    """End all tasks but this one."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
