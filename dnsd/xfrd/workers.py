"""The sockets to the workers: handed-over requests in, answers to datagrams out.

A request that has waited too long is dropped: the client has sent it again.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from dnsd.process.log import say
from dnsd.wire import handed, query
from dnsd.wire.delivery import SENT_WITHIN_S
from dnsd.wire.query import Malformed

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from dnsd.process.packets import Packets
    from dnsd.xfrd.requests import SeenRequest, TransferRequests
    from dnsd.xfrd.streams import Streams

MESSAGES = 32
"""Messages from one worker that are handled in one turn of the loop."""
MOST_AT_ONCE = 256
"""Datagrams that may be answered at the same time; more are dropped."""
ANSWER_S = 1.0
"""Seconds that a worker may take to answer; after that the client asks again."""
STALE_S = 2.0
"""Seconds after which the client no longer waits for a handed-over request."""
SMALLEST_UDP, LARGEST_UDP = 512, 1232


class WorkerLink:
    """The socket to one worker, ``packets``."""

    def __init__(self, packets: Packets, requests: TransferRequests, streams: Streams) -> None:
        self._packets = packets
        self._requests = requests
        self._streams = streams
        self._number = 0
        self._asked: dict[int, asyncio.Future[handed.WorkerAnswer]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to receive messages."""
        asyncio.get_running_loop().add_reader(self._packets.fileno(), self._on_readable)

    def _on_readable(self) -> None:
        for _ in range(MESSAGES):
            found = self._packets.receive()
            if found is None:
                return
            message, fd = found
            sock = None if fd is None else socket.socket(fileno=fd)
            try:
                self._take(handed.from_worker(message), sock)
            except msgspec.DecodeError as error:
                say("internal-error", f"transfers: invalid message from a worker: {error}")
                if sock is not None:
                    sock.close()

    def _take(self, word: handed.FromWorker, sock: socket.socket | None) -> None:
        if isinstance(word, handed.WorkerAnswer):
            future = self._asked.get(word.number)
            if future is not None and not future.done():
                future.set_result(word)
            return
        source = word.source if isinstance(word, handed.HandedStream) else str(word.source[0])
        is_old = time.clock_gettime(time.CLOCK_BOOTTIME) - word.at > STALE_S
        if is_old or not self._requests.admits(source, time.monotonic()):
            if sock is not None:
                sock.close()
        elif isinstance(word, handed.HandedDatagram):
            if len(self._tasks) < MOST_AT_ONCE:
                self._begin(self._answer(word, source))
        elif sock is not None:
            self._streams.take(word, sock, self.ask)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, one: handed.HandedDatagram, source: str) -> None:
        composed = time.clock_gettime(time.CLOCK_BOOTTIME)
        limit = _limit(one.packet)
        with suppress(TimeoutError):
            async for response in self._requests.answer(one.packet, source, self.ask, udp=limit):
                word = handed.WorkerReply(response, one.place, one.source, one.origin, composed)
                if not self._packets.send(handed.encode(word)):
                    self._requests.count("dropped")

    async def ask(self, seen: SeenRequest) -> bytes | None:
        """Have the worker answer a question: it notes the answer as its own."""
        self._number += 1
        number = self._number
        future: asyncio.Future[handed.WorkerAnswer] = asyncio.get_running_loop().create_future()
        question = handed.WorkerQuestion(number, seen.message, int(not seen.is_udp), seen.source)
        if not self._packets.send(handed.encode(question)):
            return None
        self._asked[number] = future
        try:
            found = await asyncio.wait_for(future, ANSWER_S)
        except TimeoutError:
            return None
        finally:
            del self._asked[number]
        late = time.clock_gettime(time.CLOCK_BOOTTIME) - found.composed > SENT_WITHIN_S
        return None if late else found.response


def _limit(packet: bytes) -> int:
    """Return the largest answer to ``packet`` over UDP, in octets."""
    asked = query.begin(packet)
    try:
        query.parse(packet, asked)
    except Malformed:
        return SMALLEST_UDP
    payload = asked.edns.payload if asked.edns else SMALLEST_UDP
    return max(SMALLEST_UDP, min(payload, LARGEST_UDP))
