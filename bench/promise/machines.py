"""Machines that die: ``python -m bench.promise.machines PORT ADDRESS...`` obeys lines of its input.

A line is an address and what becomes of it: "well", "closed" (connections are refused), "ill" (they
are taken and nothing is answered), or "dead" (packets to it vanish, as far as a process can do
that: nothing takes connections from a queue that is full). Each line is answered by "done".
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress

WELL, CLOSED, ILL, DEAD = "well", "closed", "ill", "dead"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
BACKLOG = 512


class Machine:
    """A web server at ``address``."""

    def __init__(self, address: str, port: int) -> None:
        self._at = address, port
        self._server: asyncio.Server | None = None
        self._stuffed: list[socket.socket] = []
        self._guests: set[asyncio.StreamWriter] = set()
        self._is_ill = False

    async def become(self, state: str) -> None:
        """Be "well", "closed", "ill" or "dead" from now on."""
        await self._close()
        self._is_ill = state == ILL
        if state in (WELL, ILL):
            self._server = await asyncio.start_server(self._serve, *self._at, backlog=BACKLOG)
        elif state == DEAD:
            self._stuff()

    async def _close(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for sock in self._stuffed:
            sock.close()
        self._stuffed.clear()
        for guest in tuple(self._guests):
            guest.transport.abort()

    def _stuff(self) -> None:
        """Listen with a queue that is full: the kernel answers no SYN any more."""
        listener = socket.create_server(self._at, backlog=0)
        self._stuffed.append(listener)
        for _ in range(2):
            guest = socket.socket()
            guest.setblocking(False)
            with suppress(BlockingIOError):
                guest.connect(self._at)
            self._stuffed.append(guest)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._guests.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                if self._is_ill:
                    await reader.read()
                writer.write(RESPONSE)
                await writer.drain()
        finally:
            self._guests.discard(writer)
            writer.close()


async def _obey(machines: dict[str, Machine]) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    for machine in machines.values():
        await machine.become(WELL)
    while line := await reader.readline():
        address, state = line.decode().split()
        await machines[address].become(state)
        sys.stdout.write("done\n")
        sys.stdout.flush()


def main() -> None:
    """Run the machines that the command line names."""
    port, *addresses = sys.argv[1:]
    asyncio.run(_obey({address: Machine(address, int(port)) for address in addresses}))


if __name__ == "__main__":
    main()
