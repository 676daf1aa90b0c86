"""Processes under a clock that jumps: tasks that can be killed at any of their awaits.

What a process has asked of a disk, the kernel or another program, and is not done by then, is lost.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar, copy_context
from typing import Any

_process: ContextVar[Process | None] = ContextVar("process", default=None)

Job = Future[Any] | asyncio.Future[Any]
"""What tells of work that is done outside the loop."""


class Killed(BaseException):
    """The process ends within a call."""


class Process:
    """The tasks of one process."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        self.dead = False
        self.context = copy_context()
        self.context.run(_process.set, self)

    def begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Have the process do ``work`` beside all else."""
        context = self.context.copy()
        return asyncio.get_running_loop().create_task(work, context=context)

    def run(self, work: Callable[[], Any]) -> Any:
        """Have the process do ``work`` now."""
        return self.context.copy().run(work)

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Have ``task`` end with it."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def kill(self) -> None:
        """End it: its tasks are cancelled."""
        self.dead = True
        for task in tuple(self.tasks):
            task.cancel()


def current() -> Process | None:
    """Return the process that is at work; None: the world around them."""
    return _process.get()


def of(context: Any) -> Process | None:
    """Return the process of a context."""
    return context.get(_process)  # type: ignore[no-any-return]


def register(loop: asyncio.AbstractEventLoop, work: Any, **how: Any) -> asyncio.Task[Any]:
    """Make a task (a task factory) that ends with its process."""
    task = asyncio.Task(work, loop=loop, **how)
    context = how.get("context")
    process = _process.get() if context is None else context.get(_process)
    if process is not None:
        process.adopt(task)
    return task


class Jobs:
    """What takes time outside the loop: ``delay`` more; the ``trap``-th from now kills."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seed: int) -> None:
        self._loop = loop
        self._random = random.Random(seed)
        self.delay: Callable[[str], float] = lambda _kind: 0.0
        self.trap = 0
        self.at_work = False
        self._under_way: dict[Job, tuple[Process | None, Callable[[], Any]]] = {}

    def begin(self, kind: str, work: Callable[[], Any]) -> Future[Any]:
        """Have ``work`` done, of a ``kind`` that the delay depends on."""
        done: Future[Any] = Future()
        self.start(kind, work, done)
        return done

    def start(self, kind: str, work: Callable[[], Any], done: Job) -> None:
        """Have ``work`` done, which ``done`` tells of."""
        process = _process.get()
        if process is not None and self.trap:
            self.trap -= 1
            if not self.trap:
                self._loop.call_soon(process.kill)
        self._under_way[done] = process, work
        seconds = self._random.uniform(0.0002, 0.003) + self.delay(kind)
        self._loop.call_later(seconds, self._finish, done)

    def _finish(self, done: Job) -> None:
        """Do it, unless its process has died; who no longer waits for it does not hear of it."""
        process, work = self._under_way.pop(done, (None, None))
        if work is None or (process is not None and process.dead):
            done.cancel()  # of the dead only what ends with the world goes on
            return
        self.at_work = True
        try:
            found = work()
        except Killed:
            return
        except Exception as error:
            if not done.cancelled():
                done.set_exception(error)
        else:
            if not done.cancelled():
                done.set_result(found)
        finally:
            self.at_work = False

    def finish_some(self, process: Process) -> None:
        """Have half of what ``process`` has under way be done, though it will not hear of it."""
        for done, (one, work) in tuple(self._under_way.items()):
            # What is done may end it, too: then that has been seen to.
            if one is not process or self._under_way.pop(done, None) is None:
                continue
            if self._random.random() < 0.5:
                self.at_work = True
                with suppress(Exception, Killed):
                    process.run(work)
                self.at_work = False

    def pool(self, name: str) -> Pool:
        """Return the threads of this ``name``."""
        return Pool(self, name)


class Pool(ThreadPoolExecutor):
    """Threads whose work is done when the jobs say so."""

    def __init__(self, jobs: Jobs, name: str) -> None:
        super().__init__(1)
        self._jobs, self._name = jobs, name

    def submit(self, work: Callable[..., Any], /, *args: Any, **keys: Any) -> Future[Any]:
        """Have ``work`` done."""
        name = kind_of(work) if self._name == "thread" else self._name
        return self._jobs.begin(name, lambda: work(*args, **keys))


def kind_of(work: Callable[..., Any]) -> str:
    """Return the name of what a thread is to do."""
    return getattr(getattr(work, "args", (work,))[0], "__name__", "")
