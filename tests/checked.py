"""A check that is made of a server that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from dnsd.checks.grpc import GrpcCheck
from dnsd.checks.http import HttpCheck
from dnsd.checks.tls import TlsCheck

if TYPE_CHECKING:
    import ssl

    from dnsd.checks.result import Result

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def result_of(
    asked: GrpcCheck | HttpCheck | TlsCheck,
    serve: Serve,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> Result:
    """Return what ``asked``, on a port that is filled in, says of a server on ``host``."""

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the check has ended before the server
        finally:
            writer.transport.abort() if tls else writer.close()

    async def run() -> Result:
        server = await asyncio.start_server(handled, host, 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        try:
            return await replace(asked, port=port).run(host)
        finally:
            server.close()
            await asyncio.sleep(0.01)

    return asyncio.run(run())
