"""The ways to ask in an open loop: UDP, TCP on new connections, TCP on kept ones."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import dns.message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from bench.dig.asking import Target
    from bench.dig.openloop import Shot, Way
    from bench.queries.draw import Query

UDP, NEW, KEPT = "UDP", "TCP, new connection", "TCP, kept connection"
WAYS = {"UDP": (UDP,), "TCP": (NEW, KEPT)}
"""The ways of each transport."""
WITHOUT = f"{NEW}, without its handshake"
LABELS = {NEW: f"{NEW}, handshake included", KEPT: f"{KEPT}, no handshake"}
"""What is written of a way: what its times say of the handshake."""
IDS = 1 << 16
PAYLOAD = 1232


def wire(query: Query) -> bytes:
    """Return ``query`` as a packet, with EDNS as dig sends it; its ID is set when it is asked."""
    message = dns.message.make_query(
        query.name, query.rtype, use_edns=0, want_dnssec=query.do, payload=PAYLOAD
    )
    message.id = 0
    return message.to_wire()


class _Waiting:
    """The queries of one socket that wait for their answers, by ID."""

    def __init__(self) -> None:
        self._shots: dict[int, Shot] = {}
        self._next = 0

    def put(self, packet: bytes, shot: Shot) -> bytes:
        """Return ``packet`` with an ID that no younger query has."""
        number = self._next = (self._next + 1) % IDS
        self._shots[number] = shot
        return number.to_bytes(2, "big") + packet[2:]

    def answered(self, packet: bytes) -> None:
        shot = self._shots.pop(int.from_bytes(packet[:2], "big"), None)
        if shot is not None and len(packet) > 2 and packet[2] & 0x80:
            shot.done = asyncio.get_running_loop().time()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.waiting = _Waiting()

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002
        self.waiting.answered(data)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens: the query has no answer."""


class Datagrams:
    """UDP, from some sockets in turn."""

    def __init__(self, ends: Sequence[tuple[asyncio.DatagramTransport, _Datagrams]]) -> None:
        self._ends = ends
        self._turn = 0

    def ask(self, packet: bytes, shot: Shot) -> None:
        """See :class:`~bench.dig.openloop.Way`."""
        self._turn = (self._turn + 1) % len(self._ends)
        transport, protocol = self._ends[self._turn]
        transport.sendto(protocol.waiting.put(packet, shot))


class _Stream(asyncio.Protocol):
    """A connection: messages after their length (RFC 7766)."""

    def __init__(self, got: Callable[[bytes], None]) -> None:
        self._got = got
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 2:
            end = 2 + int.from_bytes(self._buffer[:2], "big")
            if len(self._buffer) < end:
                return
            self._got(self._buffer[2:end])
            self._buffer = self._buffer[end:]


def _framed(packet: bytes) -> bytes:
    return len(packet).to_bytes(2, "big") + packet


class _Tasks:
    """Connections are made in tasks; what is not done in the end is given up."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, asking: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(asking)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Give up what is not done."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class New(_Tasks):
    """TCP, with a connection for each query."""

    def ask(self, packet: bytes, shot: Shot) -> None:
        """See :class:`~bench.dig.openloop.Way`."""
        self.start(self._ask(packet, shot))

    async def _ask(self, packet: bytes, shot: Shot) -> None:
        loop, answered, waiting = asyncio.get_running_loop(), asyncio.Event(), _Waiting()

        def got(message: bytes) -> None:
            waiting.answered(message)
            answered.set()

        began = loop.time()
        with contextlib.suppress(OSError):
            where = (self.target.address, self.target.port)
            transport, _ = await loop.create_connection(lambda: _Stream(got), *where)
            shot.handshake = loop.time() - began
            try:
                transport.write(_framed(waiting.put(packet, shot)))
                await answered.wait()
            finally:
                transport.close()


class Kept(_Tasks):
    """TCP, with some connections in turn; one that has ended is made anew."""

    def __init__(self, target: Target, clients: int) -> None:
        super().__init__(target)
        self._ends: list[tuple[asyncio.Transport, _Waiting] | None] = [None] * clients
        self._making = [asyncio.Lock() for _ in range(clients)]
        self._turn = 0

    async def open(self) -> None:
        """Make the connections: their handshakes count for no query."""
        for number in range(len(self._ends)):
            with contextlib.suppress(OSError):
                await self._connect(number)

    def ask(self, packet: bytes, shot: Shot) -> None:
        """See :class:`~bench.dig.openloop.Way`."""
        self._turn = (self._turn + 1) % len(self._ends)
        if (end := self._open(self._turn)) is not None:
            end[0].write(_framed(end[1].put(packet, shot)))
        else:
            self.start(self._ask(self._turn, packet, shot))

    async def _ask(self, number: int, packet: bytes, shot: Shot) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with contextlib.suppress(OSError):
            async with self._making[number]:
                transport, waiting = self._open(number) or await self._connect(number)
            shot.handshake = loop.time() - began
            transport.write(_framed(waiting.put(packet, shot)))

    def _open(self, number: int) -> tuple[asyncio.Transport, _Waiting] | None:
        end = self._ends[number]
        return None if end is None or end[0].is_closing() else end

    async def _connect(self, number: int) -> tuple[asyncio.Transport, _Waiting]:
        waiting, where = _Waiting(), (self.target.address, self.target.port)
        make = asyncio.get_running_loop().create_connection
        transport, _ = await make(lambda: _Stream(waiting.answered), *where)
        self._ends[number] = transport, waiting
        return transport, waiting

    async def end(self) -> None:
        """Give up what is open, and close the connections."""
        await super().end()
        for end in self._ends:
            if end is not None:
                end[0].abort()
        # A transport closes its socket in the loop's next turn.
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def opened(way: str, target: Target, clients: int) -> AsyncIterator[Way]:
    """Have ``way`` ready while the body runs; ``clients`` sockets ask in turn."""
    if way == UDP:
        make = asyncio.get_running_loop().create_datagram_endpoint
        where = (target.address, target.port)
        ends = [await make(_Datagrams, remote_addr=where) for _ in range(clients)]
        try:
            yield Datagrams(ends)
        finally:
            for transport, _ in ends:
                transport.abort()
            await asyncio.sleep(0)
        return
    found: New | Kept = New(target)
    if way == KEPT:
        found = Kept(target, clients)
        await found.open()
    try:
        yield found
    finally:
        await found.end()
