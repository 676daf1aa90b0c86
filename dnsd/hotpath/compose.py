"""Answers put together record by record, for the few queries that no finished block fits.

These are names below a DNAME (RFC 6672: the CNAME is made from the query name), and answers
so long that pointers in pieces behind them would pass 0x3FFF. Records are read and written only
while there is room; how the chain ends, and so the rcode, is worked out in every case.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from dnsd.hotpath import blocks
from dnsd.hotpath.body import Body
from dnsd.hotpath.poolchoice import NOBODY
from dnsd.image import layout, reader
from dnsd.wire import name as names
from dnsd.wire.query import AA, YXDOMAIN
from dnsd.wire.rdata import ANY, CNAME, DNAME, NSEC, RRSIG
from dnsd.wire.records import Record, Writer, reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dnsd.hotpath.poolchoice import ChoiceInput
    from dnsd.image.reader import Block
    from dnsd.image.store import Image

MAX_LINKS = 16
"""CNAME links followed for one answer."""

_NOT_FOLLOWED = frozenset((CNAME, ANY, NSEC, RRSIG))
"""Types that are answered at the owner of a CNAME itself (RFC 1034 §3.6.2, RFC 4035 §2.5)."""

_HEADER = 12
_ANSWER, _AUTHORITY, _ADDITIONAL = range(3)


class _Answer:
    """An answer in the making, of at most ``room`` octets behind the question.

    What another part of it has said is not said again in the same section.
    """

    def __init__(self, qname: bytes, room: int) -> None:
        self._writer = Writer(qname)
        self._room = room
        self._said: tuple[set[Record], set[Record]] = (set(), set())
        self._links = 0
        self.counts = [0, 0, 0]
        self.ends: list[tuple[int, int]] = []
        self.rcode = 0
        self._is_full = False

    @property
    def is_at_the_last_link(self) -> bool:
        return self._links == MAX_LINKS

    def add(self, section: int, records: Iterable[Record]) -> bool:
        """Add a part; when there is no room for all of it, the answer is full, and it says no."""
        earlier = self._said[section].copy() if section != _ADDITIONAL else set()
        for record in () if self._is_full else records:
            if record in earlier:
                continue
            self._writer.add(*record)
            if len(self._writer.octets) > self._room:
                self._is_full = True
                break
            self.counts[section] += 1
            if section != _ADDITIONAL:
                self._said[section].add(record)
        return not self._is_full

    def add_link(self, link: Record) -> None:
        """Add a CNAME that was made."""
        self.add(_ANSWER, [link])
        self._links += 1

    def add_block(self, block: Block, name: bytes, pieces: list[int]) -> None:
        """Add what ``block`` and ``pieces`` say; there is nothing else then.

        When there would be too many links in all, the chain ends with the last one allowed, and
        how the rest of it would have ended is not said.
        """
        records = _records(block, name)
        if self._links + (block.flags >> layout.LINKS) > MAX_LINKS:
            self.rcode = 0
            self.add(_ANSWER, self._allowed(islice(records, block.ancount)))
            return
        self.add(_ANSWER, islice(records, block.ancount))
        self.add(_AUTHORITY, islice(records, block.nscount))
        self.add_pieces(block.image, name, pieces)
        self._add_additional(records, block.arcount, block.optional_ends())

    def _allowed(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            self._links += record.rtype == CNAME
            if self._links > MAX_LINKS:
                return
            yield record

    def add_pool(
        self, image: Image, name: bytes, body: Body, links: int, pieces: list[int]
    ) -> bytes | None:
        """Add ``body``, which has been chosen from a pool, and ``pieces``, as :meth:`add_block`.

        It has so many ``links``, unless the pool has none just now. Return where the last one
        leads, None if the chain ends here.
        """
        start = _HEADER + len(name) + 4
        records = reading(bytes(_HEADER) + name + bytes(4) + body.octets, start)
        answer = list(islice(records, body.ancount))
        if self._links + links > MAX_LINKS:
            self.rcode = 0
            self.add(_ANSWER, self._allowed(answer))
            return None
        self._links += links
        self.add(_ANSWER, answer)
        self.add(_AUTHORITY, islice(records, body.nscount))
        self.add_pieces(image, name, pieces)
        found = [record.rdata for record in answer if record.rtype == CNAME]
        return found[-1] if found and len(found) >= links else None

    def add_pieces(self, image: Image, name: bytes, pieces: list[int]) -> None:
        for piece in dict.fromkeys(pieces):
            if piece:
                self.add(_AUTHORITY, _records(reader.block(image, piece), name))

    def _add_additional(
        self, records: Iterator[Record], count: int, ends: list[tuple[int, int]]
    ) -> None:
        if not self.add(_ADDITIONAL, islice(records, count)):
            return
        self.ends.append((len(self._writer.octets), count))
        for _, after in ends:
            if not self.add(_ADDITIONAL, islice(records, after - count)):
                self._is_full = False  # what is left out was optional
                break
            count = after
            self.ends.append((len(self._writer.octets), count))

    def body(self) -> Body:
        """Return the whole, or as much of it as there is room for."""
        if self._is_full:
            return Body(self.rcode, AA, truncated=True)
        end, arcount = self.ends[-1] if self.ends else (len(self._writer.octets), 0)
        octets = bytes(self._writer.octets[:end])
        ancount, nscount, _ = self.counts
        return Body(self.rcode, AA, octets, ancount, nscount, arcount, self.ends)


def answer(
    image: Image,
    qname: bytes,
    qtype: int,
    signed: int,
    room: int = blocks.LARGEST,
    asked: ChoiceInput = NOBODY,
) -> Body:
    """Return the body for a query; ``qname`` is in the zone of ``image``, spelled as asked.

    It has at most ``room`` octets. ``asked`` is what a pool at the end is chosen by.
    """
    out = _Answer(qname, room)
    seen: set[bytes] = set()
    name = qname
    while names.is_subdomain(names.lower(name), image.apex) and names.lower(name) not in seen:
        lower = names.lower(name)
        seen.add(lower)
        offsets = _offsets(lower)
        place, block = blocks.locate(image, lower, offsets, qtype, signed)
        if block:
            pieces = blocks.pieces_for(block, place, lower, offsets)
            out.rcode = block.rcode
            if not block.pool_ref:
                out.add_block(block, name, pieces)
                break
            body = blocks.of_pool(block, len(name), [], asked)
            if body.rcode in blocks.FAILURES:
                return body
            target = out.add_pool(image, name, body, block.flags >> layout.LINKS, pieces)
            if target is None or qtype in _NOT_FOLLOWED or not blocks.has_aliases(block):
                break
            name = target
            continue
        if out.is_at_the_last_link:
            break
        following = _substitute(out, image, name, place.encloser, signed)
        if following is None:
            out.rcode = YXDOMAIN
            break
        if qtype == CNAME:
            break  # the one just made is the answer
        name = following
    return out.body()


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
    block = reader.block(image, reader.block_for(image, encloser, DNAME, signed))
    dname = next(_records(block, owner))
    out.add(_ANSWER, _records(block, owner))
    target = name[: len(name) - len(owner)] + dname.rdata
    if len(target) > names.MAX_NAME:
        return None
    out.add_link(Record(name, CNAME, dname.ttl, target))
    return target


def _records(block: Block, name: bytes) -> Iterator[Record]:
    """Read the records of ``block`` as they are for a query for ``name``."""
    ends = block.optional_ends()
    octets = block.body(ends[-1][0] if ends else block.length)
    base = block.base or len(name)
    # pointers lead to the end of the name the block was made for, which is that of this name
    padded = (bytes(base) + name)[-base:]
    return reading(bytes(_HEADER) + padded + bytes(4) + octets, _HEADER + base + 4, name)
