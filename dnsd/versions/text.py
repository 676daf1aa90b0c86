"""Writes versions as text: a master file from which the same records can be read again.

A record a line, all names and TTLs in full, nothing left to be inferred (RFC 1035 §5.1).
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntop
from typing import TYPE_CHECKING

from dnsd.wire.name import to_text
from dnsd.wire.rdata import (
    AAAA,
    CNAME,
    DNSKEY,
    DS,
    LONGEST_TTL,
    MX,
    NS,
    NSEC,
    NSEC3,
    NSEC3PARAM,
    PTR,
    RRSIG,
    SOA,
    SRV,
    TXT,
    A,
    name_end,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dnsd.wire.records import Record

_AS_NAMES = frozenset((NS, CNAME, PTR))
_EXACT = frozenset((SOA, MX, TXT, SRV, DS, RRSIG, NSEC, DNSKEY, NSEC3, NSEC3PARAM))
"""Types whose text always has all of the data; the text of others is read again to verify it."""


def lines(found: Iterable[Record]) -> Iterator[str]:
    """Yield a line for each record of ``found``, without its end."""
    spelt, owner = b"", ""
    for record in found:
        if record.owner != spelt:
            spelt, owner = record.owner, to_text(record.owner)
        # A TTL with its first bit set counts as 0 (RFC 2181 §8), and cannot be written.
        ttl = record.ttl if record.ttl <= LONGEST_TTL else 0
        yield f"{owner}\t{ttl}\tIN\t{rdata_text(record.rtype, record.rdata)}"


def rdata_text(rtype: int, rdata: bytes) -> str:
    """Return the type and the text form of ``rdata``; that of RFC 3597 where it has no other."""
    if rtype == A and len(rdata) == 4:
        return f"A\t{inet_ntop(AF_INET, rdata)}"
    if rtype == AAAA and len(rdata) == 16:
        return f"AAAA\t{inet_ntop(AF_INET6, rdata)}"
    return _by_dnspython(rtype, rdata)


def _by_dnspython(rtype: int, rdata: bytes) -> str:
    # It costs 15 MB: imported only to write a zone as text.
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype

    kind = dns.rdatatype.RdataType.make(rtype)
    name = dns.rdatatype.to_text(kind)
    try:
        if rtype in _AS_NAMES and name_end(rdata, 0) == len(rdata):
            return f"{name}\t{to_text(rdata)}"
        parsed = dns.rdata.from_wire(dns.rdataclass.IN, kind, rdata, 0, len(rdata))
        text = parsed.to_text()
        if rtype not in _EXACT:
            again = dns.rdata.from_text(dns.rdataclass.IN, kind, text)
            if again.to_wire() != rdata:
                raise ValueError
    except Exception:
        # dnspython raises whatever its helpers do; what is no data of its type is octets
        return f"{name}\t\\# {len(rdata)} {rdata.hex()}"
    return f"{name}\t{text}"
