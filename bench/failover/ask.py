"""One DNS query over UDP with asyncio, and what its answer says about addresses."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import NamedTuple

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype


class Answer(NamedTuple):
    """What came back: the response code's name, the shortest TTL, the addresses in their order.

    ``rcode`` is "" when nothing came in time.
    """

    rcode: str
    ttl: int
    addresses: tuple[str, ...]


SILENCE = Answer("", 0, ())


class _Reply(asyncio.DatagramProtocol):
    def __init__(self, number: int) -> None:
        self._number = number
        self.found: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _address: object) -> None:
        if data[:2] == self._number.to_bytes(2, "big") and not self.found.done():
            self.found.set_result(data)

    # An ICMP error is no answer: whoever asks waits for one, as stub resolvers do.


async def ask(server: str, name: str, timeout: float) -> Answer:
    """Ask ``server`` for the IPv4 addresses of ``name`` once."""
    number = random.getrandbits(16)
    query = dns.message.make_query(name, "A", id=number)
    loop = asyncio.get_running_loop()
    transport, reply = await loop.create_datagram_endpoint(
        lambda: _Reply(number), remote_addr=(server, 53)
    )
    try:
        transport.sendto(query.to_wire())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                return read(await reply.found)
    finally:
        transport.close()
    return SILENCE


def read(response: bytes) -> Answer:
    """Return what a response says; :data:`SILENCE` if it is none."""
    try:
        message = dns.message.from_wire(response)
    except dns.exception.DNSException:
        return SILENCE
    sets = [one for one in message.answer if one.rdtype == dns.rdatatype.A]
    return Answer(
        dns.rcode.to_text(message.rcode()),
        min((one.ttl for one in sets), default=0),
        tuple(record.to_text() for one in sets for record in one),
    )
