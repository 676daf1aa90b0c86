"""Answers put together record by record, for the few queries that no finished block fits.

These are names below a DNAME (RFC 6672: the CNAME is made from the query name), and answers
so long that pointers in pieces behind them would pass 0x3FFF.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dnsd.hotpath import blocks
from dnsd.hotpath.body import Body
from dnsd.hotpath.pools import NOBODY
from dnsd.image import reader
from dnsd.wire import name as names
from dnsd.wire.query import AA, YXDOMAIN
from dnsd.wire.rdata import CNAME, DNAME
from dnsd.wire.records import Record, Writer, read

if TYPE_CHECKING:
    from dnsd.hotpath.pools import Asked
    from dnsd.image.store import Image

MAX_LINKS = 16
"""CNAME links followed for one answer."""

_HEADER = 12


@dataclass(slots=True)
class _Answer:
    """Sections in the making; dicts keep order and drop repetitions."""

    answer: dict[Record, None] = field(default_factory=dict)
    authority: dict[Record, None] = field(default_factory=dict)
    glue: dict[Record, None] = field(default_factory=dict)
    optional: list[list[Record]] = field(default_factory=list)
    rcode: int = 0

    def links(self) -> int:
        return sum(record.rtype == CNAME for record in self.answer)


def answer(image: Image, qname: bytes, qtype: int, signed: int, asked: Asked = NOBODY) -> Body:
    """Return the body for a query; ``qname`` is in the zone of ``image``, spelled as asked.

    ``asked`` is what a pool at the end is chosen by.
    """
    out = _Answer()
    seen: set[bytes] = set()
    name = qname
    while names.is_subdomain(names.lower(name), image.apex) and names.lower(name) not in seen:
        lower = names.lower(name)
        seen.add(lower)
        offsets = _offsets(lower)
        place, at = blocks.locate(image, lower, offsets, qtype, signed)
        if at:
            body = blocks.answer(image, at, len(name), [], asked)
            if body.rcode in blocks.FAILURES:
                return body
            if _add_body(out, name, body):
                pieces = blocks.pieces_for(image, at, place, lower, offsets)
                _add_pieces(out, image, name, pieces)
            break
        if out.links() == MAX_LINKS:
            break
        following = _substitute(out, image, name, place.encloser, signed)
        if following is None:
            out.rcode = YXDOMAIN
            break
        if qtype == CNAME:
            break  # the one just made is the answer
        name = following
    return _body(out, qname)


def _offsets(name: bytes) -> list[int]:
    offsets = []
    at = 0
    while length := name[at]:
        offsets.append(at)
        at += 1 + length
    return offsets


def _substitute(
    out: _Answer, image: Image, name: bytes, encloser: int, signed: int
) -> bytes | None:
    """Add the DNAME at ``encloser`` and the CNAME it makes of ``name``; return its target."""
    owner = image.entry_name(encloser)
    at = reader.block_for(image, encloser, DNAME, signed)
    records = _read(owner, blocks.static(image, at, len(owner)))[0]
    out.answer.update(dict.fromkeys(records))
    dname = records[0]
    target = name[: len(name) - len(owner)] + dname.rdata
    if len(target) > names.MAX_NAME:
        return None
    out.answer[Record(name, CNAME, dname.ttl, target)] = None
    return target


def _add_body(out: _Answer, name: bytes, body: Body) -> bool:
    """Add the records of ``body``; say no when there would be too many links in all.

    Then the chain ends where it is: how the rest of it would have ended is not said.
    """
    answer, authority, glue, optional = _read(name, body)
    links = out.links()
    for record in answer:
        links += record.rtype == CNAME
        if links > MAX_LINKS:
            return False
        out.answer[record] = None
    out.authority.update(dict.fromkeys(authority))
    out.glue.update(dict.fromkeys(glue))
    out.optional += optional
    out.rcode = body.rcode
    return True


def _add_pieces(out: _Answer, image: Image, name: bytes, pieces: list[int]) -> None:
    for piece in dict.fromkeys(pieces):
        if piece:
            _, authority, _, _ = _read(name, blocks.static(image, piece, len(name)))
            out.authority.update(dict.fromkeys(authority))


def _read(
    qname: bytes, body: Body
) -> tuple[list[Record], list[Record], list[Record], list[list[Record]]]:
    """Return answer, authority, mandatory additional, and optional records by RRset."""
    message = bytes(_HEADER) + qname + bytes(4) + body.octets
    at = _HEADER + len(qname) + 4
    answer, at = read(message, at, body.ancount)
    authority, at = read(message, at, body.nscount)
    mandatory = body.optional[0][1] if body.optional else body.arcount
    glue, at = read(message, at, mandatory)
    optional = []
    for (_, before), (_, after) in zip(body.optional, body.optional[1:], strict=False):
        records, at = read(message, at, after - before)
        optional.append(records)
    return answer, authority, glue, optional


def _body(out: _Answer, qname: bytes) -> Body:
    writer = Writer(qname)
    for section in (out.answer, out.authority, out.glue):
        for record in section:
            writer.add(*record)
    arcount = len(out.glue)
    optional = [(len(writer.octets), arcount)]
    for records in out.optional:
        for record in records:
            writer.add(*record)
        arcount += len(records)
        optional.append((len(writer.octets), arcount))
    counts = len(out.answer), len(out.authority), arcount
    return Body(out.rcode, AA, bytes(writer.octets), *counts, optional)
