"""UPDATE messages as values (RFC 2136 §2): prerequisites and changes.

Only the message itself is checked here; rights and effects are the business of
:mod:`dnsd.transfer.update`.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError  # noqa: N812  an exception class, whatever its case
from typing import NamedTuple

import dns.exception
import dns.rdata
import dns.wire
from dns.rdataclass import RdataClass

from dnsd.wire.name import is_subdomain, lower, to_text
from dnsd.wire.rdata import ANY as ANY_TYPE
from dnsd.wire.rdata import OPT, SOA

IN, NONE, ANY = 1, 254, 255
"""Classes: of a record to add or compare, of one to remove or that must not exist, of an RRset."""

NXDOMAIN, NOTIMP, REFUSED, YXDOMAIN, YXRRSET, NXRRSET, NOTAUTH, NOTZONE = 3, 4, 5, 6, 7, 8, 9, 10
FORMERR, SERVFAIL = 1, 2

_FIRST_META = 128
_HEADER = 12
_COUNTS = Struct(">4H")
_FIXED = Struct(">HHIH")


class UpdateRefused(Exception):
    """An update is refused with ``rcode``; the text says why."""

    def __init__(self, rcode: int, why: str) -> None:
        super().__init__(why)
        self.rcode = rcode


class UpdateRecord(NamedTuple):
    """One record of an UPDATE message.

    ``owner`` is in lower case, ``spelt`` as received. ``rdata`` is uncompressed, and empty if the
    record stands for a whole RRset. ``rclass`` is IN, NONE or ANY; ``ttl`` is in seconds.
    """

    owner: bytes
    spelt: bytes
    rtype: int
    rclass: int
    ttl: int
    rdata: bytes


class UpdateRequest(NamedTuple):
    """A parsed UPDATE message for the zone ``zone`` (lower case)."""

    zone: bytes
    prerequisites: tuple[UpdateRecord, ...]
    changes: tuple[UpdateRecord, ...]


def read(packet: bytes) -> UpdateRequest:
    """Return the request in ``packet``; UpdateRefused (FORMERR, NOTZONE) if it breaks a rule.

    The caller handles what follows the update section (OPT, TSIG).
    """
    try:
        zones, prerequisites, changes, _ = _COUNTS.unpack_from(packet, _HEADER - _COUNTS.size)
        parser = dns.wire.Parser(packet, _HEADER)
        zone = _zone(parser, zones)
        before = [_record(parser, zone) for _ in range(prerequisites)]
        wanted = [_record(parser, zone) for _ in range(changes)]
    except (dns.exception.DNSException, ValueError, StructError) as error:
        raise UpdateRefused(FORMERR, f"the message cannot be read: {error}") from error
    for one in before:
        _check_prerequisite(one)
    for one in wanted:
        _check_change(one)
    return UpdateRequest(zone, tuple(before), tuple(wanted))


def _zone(parser: dns.wire.Parser, count: int) -> bytes:
    if count != 1:
        raise UpdateRefused(FORMERR, f"an update must name one zone, not {count}")
    name = parser.get_name(decompress=True).to_wire()
    rtype, rclass = parser.get_struct(">HH")
    if rtype != SOA or rclass != IN:
        raise UpdateRefused(FORMERR, "the zone section must have type SOA and class IN")
    assert name is not None, "no file is given"
    return lower(name)


def _record(parser: dns.wire.Parser, zone: bytes) -> UpdateRecord:
    spelt = parser.get_name(decompress=True).to_wire()
    assert spelt is not None, "no file is given"
    rtype, rclass, ttl, length = parser.get_struct(_FIXED.format)
    rdata = b""
    if length and rclass != ANY:
        with parser.restrict_to(length):
            rdata = dns.rdata.from_wire_parser(RdataClass.IN, rtype, parser).to_wire() or b""
    elif length:
        raise UpdateRefused(FORMERR, "a record of class ANY has no data")
    if not is_subdomain(lower(spelt), zone):
        raise UpdateRefused(NOTZONE, f"{to_text(spelt)} is not in the zone")
    if not length and rclass == IN:
        raise UpdateRefused(FORMERR, "a record of class IN has no data")
    return UpdateRecord(lower(spelt), spelt, rtype, rclass, ttl, rdata)


def _check_prerequisite(one: UpdateRecord) -> None:
    """Check the rules of RFC 2136 §3.2 that concern the message alone."""
    if one.ttl:
        raise UpdateRefused(FORMERR, "a prerequisite has a TTL")
    if one.rclass == NONE and one.rdata:
        raise UpdateRefused(FORMERR, "a prerequisite of class NONE has data")
    _check_class(one)
    if one.rclass == IN and _is_meta(one.rtype):
        raise UpdateRefused(FORMERR, "a prerequisite asks for a type that no record has")


def _check_change(one: UpdateRecord) -> None:
    """Check the rules of RFC 2136 §3.4.1."""
    _check_class(one)
    if one.rclass != IN and one.ttl:
        raise UpdateRefused(FORMERR, "what is to be deleted has a TTL")
    if one.rclass == NONE and not one.rdata:
        raise UpdateRefused(FORMERR, "a record to be deleted has no data")
    if _is_meta(one.rtype) and not (one.rclass == ANY and one.rtype == ANY_TYPE):
        raise UpdateRefused(FORMERR, "a change has a type that no record has")


def _check_class(one: UpdateRecord) -> None:
    if one.rclass not in {IN, NONE, ANY}:
        raise UpdateRefused(FORMERR, f"class {one.rclass} has no meaning in an update")


def _is_meta(rtype: int) -> bool:
    """Tell whether no record can have the type ``rtype`` (RFC 6895 §3.1)."""
    return rtype in {0, OPT} or _FIRST_META <= rtype <= ANY_TYPE
