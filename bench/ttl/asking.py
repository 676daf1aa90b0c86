"""Asks real servers at given moments, and notes when and what each answers.

Knows nothing of TTLs: a schedule of questions goes in, as many answers come out. Runs in an
asyncio loop that others may share.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from bench.ttl.names import answer_ttl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PATIENCE_S = 2.0
"""What has not been answered by then is lost."""
TICK_S = 0.5
"""Between two looks at how far it is."""


Address: TypeAlias = tuple[str, int]
"""A host's address and a port."""


class Ask(NamedTuple):
    """A question: seconds after the beginning, to whom, the octets."""

    when: float
    server: Address
    query: bytes


@dataclass(slots=True)
class Answer:
    """What became of a question: when it was sent (clock time), how long it took, which TTL.

    ``took`` is in seconds, and infinite when nothing came; ``ttl`` is None without data, or when
    it came too late.
    """

    sent: float = 0.0
    took: float = math.inf
    ttl: int | None = None


class _Asker(asyncio.DatagramProtocol):
    """A socket to one server: gives queries their IDs, and takes the answers back to them."""

    def __init__(self) -> None:
        self.open: dict[int, tuple[Answer, float]] = {}
        self._next = 0
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def ask(self, query: bytes) -> Answer:
        answer = Answer(time.time())
        self._next = (self._next + 1) & 0xFFFF
        self.open[self._next] = (answer, time.perf_counter())
        self._transport.sendto(self._next.to_bytes(2, "big") + query[2:])
        return answer

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:  # noqa: ARG002
        came = time.perf_counter()
        answer, sent = self.open.pop(int.from_bytes(data[:2], "big"), (None, 0.0))
        if answer is not None:
            answer.took = came - sent
            answer.ttl = answer_ttl(data) if answer.took <= PATIENCE_S else None

    def error_received(self, exc: Exception) -> None:
        """Let what cannot be delivered be lost, which is counted."""

    def close(self) -> None:
        self._transport.close()


async def ask(
    schedule: Sequence[Ask], reach: Callable[[float], None] = lambda _: None
) -> list[Answer]:
    """Ask all of ``schedule``, which is in order of time; return the answers in that order.

    ``reach`` is told the seconds that have passed, now and then.
    """
    loop = asyncio.get_running_loop()
    askers: dict[Address, _Asker] = {}
    for server in {each.server for each in schedule}:
        _, askers[server] = await loop.create_datagram_endpoint(_Asker, remote_addr=server)
    answers = []
    begin, told = loop.time(), 0.0
    try:
        for each in schedule:
            while (left := begin + each.when - loop.time()) > 0:
                await asyncio.sleep(min(left, TICK_S))
                if loop.time() - told > TICK_S:
                    told = loop.time()
                    reach(told - begin)
            answers.append(askers[each.server].ask(each.query))
        await _rest(list(askers.values()))
    finally:
        for asker in askers.values():
            asker.close()
    return answers


async def _rest(askers: list[_Asker]) -> None:
    """Wait until all is answered, or lost."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and any(asker.open for asker in askers):
        await asyncio.sleep(0.01)
