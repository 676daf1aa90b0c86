"""Parses a query packet with bounded work, whatever its octets (RFC 1035 §4, 6891, 9619).

The result is a query, or the broken rule; the hot path decides on the answer.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from struct import Struct
from struct import error as StructError  # noqa: N812  an exception class, whatever its case

from dnsd.wire.name import MAX_LABEL, MAX_NAME
from dnsd.wire.opt import Edns, parse_edns
from dnsd.wire.rdata import IXFR, OPT, TSIG

HEADER = Struct(">6H")
QUESTION = Struct(">HH")
_RECORD = Struct(">HHIH")

QR, AA, TC, RD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0010
_OPCODE = 0x7800
QUERY, NOTIFY, UPDATE = 0, 4, 5
_KNOWN = frozenset((QUERY, NOTIFY, UPDATE))

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, YXDOMAIN, NOTAUTH = 0, 1, 2, 3, 4, 5, 6, 9
BADVERS = 16

_MAX_ADDITIONAL = 2
_MAX_RECORDS = 256
"""In a message with another opcode, OPT is searched among this many records."""
_POINTER = 0xC0
_MOST_POINTERS = 127
_ANY = 255
_TSIG_TIMES = 6 + 2
"""Octets of a TSIG's time signed and fudge (RFC 8945 §4.2)."""
_BADKEY = b"\x00\x11"


class Malformed(Exception):
    """The packet broke a rule: answer with ``rcode`` and count ``counter``."""

    def __init__(self, rcode: int, counter: str) -> None:
        super().__init__(rcode, counter)
        self.rcode = rcode
        self.counter = counter


@dataclass(slots=True)
class Query:
    """A parsed query; filled in as far as parsing got when :class:`Malformed` is raised.

    ``offsets`` are where the labels of ``qname`` begin in it, the root label left out;
    ``question`` are the octets of the question section as asked, empty until it was parsed.
    """

    ident: bytes
    flags: int
    opcode: int = QUERY
    question: bytes = b""
    qname: bytes = b"\x00"
    offsets: list[int] = field(default_factory=list)
    qtype: int = 0
    qclass: int = 0
    edns: Edns | None = None
    tsig: bytes = b""
    """The TSIG record that refuses the one in the query: BADKEY, unsigned (RFC 8945 §5.2.1)."""


def begin(packet: bytes) -> Query:
    """Return the query of ``packet`` with only the header read; at least 12 octets are there."""
    flags = packet[2] << 8 | packet[3]
    return Query(packet[:2], flags, (flags & _OPCODE) >> 11)


def parse(packet: bytes, query: Query) -> None:
    """Fill in ``query``; raise Malformed where a rule of its opcode is broken.

    Of a message with an unknown opcode only the EDNS is read, and no rule applies.
    """
    if query.opcode in _KNOWN:
        _parse(packet, query)
        return
    with suppress(Malformed):
        _parse(packet, query)
    query.question = b""


def _parse(packet: bytes, query: Query) -> None:
    _, _, qdcount, ancount, nscount, arcount = HEADER.unpack_from(packet)
    if qdcount > 1:
        raise Malformed(FORMERR, "odd_many_questions")
    at = _parse_question(packet, query) if qdcount else HEADER.size
    if query.opcode == QUERY:
        if ancount or nscount > (query.qtype == IXFR) or arcount > _MAX_ADDITIONAL:
            raise Malformed(FORMERR, "odd_records")
    elif ancount + nscount + arcount > _MAX_RECORDS:
        return
    for _ in range(ancount + nscount):
        at, _ = skip_record(packet, at)
    for left in range(arcount, 0, -1):
        at = _parse_additional(packet, at, query, left)
    # only a query may come without one: for a cookie (RFC 7873 §5.4)
    if not qdcount and (query.opcode or query.edns is None or query.edns.cookie is None):
        raise Malformed(FORMERR, "odd_no_question")


def _parse_question(packet: bytes, query: Query) -> int:
    at = HEADER.size
    offsets = query.offsets
    try:
        while length := packet[at]:
            offsets.append(at - HEADER.size)
            at += 1 + length
            if length > MAX_LABEL or at >= HEADER.size + MAX_NAME:
                raise Malformed(FORMERR, "odd_bad_name")
        query.qtype, query.qclass = QUESTION.unpack_from(packet, at + 1)
    except (IndexError, StructError) as error:
        raise Malformed(FORMERR, "odd_bad_name") from error
    query.qname = packet[HEADER.size : at + 1]
    query.question = packet[HEADER.size : at + 5]
    return at + 5


