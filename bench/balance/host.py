"""A backend's web server: each response begins with its name and the client's address.

    python -m bench.balance.host NAME PORT

``/`` is a line, ``/much`` many packets, ``/long`` a download that does not end.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

MUCH = 200_000
PIECE, PIECES_A_SECOND = 1000, 20


class Host:
    """Serves as ``name``."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with suppress(OSError, ValueError):
            while request := await reader.readline():
                while (await reader.readline()).strip():
                    pass
                await self._answer(request.split()[1], writer)
        writer.transport.abort()

    async def _answer(self, path: bytes, writer: asyncio.StreamWriter) -> None:
        client = writer.get_extra_info("peername")[0].removeprefix("::ffff:")
        line = f"{self._name} {client}\n".encode()
        if path == b"/long":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + line)
            while True:
                writer.write(b"." * (PIECE - 1) + b"\n")
                await writer.drain()
                await asyncio.sleep(1 / PIECES_A_SECOND)
        body = line + b"." * (MUCH if path == b"/much" else 0)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()


async def serve(name: str, port: int) -> None:
    """Serve for ever, over both families."""
    await asyncio.start_server(Host(name).talk, ("0.0.0.0", "::"), port, backlog=1000)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
