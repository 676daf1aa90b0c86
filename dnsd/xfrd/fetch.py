"""Asks a primary for its serial, for a whole zone, or for the differences to a newer version.

Any failure, of the network or in an answer, is a TransferFault with a sentence.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

import dns.tsig

from dnsd.transfer.incoming import Incoming, TransferFault, soa_in
from dnsd.transfer.refresh import SoaTimes
from dnsd.transfer.tsigclient import SignedExchange
from dnsd.versions.version import serial_of
from dnsd.wire.query import HEADER, QUESTION, REFUSED, TC
from dnsd.wire.rdata import AXFR, IXFR, SOA
from dnsd.xfrd.connections import PrimaryConnections

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.config import PrimaryPeer
    from dnsd.transfer.incoming import Received
    from dnsd.transfer.tsig import TsigKey
    from dnsd.wire.records import Record
    from dnsd.xfrd.connections import PrimaryConnection

_FIXED = Struct(">HHIH")
_IN = 1
_RCODE = 0x000F

OVER_TCP = b""
"""Returned in place of an answer: ask over TCP."""

SMALL = 1 << 16
"""Octets of a zone that is dealt with sooner than a thread is woken."""

TRIES = 2
"""How often a question is sent over UDP before it is sent over TCP."""
ANSWER_S = 2.0
"""Seconds until an answer over UDP counts as lost."""


class FetchLimits(NamedTuple):
    """Limits of one transfer: octets in all, seconds between messages, seconds in all."""

    size: int
    stall: float
    time: float


class Fetched(NamedTuple):
    """The result of a transfer, and its size."""

    found: Received
    octets: int
    messages: int


class Fetcher:
    """Asks primaries, over connections that many zones share."""

    def __init__(self) -> None:
        self._connections = PrimaryConnections()

    async def times(self, peer: PrimaryPeer, apex: bytes, key: TsigKey | None) -> SoaTimes:
        """Return the SOA of the zone ``apex`` at ``peer``."""
        ident, request = _request(apex, SOA)
        if not peer.tls:
            for _ in range(TRIES):
                if (answer := await ask(peer, request, key)) == OVER_TCP:
                    break
                if answer is not None:
                    return SoaTimes.of(soa_in(answer, ident, apex))
        answers: list[bytes] = []

        def take(message: bytes) -> bool:
            answers.append(message)
            return True

        await self._exchange(peer, request, key, FetchLimits(1 << 16, ANSWER_S, ANSWER_S), take)
        return SoaTimes.of(soa_in(answers[0], ident, apex))

    async def transfer(
        self,
        peer: PrimaryPeer,
        apex: bytes,
        soa: Record | None,
        key: TsigKey | None,
        limits: FetchLimits,
    ) -> Fetched:
        """Fetch what is newer at ``peer`` than the version with ``soa``; None: the whole zone."""
        ident, request = _request(apex, AXFR) if soa is None else _request(apex, IXFR, soa)
        serial = None if soa is None else serial_of(soa)
        coming = Incoming(apex, ident, serial, limits.size)

        def take(message: bytes) -> bool:
            coming.take(message)
            return coming.is_complete

        await self._exchange(peer, request, key, limits, take)
        small = coming.octets < SMALL
        found = coming.result() if small else await asyncio.to_thread(coming.result)
        return Fetched(found, coming.octets, coming.messages)

    async def _exchange(
        self,
        peer: PrimaryPeer,
        request: bytes,
        key: TsigKey | None,
        limits: FetchLimits,
        take: Callable[[bytes], bool],
    ) -> None:
        """Send ``request``, and pass each answer to ``take`` until it returns that it was the last.

        The primary may have closed a connection that was used before: then another one is
        tried.
        """
        try:
            async with asyncio.timeout(limits.time):
                while True:
                    connection = await self._connections.take(peer)
                    try:
                        await _by(connection, request, key, limits.stall, take)
                    except _ClosedUnused:
                        continue
                    finally:
                        if connection.is_busy:
                            connection.close()
                    self._connections.give_back(peer, connection)
                    return
        except TimeoutError:
            raise TransferFault(f"the transfer is not complete after {limits.time:g} s") from None


class _ClosedUnused(Exception):
    """The connection was closed before an answer arrived."""


async def _by(
    connection: PrimaryConnection,
    request: bytes,
    key: TsigKey | None,
    stall: float,
    take: Callable[[bytes], bool],
) -> None:
    """Do one exchange by ``connection``."""
    signed = SignedExchange(dnspython_key(key)) if key else None
    connection.is_busy, count, is_last = True, 0, False
    try:
        await connection.send(signed.sign(request, int(time.time())) if signed else request)
        while not is_last:
            message = await connection.receive(stall)
            count += 1
            if signed:
                signed.check(message, int(time.time()))
            is_last = take(message)
    except TimeoutError:
        raise TransferFault(f"no data for {stall:g} s") from None
    except (EOFError, OSError) as error:
        if connection.is_used and not count:
            raise _ClosedUnused from None
        raise TransferFault(f"connection closed after {count} messages") from error
    if signed:
        signed.end()
    connection.is_busy = False


async def ask(peer: PrimaryPeer, request: bytes, key: TsigKey | None) -> bytes | None:
    """Ask ``peer`` over UDP; None if no answer arrives, OVER_TCP if it does not fit.

    A refused question is repeated over TCP: Knot sends even the SOA of a catalog by TCP only.
    """
    signed = SignedExchange(dnspython_key(key)) if key else None
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(request[:2], answer),
            remote_addr=(peer.address, peer.port),
            local_addr=(peer.source, 0) if peer.source else None,
        )
    except OSError as error:
        raise TransferFault(f"cannot send: {error.strerror or error}") from None
    try:
        transport.sendto(signed.sign(request, int(time.time())) if signed else request)
        message = await asyncio.wait_for(answer, ANSWER_S)
    except TimeoutError:
        return None
    except OSError as error:
        raise TransferFault(f"no answer: {error.strerror or error}") from None
    finally:
        transport.close()
    flags = HEADER.unpack_from(message)[1]
    if flags & _RCODE == REFUSED:
        return OVER_TCP
    if signed:
        signed.check(message, int(time.time()))
        signed.end()
    return OVER_TCP if flags & TC else message


class _Datagrams(asyncio.DatagramProtocol):
    """Waits for the datagram that answers the request ``ident``, and ignores others."""

    def __init__(self, ident: bytes, answer: asyncio.Future[bytes]) -> None:
        self._ident = ident
        self._answer = answer

    def datagram_received(self, data: bytes, _address: object) -> None:
        """Keep the answer."""
        if data[:2] == self._ident and len(data) >= HEADER.size and not self._answer.done():
            self._answer.set_result(data)

    def error_received(self, error: Exception) -> None:
        """Note that the port is closed, or the host unreachable."""
        if not self._answer.done():
            self._answer.set_exception(error)


def dnspython_key(key: TsigKey) -> dns.tsig.Key:
    """Return ``key`` in dnspython's form."""
    return dns.tsig.Key(key.name, key.secret, key.algorithm)


def _request(apex: bytes, qtype: int, soa: Record | None = None) -> tuple[int, bytes]:
    """Return the ID of a question for ``apex``, and the question; an IXFR carries our SOA."""
    ident = secrets.randbits(16)
    head = HEADER.pack(ident, 0, 1, 0, 0 if soa is None else 1, 0)
    request = head + apex + QUESTION.pack(qtype, _IN)
    if soa is not None:
        request += apex + _FIXED.pack(SOA, _IN, soa.ttl, len(soa.rdata)) + soa.rdata
    return ident, request
