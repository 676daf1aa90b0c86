"""Requests that workers have handed over: who may ask what, and which part answers.

The signature of a request is removed and checked first, and the answer is signed with the same key.
The request is then for one of the parts (``transfer``, ``notified``, ``updated``), or it is an
ordinary question, which a worker answers.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from dnsd.transfer import tsig
from dnsd.wire import query
from dnsd.wire.query import Malformed
from dnsd.wire.rdata import AXFR, IXFR
from dnsd.xfrd.refusals import Refusals, of_signature

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

    from dnsd.config import AllowedPeer
    from dnsd.transfer.tsig import CheckedRequest
    from dnsd.xfrd.knowledge import Knowledge

MOST_SOURCES = 4096
"""Sources whose rates are remembered; the one that asked least recently is forgotten."""

TOLD_S = 5.0
"""Seconds that a request waits, after a start, until control has told everything."""

_REFUSALS = {tsig.BADKEY: "badkey", tsig.BADSIG: "badsig", tsig.BADTIME: "badtime"}


class SeenRequest(NamedTuple):
    """A request without its signature; ``key`` is the name of the key that signed it."""

    message: bytes
    key: str | None
    source: str
    is_udp: bool
    room: int
    """The largest message of the answer, in octets, without a signature."""


if TYPE_CHECKING:
    Respond = Callable[[SeenRequest], Awaitable[bytes | None]]
    Transfer = Callable[[SeenRequest], Iterator[bytes]]


class TransferRequests:
    """Answers requests; ``ask`` has a worker answer a question.

    ``counts`` counts requests by kind, and faults of signatures.
    """

    def __init__(self, known: Knowledge, counts: dict[str, int]) -> None:
        self._known = known
        self.counts = counts
        self.transfer: Transfer | None = None
        self.notified: Respond | None = None
        self.updated: Respond | None = None
        self.refusals = Refusals()
        self._rates: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admits(self, source: str, now: float) -> bool:
        """Tell whether ``source`` may send one more request at ``now`` (monotonic)."""
        most = float(self._known.settings.requests_per_second)
        network = _network(source)
        room, seen = self._rates.pop(network, (most, now))
        room = min(most, room + (now - seen) * most)
        self._rates[network] = room - (room >= 1), now
        if len(self._rates) > MOST_SOURCES:
            self._rates.popitem(last=False)
        if room < 1:
            self.count("limited")
        return room >= 1

    def count(self, what: str) -> None:
        """Count one more of ``what``."""
        self.counts[what] = self.counts.get(what, 0) + 1

    async def answer(
        self, message: bytes, source: str, ask: Respond, *, udp: int = 0
    ) -> AsyncIterator[bytes]:
        """Yield the messages that answer ``message``; there may be none.

        ``udp`` is the largest answer over UDP, in octets; 0 over TCP.
        """
        # Control may not have told of the key yet.
        async with asyncio.timeout(TOLD_S):
            await self._known.whole.wait()
        limit = udp or 0xFFFF
        try:
            checked = tsig.check(message, self._known.keys, time.time())
        except (tsig.BadSignatureFormat, Malformed):
            self.count("formerr")
            yield refused(message, query.FORMERR)
            return
        if checked.record is None:
            async for one in self._answer(checked, source, ask, udp=udp, room=limit):
                yield one
            return
        signer = tsig.AnswerSigner(checked)
        if checked.error:
            self.count(_REFUSALS.get(checked.error, "badtrunc"))
            why = of_signature(checked, self._known.keys, time.time())
            self.refusals.note(checked.message, source, why)
            yield signer.sign(refused(checked.message, query.NOTAUTH), time.time())
            return
        room = limit - signer.size
        async for one in self._answer(checked, source, ask, udp=udp, room=room):
            yield signer.sign(one, time.time())

    async def _answer(
        self, checked: CheckedRequest, source: str, ask: Respond, *, udp: int, room: int
    ) -> AsyncIterator[bytes]:
        key = checked.key.name if checked.key else None
        seen = SeenRequest(checked.message, key, source, bool(udp), room)
        opcode = checked.message[2] >> 3 & 15
        if is_transfer(checked.message):
            self.count("transfers")
            if self.transfer is None:
                yield refused(checked.message, query.REFUSED)
                return
            for one in self.transfer(seen):
                yield one
            return
        respond: Respond | None = ask
        if opcode == query.NOTIFY:
            self.count("notifies")
            respond = self.notified
        elif opcode == query.UPDATE:
            self.count("updates")
            respond = self.updated
        if respond is None:
            yield refused(checked.message, query.REFUSED)
        elif (response := await respond(seen)) is not None:
            yield response if len(response) <= room else _cut(response)


def allows(peers: Sequence[AllowedPeer], source: str, key: str | None) -> bool:
    """Tell whether one of ``peers`` matches a client at ``source`` with ``key``."""
    address = ipaddress.ip_address(source.partition("%")[0])
    return any(
        (peer.key is None or peer.key == key)
        and (
            not peer.network
            or any(address in ipaddress.ip_network(network) for network in peer.network)
        )
        for peer in peers
    )


def _network(source: str) -> str:
    """Return the network that counts as one source: an IPv4 address, or an IPv6 /64."""
    if ":" not in source:
        return source
    return str(ipaddress.ip_network((source.partition("%")[0], 64), strict=False))


def is_transfer(message: bytes) -> bool:
    """Tell whether a request is for a transfer, signed or not."""
    asked = query.begin(message)
    try:
        query.parse(message, asked)
    except Malformed:
        return False
    return bool(asked.question) and asked.opcode == query.QUERY and asked.qtype in (AXFR, IXFR)


def refused(message: bytes, rcode: int) -> bytes:
    """Return an answer with ``rcode`` and no records."""
    asked = query.begin(message)
    try:
        query.parse(message, asked)
    except Malformed:
        asked.question = b""
    flags = query.QR | asked.opcode << 11 | asked.flags & query.RD | rcode
    count = bool(asked.question)
    return asked.ident + flags.to_bytes(2, "big") + bytes((0, count)) + bytes(6) + asked.question


def _cut(response: bytes) -> bytes:
    """Return a truncated response (TC): the client asks again over TCP."""
    bare = refused(response, response[3] & 0xF)
    return bare[:2] + bytes((response[2] | query.TC >> 8, response[3])) + bare[4:]
