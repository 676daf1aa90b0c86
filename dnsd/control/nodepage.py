"""A page of another node, by HTTP: what it says, or a sentence why it says nothing of use."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dnsd.checks.result import Blind, ServiceFault
from dnsd.checks.tcp import connected
from dnsd.config.units import format_duration
from dnsd.process.exchange import ServerAddress, within

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from dnsd.config import Endpoint


async def get(endpoint: Endpoint, path: str, most: int) -> bytes:
    """Return the body of the page ``path``, of ``most`` octets at the most.

    Fault, Blind or OSError if it doesn't come.
    """
    from dnsd.checks.httpclient import Exchange  # only a node that asks others needs h11

    sock = await connected(ServerAddress(endpoint.address, endpoint.port))
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        exchange = Exchange(reader, writer)
        status = await exchange.get(path, str(endpoint))
        if status != 200:
            raise ServiceFault(f"answers with status {status}")
        body = await exchange.body(most + 1)
        if len(body) > most:
            raise ServiceFault(f"answers with more than {most} octets")
        return body
    finally:
        writer.transport.abort()


async def in_time(seconds: float, page: Callable[[], Awaitable[bytes]]) -> bytes:
    """Return what ``page`` returns, if it comes in so many ``seconds``.

    Fault or Blind, which follow the node's URL in a sentence, if it doesn't.
    """

    async def asking() -> bytes | ServiceFault | Blind:
        try:
            return await page()
        except (ServiceFault, Blind) as fault:
            return fault
        except OSError as error:
            return ServiceFault(f"cannot be asked: {error.strerror or error}")

    answer = await within(seconds, asking())
    if answer is None:
        raise ServiceFault(f"did not answer within {format_duration(seconds)}")
    if not isinstance(answer, bytes):
        raise answer
    return answer
