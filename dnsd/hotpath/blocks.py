"""From a place in an image to a response's body: blocks, pieces and proofs put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.hotpath import poolchoice
from dnsd.hotpath.body import Body
from dnsd.image import layout, reader
from dnsd.image.selection import Mode
from dnsd.wire.query import AA, REFUSED, SERVFAIL

if TYPE_CHECKING:
    from dnsd.hotpath.poolchoice import ChoiceInput
    from dnsd.image.reader import Block
    from dnsd.image.store import Image

_FAILURES = {Mode.SERVFAIL: SERVFAIL, Mode.REFUSED: REFUSED}
LARGEST = 65535
"""Octets of the longest message."""
FAILURES = frozenset(_FAILURES.values())
"""What a pool may say in place of an answer."""


def static(block: Block, qname_length: int) -> Body:
    """Return the body of ``block`` alone, without the pieces it asks for."""
    return with_pieces(block, qname_length, [])


def is_composed(block: Block, pieces: list[int]) -> bool:
    """Return whether ``block`` with ``pieces`` must be put together record by record."""
    return bool((pieces or block.pool_ref) and block.flags & layout.COMPOSE)


def has_aliases(block: Block) -> bool:
    """Return whether the pool at the end of ``block`` has CNAME records."""
    return bool(poolchoice.read(block.image, block.pool_ref * 8).is_alias)


def answer(
    block: Block, qname_length: int, pieces: list[int], room: int, asked: ChoiceInput
) -> Body:
    """Return the body of ``block`` with ``pieces`` and what ``asked`` gets of its pool, if any."""
    if not block.pool_ref:
        return with_pieces(block, qname_length, pieces, room)
    return of_pool(block, qname_length, pieces, asked)


def of_pool(block: Block, qname_length: int, pieces: list[int], asked: ChoiceInput) -> Body:
    """Return the body of ``block``, with what ``asked`` gets of the pool at its end."""
    image = block.image
    pool = poolchoice.read(image, block.pool_ref * 8)
    selection = poolchoice.choose(image, pool, asked)
    if selection.mode in _FAILURES:
        return Body(_FAILURES[selection.mode])
    move = reader.PointerShift(qname_length - block.base)
    octets = block.moved(block.body(block.length), move)
    octets, template = octets[: block.split], octets[block.split :]
    signed = bool(block.flags & layout.SIGNED)
    count = 0
    if selection.mode == Mode.NODATA:
        pieces = [pool.soa[signed], pool.nsec if signed else 0, *pieces]
    else:
        records, count = poolchoice.records(image, pool, selection, template, signed)
        octets += records
    inserted, nscount = _inserted(image, pieces, qname_length, len(octets))
    return Body(block.rcode, AA, octets + inserted, block.ancount + count, nscount)


def with_pieces(block: Block, qname_length: int, pieces: list[int], room: int = LARGEST) -> Body:
    """Return the body of ``block`` for a query name of ``qname_length`` octets.

    ``pieces`` (offsets; 0 and repetitions are skipped) go where its authority section ends.
    What does not fit into ``room`` octets is left out.
    """
    inserted, records = _inserted(block.image, pieces, qname_length, block.split)
    ends = [(block.length, block.arcount), *block.optional_ends()]
    ends = [(end + len(inserted), count) for end, count in ends if end + len(inserted) <= room]
    flags = AA if block.flags & layout.AUTHORITATIVE else 0
    if not ends:
        return Body(block.rcode, flags, truncated=True)
    length, arcount = ends[-1]
    move = reader.PointerShift(qname_length - block.base, 0, len(inserted))
    octets = block.moved(block.body(length - len(inserted)), move)
    octets = octets[: block.split] + inserted + octets[block.split :]
    nscount = block.nscount + records
    optional = ends if block.optional else []
    return Body(block.rcode, flags, octets, block.ancount, nscount, arcount, optional)


def _inserted(image: Image, pieces: list[int], qname_length: int, front: int) -> tuple[bytes, int]:
    """Return the octets of ``pieces`` behind ``front`` octets of a body, and their records."""
    inserted, records = b"", 0
    for piece in dict.fromkeys(pieces):
        if piece:
            part = reader.block(image, piece)
            move = reader.PointerShift(qname_length - part.base, front + len(inserted))
            inserted += part.moved(part.body(part.length), move)
            records += part.nscount
    return inserted, records


def pieces_for(block: Block, place: reader.NameMatch, name: bytes, offsets: list[int]) -> list[int]:
    """Return the pieces that ``block`` needs for the lower-case query ``name``."""
    wanted = block.proof_expanded if place.expanded else block.proof
    pieces = block.piece_refs() if block.pieces else []
    if wanted:
        pieces += reader.proofs(block.image, place, name, offsets, wanted)
    return pieces


def locate(
    image: Image, name: bytes, offsets: list[int], qtype: int, signed: int
) -> tuple[reader.NameMatch, Block | None]:
    """Return where the search for ``name`` ends and the block for it; None below a DNAME."""
    place = reader.search(image, name, offsets)
    if place.entry:
        at = reader.block_for(image, place.entry, qtype, signed)
        return place, reader.block(image, at)
    flags = reader.flags_of(image, place.encloser)
    if flags & layout.CUT:
        # below a cut even DS is the child's: qtype 0 picks the referral
        place = place._replace(entry=place.encloser)
        return place, reader.block(image, reader.block_for(image, place.entry, 0, signed))
    if flags & layout.DNAME:
        return place, None
    return place, reader.block(image, image.nxdomain[signed])
