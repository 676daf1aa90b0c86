"""The way between resolvers and the authoritative server: takes time, and sees all that passes.

Each resolver asks at a port of its own, so it is known who asks; a query waits half a round trip
here before it goes on, and its answer the other half. UDP only. On the way

- the mark of a pair is taken off the question and put on the answer (:mod:`bench.ttl.names`);
- the TTL may be set: that of a group that is measured with another one than its own, and, once, a
  lower one, with which a cache is put into the state that it would be in at any moment;
- other servers' names and addresses are taken off, so that a resolver asks nobody else;
- the server may be cut off: queries are seen, and not answered.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import dns.exception
import dns.message
import dns.rdatatype

from bench.ttl.names import Played, unmark

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.ttl.asking import Address


class Passed(NamedTuple):
    """A query that passed: when (clock time), whose, and for which pair, if any."""

    when: float
    resolver: int
    played: Played | None


class _Socket(asyncio.DatagramProtocol):
    """One end of a way."""

    def __init__(self, came: Callable[[bytes, Any], None]) -> None:
        self._came = came
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._came(data, addr)

    def error_received(self, exc: Exception) -> None:
        """Let what cannot be delivered be lost, as on any way."""


class _Open(NamedTuple):
    """A query whose answer is awaited."""

    query: bytes
    asker: tuple[str | Any, int]
    played: Played | None


class _Way:
    """The way of one resolver. IDs are changed, because its sockets may share one."""

    def __init__(self, resolver: int, ways: Ways) -> None:
        self._resolver = resolver
        self._ways = ways
        self._open: dict[int, _Open] = {}
        self._next = 0
        self._loop = asyncio.get_running_loop()
        self.near = _Socket(self._asked)
        self.far = _Socket(self._answered)

    def _asked(self, data: bytes, asker: tuple[str | Any, int]) -> None:
        played, query = unmark(data)
        self._ways.passed.append(Passed(time.time(), self._resolver, played))
        if self._ways.cut or played in self._ways.silent:
            return
        self._next = (self._next + 1) & 0xFFFF
        self._open[self._next] = _Open(data, asker, played)
        query = self._next.to_bytes(2, "big") + query[2:]
        self._loop.call_later(self._ways.trip / 2, self.far.transport.sendto, query)

    def _answered(self, data: bytes, _server: object) -> None:
        found = self._open.pop(int.from_bytes(data[:2], "big"), None)
        if found is not None:
            self._loop.call_later(self._ways.trip / 2, self._deliver, data, found)

    def _deliver(self, data: bytes, found: _Open) -> None:
        ttl = self._ways.ttl(self._resolver, found.played)
        self.near.transport.sendto(marked(data, found.query, ttl), found.asker)


def marked(response: bytes, query: bytes, ttl: int | None) -> bytes:
    """Return ``response`` as one to ``query``, whose name had a mark; with ``ttl``, if not None."""
    try:
        found = dns.message.from_wire(response)
        asked = dns.message.from_wire(query).question
    except dns.exception.DNSException:
        return query[:2] + response[2:]  # nothing that could be understood
    true = found.question[0].name if found.question else None
    found.question = asked
    found.id = int.from_bytes(query[:2], "big")
    for rrset in found.answer:
        if rrset.name == true:
            rrset.name = asked[0].name
        rrset.ttl = rrset.ttl if ttl is None else ttl
    found.authority = [one for one in found.authority if one.rdtype == dns.rdatatype.SOA]
    found.additional = []
    return found.to_wire()


class Ways:
    """The ways of resolvers to ``server``, with a round trip of ``trip`` seconds.

    ``ports`` are what the resolvers have to ask, ``passed`` all that went this way. ``sets`` has
    TTLs by group; ``lives`` those of the next answer to a resolver for a pair. With ``cut``
    nothing is answered, nor is what is asked for the pairs that are ``silent``.
    """

    def __init__(self, server: Address, trip: float) -> None:
        self._server = server
        self._opened: list[_Way] = []
        self.trip = trip
        self.ports: list[int] = []
        self.passed: list[Passed] = []
        self.sets: dict[int, int] = {}
        self.lives: dict[tuple[int, Played], int] = {}
        self.silent: set[Played] = set()
        self.cut = False

    def ttl(self, resolver: int, played: Played | None) -> int | None:
        """Return the TTL that the next answer is to have; None: its own."""
        if played is None:
            return None
        return self.lives.pop((resolver, played), self.sets.get(played.group))

    async def open(self, resolvers: int) -> None:
        """Open a way for each resolver, at a free port of 127.0.0.1."""
        loop = asyncio.get_running_loop()
        for number in range(resolvers):
            way = _Way(number, self)
            far, near = way.far, way.near
            await loop.create_datagram_endpoint(lambda far=far: far, remote_addr=self._server)  # type: ignore[misc]
            transport, _ = await loop.create_datagram_endpoint(
                lambda near=near: near,  # type: ignore[misc]
                local_addr=("127.0.0.1", 0),
            )
            self._opened.append(way)
            self.ports.append(transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        """Close all ways."""
        for way in self._opened:
            way.near.transport.close()
            way.far.transport.close()
