"""Small pieces of work that may wait for the disk: those that come together take one thread.

A way to a thread and back costs more than such a piece, and ten thousand zones may come at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Work = Callable[[], object]


class Together:
    """Does one piece after the other, in a thread, and in the order in which they were given."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Work, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def do(self, work: Work) -> None:
        """Call ``work`` in a thread, and wait for its end; what it raises is raised here."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((work, done))
        if self._task is None:
            self._task = loop.create_task(self._run())
        await done

    async def _run(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting, []
            faults = await asyncio.to_thread(_all_of, [work for work, _ in some])
            for (_, done), fault in zip(some, faults, strict=True):
                if done.done():
                    continue  # whoever gave it waits no more
                if fault is None:
                    done.set_result(None)
                else:
                    done.set_exception(fault)
        self._task = None


def _all_of(works: Sequence[Work]) -> list[Exception | None]:
    """Do all of ``works``; return what each one raises."""
    found: list[Exception | None] = []
    for work in works:
        try:
            work()
        except Exception as error:
            found.append(error)
        else:
            found.append(None)
    return found
