"""Small pieces of work that share a thread: each has its own end, in the order they came."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from functools import partial

import pytest

from dnsd.xfrd.together import Together


def test_what_comes_together_is_done_in_turn_and_each_has_its_own_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[int] = []
    hops: list[int] = []
    to_thread = asyncio.to_thread

    def counted(*args: object) -> object:
        hops.append(1)
        return to_thread(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "to_thread", counted)
    opened = threading.Event()

    def work(number: int) -> None:
        assert threading.current_thread() is not threading.main_thread()
        assert opened.wait(20)
        done.append(number)
        if number % 3 == 2:
            raise OSError(number)

    async def all_of_them() -> list[BaseException | None]:
        together = Together()
        first = asyncio.ensure_future(together.do(partial(work, 0)))
        while not hops:
            await asyncio.sleep(0)
        rest = [asyncio.ensure_future(together.do(partial(work, one))) for one in range(1, 9)]
        await asyncio.sleep(0)
        rest[3].cancel()  # it is done all the same, and holds up nobody
        opened.set()
        ends = await asyncio.gather(first, *rest, return_exceptions=True)
        with suppress(OSError):
            await together.do(partial(work, 11))
        return ends

    ends = asyncio.run(asyncio.wait_for(all_of_them(), 20))
    assert done == [*range(9), 11]
    assert len(hops) == 3
    kinds = [type(end).__name__ for end in ends]
    assert kinds == [
        "CancelledError" if one == 4 else "OSError" if one % 3 == 2 else "NoneType"
        for one in range(9)
    ]
