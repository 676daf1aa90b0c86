"""One question put to the answer path, as clients of several kinds would put it.

Knows packets and responses as dnspython shows them, and which RRsets one response has that
another has not. The path is the real one: what is shown here is what a worker sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.flags
import dns.message

from dnsd.hotpath import Client, HotPath, Transport

if TYPE_CHECKING:
    from dns.rrset import RRset

    from dnsd.zone.lookup import Question

EDNS_SIZE = 1232
"""What passes everywhere without being cut into fragments (RFC 9715)."""
PLAIN_SIZE = 512
"""What a client without EDNS takes (RFC 1035 §4.2.1)."""

_SOURCE = "192.0.2.1"


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: decoded, and as large as it was on the wire (octets)."""

    message: dns.message.Message
    size: int

    @property
    def truncated(self) -> bool:
        """Whether the client must ask again over TCP (TC)."""
        return bool(self.message.flags & dns.flags.TC)

    @property
    def rrsets(self) -> list[RRset]:
        """Every RRset, in the order of the message."""
        message = self.message
        return [*message.answer, *message.authority, *message.additional]

    def lacks(self, whole: Response) -> list[RRset]:
        """Return the RRsets that only the response ``whole`` has."""
        have = {_key(rrset) for rrset in self.rrsets}
        return [rrset for rrset in whole.rrsets if _key(rrset) not in have]


def over_tcp(path: HotPath, question: Question) -> Response:
    """Ask over TCP, where nothing is left out."""
    return _ask(path, question, Transport.TCP, EDNS_SIZE)


def over_udp(path: HotPath, question: Question, size: int) -> Response:
    """Ask as a client that takes ``size`` octets over UDP; for 512 without DO, without EDNS."""
    return _ask(path, question, Transport.UDP, size)


def _ask(path: HotPath, question: Question, transport: Transport, size: int) -> Response:
    edns = size > PLAIN_SIZE or question.do
    query = dns.message.make_query(
        question.name,
        question.rtype,
        use_edns=0 if edns else -1,
        want_dnssec=question.do,
        payload=size,
        id=0,
        flags=0,
    )
    packet = path.answer(query.to_wire(), 0.0, Client(transport, _SOURCE))
    assert packet is not None, "a query that dnspython made is always answered"
    # dnspython does not read all that a zone may hold (parameters in AliasMode)
    return Response(dns.message.from_wire(packet, continue_on_error=True), len(packet))


def _key(rrset: RRset) -> tuple[object, ...]:
    return rrset.name, rrset.rdtype, rrset.covers
