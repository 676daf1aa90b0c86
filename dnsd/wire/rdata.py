"""What the answer path has to know of rdata: type numbers, and the names inside.

Rdata is uncompressed wire form. Of all types only those of RFC 1035 may have their names
compressed (RFC 3597 §4), and only a few ask for additional data. MB, MG and their kind are
left as they are: nobody knows them any more, so their rdata may be any octets (RFC 3597 §5).
"""

from __future__ import annotations

A, NS, CNAME, SOA = 1, 2, 5, 6
PTR, HINFO, MX, TXT, AAAA, SRV, DNAME, OPT, DS = 12, 13, 15, 16, 28, 33, 39, 41, 43
RRSIG, NSEC, DNSKEY, NSEC3, NSEC3PARAM, SVCB, HTTPS = 46, 47, 48, 50, 51, 64, 65
TKEY, TSIG, IXFR, AXFR, MAILB, MAILA, ANY = 249, 250, 251, 252, 253, 254, 255

LONGEST_TTL = (1 << 31) - 1
"""Seconds (RFC 2181 §8)."""

COMPRESSIBLE: dict[int, tuple[int, int]] = {
    NS: (0, 1),
    CNAME: (0, 1),
    SOA: (0, 2),
    PTR: (0, 1),
    MX: (2, 1),
}
"""Types whose names may be compressed: (octets before the first name, how many names)."""

_TARGET_AT = {NS: 0, MX: 2, SRV: 6, SVCB: 2, HTTPS: 2, CNAME: 0, DNAME: 0, PTR: 0}


def name_end(rdata: bytes, at: int) -> int:
    """Return the offset after the uncompressed name that begins at ``at``."""
    while length := rdata[at]:
        at += 1 + length
    return at + 1


def split_names(rtype: int, rdata: bytes) -> tuple[bytes, tuple[bytes, ...], bytes]:
    """Return (octets before, names that may be compressed, octets after)."""
    if rtype not in COMPRESSIBLE:
        return rdata, (), b""
    at, number = COMPRESSIBLE[rtype]
    before = rdata[:at]
    names = []
    for _ in range(number):
        end = name_end(rdata, at)
        names.append(rdata[at:end])
        at = end
    return before, tuple(names), rdata[at:]


def target(rtype: int, rdata: bytes) -> bytes | None:
    """Return the name a record points to (NS, MX, SRV, SVCB, HTTPS, CNAME, DNAME, PTR)."""
    at = _TARGET_AT.get(rtype)
    return None if at is None else rdata[at : name_end(rdata, at)]


def is_alias_mode(rdata: bytes) -> bool:
    """Tell whether SVCB or HTTPS rdata is in AliasMode (RFC 9460 §2.4.2)."""
    return rdata[:2] == b"\x00\x00"


def soa_negative_ttl(rdata: bytes, ttl: int) -> int:
    """Return the TTL of a negative answer: min(SOA TTL, MINIMUM) (RFC 2308 §5)."""
    return min(ttl, int.from_bytes(rdata[-4:], "big"))
