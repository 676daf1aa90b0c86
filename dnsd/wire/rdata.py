"""What the answer path needs to know of rdata: type numbers, and the names inside.

Rdata is uncompressed wire form. Of all types only those of RFC 1035 may have their names
compressed (RFC 3597 §4), and only a few ask for additional data. MB, MG and similar types are
treated as unknown: no one uses them any more, so their rdata may be any octets (RFC 3597 §5).
"""

from __future__ import annotations

A, NS, CNAME, SOA = 1, 2, 5, 6
PTR, HINFO, MX, TXT, AAAA, SRV, DNAME, OPT, DS = 12, 13, 15, 16, 28, 33, 39, 41, 43
RRSIG, NSEC, DNSKEY, NSEC3, NSEC3PARAM, ZONEMD, SVCB, HTTPS = 46, 47, 48, 50, 51, 63, 64, 65
TKEY, TSIG, IXFR, AXFR, MAILB, MAILA, ANY = 249, 250, 251, 252, 253, 254, 255

_MAX_LABEL = 63
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

_MD, _MF, _MB, _MG, _MR, _MINFO, _RP, _AFSDB, _RT = 3, 4, 7, 8, 9, 14, 17, 18, 21
_SIG, _PX, _NXT, _NAPTR, _KX, _A6 = 24, 26, 30, 35, 36, 38

_FOLDED = COMPRESSIBLE | {
    SRV: (6, 1),
    DNAME: (0, 1),
    RRSIG: (18, 1),
    _SIG: (18, 1),
    _RP: (0, 2),
    _MINFO: (0, 2),
    _AFSDB: (2, 1),
    _RT: (2, 1),
    _KX: (2, 1),
    _PX: (2, 2),
    **dict.fromkeys((_MD, _MF, _MB, _MG, _MR, _NXT), (0, 1)),
}
"""Where rdata has names whose case is ignored when records are compared (RFC 4034 §6.2, RFC 6840
§5.1); in NAPTR and A6 the position depends on the data."""

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


def canonical(rtype: int, rdata: bytes) -> bytes:
    """Return ``rdata`` with names in lower case, where their case is ignored.

    Data that is not valid for its type stays as it is.
    """
    try:
        at, number = _folded_at(rtype, rdata)
        end = at
        for _ in range(number):
            end = _checked_end(rdata, end)
    except (IndexError, ValueError):
        return rdata
    return rdata[:at] + rdata[at:end].lower() + rdata[end:]


def _folded_at(rtype: int, rdata: bytes) -> tuple[int, int]:
    if rtype == _NAPTR:
        at = 4
        for _ in range(3):
            at += 1 + rdata[at]
        return at, 1
    if rtype == _A6:
        bits = 128 - rdata[0]
        if bits < 0:
            raise ValueError
        return 1 + (bits + 7) // 8, 1 if rdata[0] else 0
    return _FOLDED.get(rtype, (0, 0))


def _checked_end(rdata: bytes, at: int) -> int:
    end = name_end(rdata, at)
    while at < end - 1:
        if rdata[at] > _MAX_LABEL:
            raise ValueError
        at += 1 + rdata[at]
    return end


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
