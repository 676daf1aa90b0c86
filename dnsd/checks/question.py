"""A DNS question, and whether the response to it is right.

Knows messages and records; how they travel and what a wrong one means is not its business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from dnsd.text import shortlist

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.config.anycast import SelfCheckQuery

PAYLOAD = 1232
"""As much as resolvers take over UDP (RFC 9715)."""

_NAMED_RECORDS = 4
"""Records that a sentence names; more would not be read."""


@dataclass(frozen=True, slots=True)
class DnsQuestion:
    """A question and the rdata that must come back, in canonical form (RFC 4034 §6.2).

    Without ``expect`` any answer of NOERROR will do. ``zone`` is the origin of the served zone that
    it tests, None for a configured question. Unless it is a question of ``authority``, recursion is
    desired, and the answer need not have the AA flag.
    """

    name: dns.name.Name
    rdtype: dns.rdatatype.RdataType
    expect: frozenset[bytes] = frozenset()
    zone: str | None = None
    authority: bool = True

    def __str__(self) -> str:
        name = self.name.to_text(omit_final_dot=self.name != dns.name.root)
        return f"{name} {dns.rdatatype.to_text(self.rdtype)}"

    def of_service(self) -> DnsQuestion:
        """Return it as any client asks it: the server may have the answer from others."""
        return replace(self, authority=False)

    def query(self) -> dns.message.Message:
        """Return a query for it with an ID of its own."""
        flags = dns.flags.Flag(0) if self.authority else dns.flags.RD
        return dns.message.make_query(
            self.name, self.rdtype, use_edns=0, payload=PAYLOAD, flags=flags
        )

    def fault(self, query: dns.message.Message, wire: bytes) -> str:
        """Return what is wrong with the response ``wire``, after "answered with" or so.

        Empty if nothing is. A truncated response is right as far as it goes; the whole one
        is asked for over TCP.
        """
        try:
            response = dns.message.from_wire(wire)
        except (dns.exception.DNSException, ValueError):
            return "with octets that are not a DNS message"
        if not query.is_response(response):
            return "with a response to another question"
        if response.rcode() != dns.rcode.NOERROR:
            return f"with {dns.rcode.to_text(response.rcode())}"
        if self.authority and not response.flags & dns.flags.AA:
            return "without authority (no AA flag)"
        if not self.expect or response.flags & dns.flags.TC:
            return ""
        found = {
            rdata.to_digestable()
            for rrset in response.answer
            if rrset.rdtype == self.rdtype
            for rdata in rrset
        }
        if found == self.expect:
            return ""
        return f"with {self._text(found)} in place of {self._text(self.expect)}"

    def _text(self, records: Iterable[bytes]) -> str:
        texts = sorted(
            str(dns.rdata.from_wire(dns.rdataclass.IN, self.rdtype, wire, 0, len(wire)))
            for wire in records
        )
        return ", ".join(shortlist(texts, _NAMED_RECORDS)) or "no record"


def question_of(query: SelfCheckQuery) -> DnsQuestion:
    """Return what ``query`` asks; ValueError is a sentence."""
    try:
        rdtype = dns.rdatatype.from_text(query.type)
    except (dns.exception.DNSException, ValueError):
        raise ValueError(f'type "{query.type}" is not a record type, such as A or SOA') from None
    if dns.rdatatype.is_metatype(rdtype):
        raise ValueError(f'type "{query.type}" cannot be queried: name one record type')
    expect = set()
    for text in query.expect:
        try:
            rdata = dns.rdata.from_text(
                dns.rdataclass.IN, rdtype, text, origin=dns.name.root, relativize=False
            )
        except (dns.exception.DNSException, ValueError) as error:
            why = str(error) or type(error).__name__
            raise ValueError(f'expect "{text}" is not {query.type} data: {why}') from None
        expect.add(rdata.to_digestable())
    return DnsQuestion(dns.name.from_text(query.name), rdtype, frozenset(expect))