def _parse_additional(packet: bytes, at: int, query: Query, left: int) -> int:
    """Parse the additional record at ``at``, of which ``left`` are left; return its end."""
    if packet[at : at + 3] == b"\x00\x00\x29":
        if query.edns is not None:
            raise Malformed(FORMERR, "odd_edns")
        end, _ = skip_record(packet, at)
        query.edns = parse_edns(packet, at + 3, end)
        if query.edns is None:
            raise Malformed(FORMERR, "odd_edns")
        return end
    end, rtype = skip_record(packet, at)
    if rtype == OPT:
        raise Malformed(FORMERR, "odd_edns")
    if rtype == TSIG:
        if left != 1:
            raise Malformed(FORMERR, "odd_tsig_place")
        query.tsig = _refused_tsig(packet, at, end)
    return end


def _refused_tsig(packet: bytes, at: int, end: int) -> bytes:
    """Return the TSIG record that answers the one from ``at`` to ``end``: its key is unknown."""
    owner, fixed = written_out(packet, at)
    algorithm, times = written_out(packet, fixed + _RECORD.size)
    mac = times + _TSIG_TIMES
    mac_size = int.from_bytes(packet[mac : mac + 2], "big")
    # original ID, error and the length of other data follow the MAC
    if mac + 2 + mac_size + 6 > end:
        raise Malformed(FORMERR, "odd_tsig_place")
    rdata_out = algorithm + packet[times:mac] + b"\x00\x00" + packet[:2] + _BADKEY + b"\x00\x00"
    return owner + _RECORD.pack(TSIG, _ANY, 0, len(rdata_out)) + rdata_out


def written_out(packet: bytes, at: int) -> tuple[bytes, int]:
    """Return the name at ``at`` without compression, and where it ends in ``packet``.

    Clients may compress the name of a key, too. Malformed if there is no name. Each pointer must
    lead back, and a name has no more pointers than labels: a chain of thousands would cost
    milliseconds.
    """
    name, begin, end, left = b"", at, 0, _MOST_POINTERS
    while at < len(packet) and (length := packet[at]):
        if length >= _POINTER:
            end = end or at + 2
            at = int.from_bytes(packet[at : at + 2], "big") & 0x3FFF
            if not HEADER.size <= at < begin or not left:
                raise Malformed(FORMERR, "odd_tsig_place")
            begin, left = at, left - 1
            continue
        if length > MAX_LABEL or len(name) + length + 2 > MAX_NAME:
            break
        name += packet[at : at + 1 + length]
        at += 1 + length
    if packet[at : at + 1] != b"\x00":
        raise Malformed(FORMERR, "odd_tsig_place")
    return name + b"\x00", end or at + 1


def last_record(packet: bytes) -> tuple[int, int]:
    """Return where the last record of ``packet`` begins, and its type; type 0 if it has none.

    Malformed if it cannot be found. All records of the message are walked over.
    """
    _, _, qdcount, ancount, nscount, arcount = HEADER.unpack_from(packet)
    at, last, rtype = HEADER.size, 0, 0
    for _ in range(qdcount):
        at = _skip_name(packet, at) + QUESTION.size
    for _ in range(ancount + nscount + arcount):
        last = at
        at, rtype = skip_record(packet, at)
    return last, rtype


def skip_record(packet: bytes, at: int) -> tuple[int, int]:
    """Return the end of the record at ``at`` and its type."""
    at = _skip_name(packet, at)
    if at + _RECORD.size > len(packet):
        raise Malformed(FORMERR, "odd_records")
    rtype, _, _, length = _RECORD.unpack_from(packet, at)
    at += _RECORD.size + length
    if at > len(packet):
        raise Malformed(FORMERR, "odd_edns" if rtype == OPT else "odd_records")
    return at, rtype


def _skip_name(packet: bytes, at: int) -> int:
    limit = min(len(packet), at + MAX_NAME)
    while at < limit:
        length = packet[at]
        if length == 0:
            return at + 1
        if length >= _POINTER:
            return at + 2
        if length > MAX_LABEL:
            break
        at += 1 + length
    raise Malformed(FORMERR, "odd_records")
