"""A service: one HTTP answer, with its name and the address that it was asked from.

It runs as a process of its own: ``python -m bench.failover.service ADDRESS PORT NAME``.
"""

from __future__ import annotations

import asyncio
import sys

BACKLOG = 1024


class Connection(asyncio.Protocol):
    """Answers the first request of a connection, whatever it is, and closes."""

    name = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of whoever asks."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Answer when the request is whole."""
        self._received += data
        if b"\r\n\r\n" not in self._received:
            return
        peer = self._transport.get_extra_info("peername")[0]
        body = f"{self.name} {peer}\n".encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self._transport.write(head.encode() + body)
        self._transport.close()


async def serve(address: str, port: int, name: str) -> None:
    """Serve for ever."""
    kind = type("Named", (Connection,), {"name": name})
    loop = asyncio.get_running_loop()
    server = await loop.create_server(kind, address, port, backlog=BACKLOG)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
