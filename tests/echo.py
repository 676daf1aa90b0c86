"""A backend for tests: it answers each line or datagram with its name and the client's address.

    python -m tests.echo NAME PORT

So an answer shows where it comes from, and a connection that is kept shows whether it lives.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any, cast


def answer(name: str, address: tuple[Any, ...]) -> bytes:
    """Return what a client at ``address`` is told."""
    return f"{name} {address[0].removeprefix('::ffff:')}\n".encode()


class Datagrams(asyncio.DatagramProtocol):
    """Answers over UDP."""

    def __init__(self, name: str) -> None:
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:  # noqa: ARG002
        self._transport.sendto(answer(self._name, addr), addr)


async def serve(name: str, port: int) -> None:
    """Serve for ever, over both families."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readline():
                writer.write(answer(name, writer.get_extra_info("peername")))
                await writer.drain()
        except ConnectionError:
            writer.transport.abort()
        else:
            writer.close()  # once all of the answers have been taken

    loop = asyncio.get_running_loop()
    await asyncio.start_server(talk, ("0.0.0.0", "::"), port, backlog=1000)
    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        sock = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        await loop.create_datagram_endpoint(lambda: Datagrams(name), sock=sock)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
