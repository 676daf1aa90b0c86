"""The way between resolvers and the authoritative server: takes time, and sees all that passes.

Each resolver asks at a port of its own, so it is known who asks; a query waits half a round trip
here before it goes on, and its answer the other half. UDP only: no answer of the zone is long.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from bench.ttl.names import Name, asked

if TYPE_CHECKING:
    from collections.abc import Callable


class Passed(NamedTuple):
    """A query that passed: when (clock time), whose, and for which name with a TTL, if any.

    ``repeated``: the answer to the same question of the same resolver was still on its way.
    """

    when: float
    resolver: int
    name: Name | None
    repeated: bool


class _Far(asyncio.DatagramProtocol):
    """The socket to the authoritative server, for one resolver's queries."""

    def __init__(self, back: Callable[[bytes], None]) -> None:
        self.back = back
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:  # noqa: ARG002
        self.back(data)

    def error_received(self, exc: Exception) -> None:
        """Let what cannot be delivered be lost, as on any way."""


class _Near(asyncio.DatagramProtocol):
    """The port that one resolver asks. IDs are changed, because its sockets may share one."""

    def __init__(self, resolver: int, half: float, passed: list[Passed]) -> None:
        self._resolver = resolver
        self._half = half
        self._passed = passed
        self._open: dict[int, tuple[bytes, tuple[str | Any, int], Name | None]] = {}
        self._waiting = Counter[Name | None]()
        self._next = 0
        self._loop = asyncio.get_running_loop()
        self.far = _Far(self._back)
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        name = asked(data)
        repeated = name is not None and name in self._waiting
        self._passed.append(Passed(time.time(), self._resolver, name, repeated))
        self._waiting[name] += 1
        self._next = (self._next + 1) & 0xFFFF
        self._open[self._next] = (data[:2], addr, name)
        query = self._next.to_bytes(2, "big") + data[2:]
        self._loop.call_later(self._half, self.far.transport.sendto, query)

    def _back(self, data: bytes) -> None:
        found = self._open.pop(int.from_bytes(data[:2], "big"), None)
        if found is not None:
            self._loop.call_later(self._half, self._deliver, data, *found)

    def _deliver(
        self, data: bytes, number: bytes, addr: tuple[str | Any, int], name: Name | None
    ) -> None:
        self._waiting[name] -= 1
        if not self._waiting[name]:
            del self._waiting[name]
        self.transport.sendto(number + data[2:], addr)

    def error_received(self, exc: Exception) -> None:
        """Let what cannot be delivered be lost, as on any way."""


class Distance:
    """The ways of ``resolvers`` to the server at ``port``, with a round trip of ``trip`` seconds.

    ``ports`` are what the resolvers have to ask, ``passed`` all that went this way.
    """

    def __init__(self, port: int, trip: float) -> None:
        self._port = port
        self._trip = trip
        self._ways: list[_Near] = []
        self.ports: list[int] = []
        self.passed: list[Passed] = []

    async def open(self, resolvers: int) -> None:
        """Open a way for each resolver, at a free port."""
        loop = asyncio.get_running_loop()
        for number in range(resolvers):
            near = _Near(number, self._trip / 2, self.passed)
            far = near.far
            await loop.create_datagram_endpoint(
                lambda far=far: far,  # type: ignore[misc]
                remote_addr=("127.0.0.1", self._port),
            )
            transport, _ = await loop.create_datagram_endpoint(
                lambda near=near: near,  # type: ignore[misc]
                local_addr=("127.0.0.1", 0),
            )
            self._ways.append(near)
            self.ports.append(transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        """Close all ways."""
        for way in self._ways:
            way.transport.close()
            way.far.transport.close()
