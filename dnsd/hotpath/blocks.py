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
    from dnsd.image.store import Image

_FAILURES = {Mode.SERVFAIL: SERVFAIL, Mode.REFUSED: REFUSED}
LARGEST = 65535
"""Octets of the longest message."""
FAILURES = frozenset(_FAILURES.values())
"""What a pool may say in place of an answer."""


def static(image: Image, at: int, qname_length: int) -> Body:
    """Return the body of the block at ``at`` alone, without the pieces it asks for."""
    return with_pieces(image, at, qname_length, [])


def is_composed(image: Image, at: int, pieces: list[int]) -> bool:
    """Tell whether the block at ``at`` with ``pieces`` must be put together record by record."""
    head = reader.block(image, at)
    return bool((pieces or head.pool_ref) and head.flags & layout.COMPOSE)


def has_aliases(image: Image, at: int) -> bool:
    """Tell whether the pool that the block at ``at`` ends in has CNAME records."""
    return bool(poolchoice.read(image, reader.block(image, at).pool_ref * 8).is_alias)


def answer(
    image: Image, at: int, qname_length: int, pieces: list[int], room: int, asked: ChoiceInput
) -> Body:
    """Return what :func:`with_pieces` does; of a pool at its end what is chosen for ``asked``."""
    head = reader.block(image, at)
    if not head.pool_ref:
        return with_pieces(image, at, qname_length, pieces, room)
    return of_pool(image, at, qname_length, pieces, asked)


def of_pool(
    image: Image, at: int, qname_length: int, pieces: list[int], asked: ChoiceInput
) -> Body:
    """Return the body of the block at ``at``, with what is chosen from the pool at its end."""
    head = reader.block(image, at)
    pool = poolchoice.read(image, head.pool_ref * 8)
    selection = poolchoice.choose(image, pool, asked)
    if selection.mode in _FAILURES:
        return Body(_FAILURES[selection.mode])
    octets = reader.body(image, at, head, head.length)
    octets = reader.moved(image, at, head, octets, reader.PointerShift(qname_length - head.base))
    octets, template = octets[: head.split], octets[head.split :]
    signed = bool(head.flags & layout.SIGNED)
    count = 0
    if selection.mode == Mode.NODATA:
        pieces = [pool.soa[signed], pool.nsec if signed else 0, *pieces]
    else:
        records, count = poolchoice.records(image, pool, selection, template, signed)
        octets += records
    inserted, nscount = _inserted(image, pieces, qname_length, len(octets))
    return Body(head.rcode, AA, octets + inserted, head.ancount + count, nscount)


def with_pieces(
    image: Image, at: int, qname_length: int, pieces: list[int], room: int = LARGEST
) -> Body:
    """Return the body of the block at ``at`` for a query name of ``qname_length`` octets.

    ``pieces`` (offsets; 0 and repetitions are skipped) go where its authority section ends.
    What does not fit into ``room`` octets is left out.
    """
    head = reader.block(image, at)
    inserted, records = _inserted(image, pieces, qname_length, head.split)
    ends = [(head.length, head.arcount), *reader.optional_ends(image, at, head)]
    ends = [(end + len(inserted), count) for end, count in ends if end + len(inserted) <= room]
    flags = AA if head.flags & layout.AUTHORITATIVE else 0
    if not ends:
        return Body(head.rcode, flags, truncated=True)
    length, arcount = ends[-1]
    octets = reader.body(image, at, head, length - len(inserted))
    move = reader.PointerShift(qname_length - head.base, 0, len(inserted))
    octets = reader.moved(image, at, head, octets, move)
    octets = octets[: head.split] + inserted + octets[head.split :]
    nscount = head.nscount + records
    optional = ends if head.optional else []
    return Body(head.rcode, flags, octets, head.ancount, nscount, arcount, optional)


def _inserted(image: Image, pieces: list[int], qname_length: int, front: int) -> tuple[bytes, int]:
    """Return the octets of ``pieces`` behind ``front`` octets of a body, and their records."""
    inserted, records = b"", 0
    for piece in dict.fromkeys(pieces):
        if piece:
            part = reader.block(image, piece)
            move = reader.PointerShift(qname_length - part.base, front + len(inserted))
            octets = reader.body(image, piece, part, part.length)
            inserted += reader.moved(image, piece, part, octets, move)
            records += part.nscount
    return inserted, records


def pieces_for(
    image: Image, at: int, place: reader.NameMatch, name: bytes, offsets: list[int]
) -> list[int]:
    """Return the pieces that the block at ``at`` needs for the lower-case query ``name``."""
    head = reader.block(image, at)
    wanted = head.proof_expanded if place.expanded else head.proof
    pieces = reader.piece_refs(image, at, head) if head.pieces else []
    if wanted:
        pieces += reader.proofs(image, place, name, offsets, wanted)
    return pieces


def locate(
    image: Image, name: bytes, offsets: list[int], qtype: int, signed: int
) -> tuple[reader.NameMatch, int]:
    """Return where the search for ``name`` ends and the block for it; 0 below a DNAME."""
    place = reader.search(image, name, offsets)
    if place.entry:
        return place, reader.block_for(image, place.entry, qtype, signed)
    flags = reader.flags_of(image, place.encloser)
    if flags & layout.CUT:
        # below a cut even DS is the child's: qtype 0 picks the referral
        place = place._replace(entry=place.encloser)
        return place, reader.block_for(image, place.entry, 0, signed)
    return place, 0 if flags & layout.DNAME else image.nxdomain[signed]
