"""The client of a study of directors: kept connections, downloads, new flows, DNS, all at once.

    python -m bench.balance.loads PORT VIP…

It writes a line for whatever happens (:class:`Event`), and reads orders: ``release NAME`` has the
kept flows that lead to a backend end in good order, as clients do in their time.
"""

from __future__ import annotations

import asyncio
import random
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from bench.lab import question

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

KEPT, DOWNLOADS = 200, 20
"""Connections that are always there, over all VIPs."""
ASK_S = 1.0
"""How often a kept connection asks."""
FRESH_S, UDP_S, TCP_S = 0.02, 0.02, 0.05
"""How often there is a new flow to each VIP."""
PATIENCE_S = 5.0
SHORT_S = 1.0
AGAIN_S = 0.2


class Event(NamedTuple):
    """Something that happened to a flow which began at ``began`` (monotonic seconds).

    ``load`` is kept, long, fresh, udp or tcp; ``outcome`` is open, ok, lost or released;
    ``backend`` and the client's address as it has ``seen`` it are - where nothing is known.
    """

    began: float
    load: str
    vip: str
    outcome: str
    backend: str = "-"
    seen: str = "-"

    @classmethod
    def read(cls, line: str) -> Event:
        """Read what :func:`tell` wrote."""
        began, *rest = line.split()
        return cls(float(began), *rest)


def tell(event: Event) -> None:
    """Write an event down."""
    print(*event, flush=True)


class Loads:
    """All loads on ``vips``; ``port`` is that of HTTP."""

    def __init__(self, port: int, vips: list[str]) -> None:
        self._port = port
        self._vips = vips
        self._released: set[asyncio.Event] = set()
        self._kept: dict[asyncio.Event, str] = {}

    async def run(self) -> None:
        """Run until the orders end."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in self._works()]
            reader = asyncio.StreamReader()
            await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
            )
            while order := await reader.readline():
                self._release(order.decode().split()[1])
            for task in tasks:
                task.cancel()

    def _works(self) -> list[Coroutine[None, None, None]]:
        return [
            *(self._hold("kept", self._vips[n % len(self._vips)]) for n in range(KEPT)),
            *(self._hold("long", self._vips[n % len(self._vips)]) for n in range(DOWNLOADS)),
            *(_often("fresh", FRESH_S, vip, self._fetch) for vip in self._vips),
            *(_often("udp", UDP_S, vip, _ask_udp) for vip in self._vips),
            *(_often("tcp", TCP_S, vip, _ask_tcp) for vip in self._vips),
        ]

    def _release(self, name: str) -> None:
        for event, backend in self._kept.items():
            if backend == name:
                event.set()

    async def _hold(self, load: str, vip: str) -> None:
        """Have a connection for ever: another one when it is lost."""
        await asyncio.sleep(random.uniform(0, ASK_S))
        while True:
            began, who = time.monotonic(), ("-", "-")
            released = asyncio.Event()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    reader, writer = await asyncio.open_connection(vip, self._port)
                    who = await _get(reader, writer, "/long" if load == "long" else "/")
                tell(Event(began, load, vip, "open", *who))
                self._kept[released] = who[0]
                while not released.is_set():
                    async with asyncio.timeout(PATIENCE_S):
                        if load == "long":
                            await reader.readexactly(1000)
                        elif who != await _get(reader, writer, "/"):
                            raise ConnectionError
                    if load == "kept":
                        await asyncio.sleep(ASK_S)
                tell(Event(time.monotonic(), load, vip, "released", *who))
                writer.close()
            except (OSError, EOFError, ValueError):
                tell(Event(time.monotonic(), load, vip, "lost", *who))
                await asyncio.sleep(AGAIN_S)
            finally:
                self._kept.pop(released, None)

    async def _fetch(self, vip: str) -> tuple[str, str]:
        return await fetch(vip, self._port, "/")


async def fetch(vip: str, port: int, path: str, source: str | None = None) -> tuple[str, str]:
    """Return who answers a new connection and whom it sees."""
    own = (source, 0) if source else None
    reader, writer = await asyncio.open_connection(vip, port, local_addr=own)
    try:
        return await _get(reader, writer, path)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _get(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str
) -> tuple[str, str]:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: www\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    body = await reader.readline()
    if b"Content-Length: " in head:
        await reader.readexactly(int(head.split(b"Content-Length: ")[1].split()[0]) - len(body))
    name, seen = body.decode().split()
    return name, seen


async def _often(
    load: str, every: float, vip: str, ask: Callable[[str], Awaitable[tuple[str, str]]]
) -> None:
    """Begin a flow at each tick, whatever became of those before."""

    async def once() -> None:
        began, outcome, who = time.monotonic(), "lost", ("-", "-")
        with suppress(OSError, EOFError, ValueError):
            async with asyncio.timeout(SHORT_S):
                who = await ask(vip)
                outcome = "ok"
        tell(Event(began, load, vip, outcome, *who))

    going: set[asyncio.Task[None]] = set()
    while True:
        task = asyncio.create_task(once())
        going.add(task)
        task.add_done_callback(going.discard)
        await asyncio.sleep(every)


async def _ask_udp(vip: str) -> tuple[str, str]:
    number = random.randrange(1 << 16)
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect((vip, question.PORT))
        await loop.sock_sendall(sock, question.query(number))
        return _answerer(await loop.sock_recv(sock, 512), number), "-"


async def _ask_tcp(vip: str) -> tuple[str, str]:
    number = random.randrange(1 << 16)
    query = question.query(number)
    reader, writer = await asyncio.open_connection(vip, question.PORT)
    try:
        writer.write(len(query).to_bytes(2, "big") + query)
        length = int.from_bytes(await reader.readexactly(2), "big")
        return _answerer(await reader.readexactly(length), number), "-"
    finally:
        writer.close()


def _answerer(response: bytes, number: int) -> str:
    if question.message_id(response) != number:
        raise ValueError("the answer to another question")
    return question.answerer(response).decode() or "-"


if __name__ == "__main__":
    asyncio.run(Loads(int(sys.argv[1]), sys.argv[2:]).run())
