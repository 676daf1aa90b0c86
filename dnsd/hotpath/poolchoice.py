"""Which members of a pool a query gets, as control has selected them; and the note of the answer.

Knows the POOL of an image and its cells; nothing of health.
"""

from __future__ import annotations

import time
from math import ceil
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from dnsd.errors import ImageError
from dnsd.hotpath import draws
from dnsd.image import layout
from dnsd.image.selection import DENIAL_TTL, NOTES, Members, Mode, Selection, decode
from dnsd.wire.rdata import RRSIG

if TYPE_CHECKING:
    from dnsd.image.selection import Cells
    from dnsd.image.store import Image

_POOL = layout.POOL.unpack_from
_SHARE = layout.SHARE.unpack_from
_SHORT = Struct("<H").unpack_from
_REF = layout.REF.unpack_from
_TTL = Struct(">I").pack
_LENGTH = Struct(">H").pack
_COUNT = (1 << 32) - 1


class ChoiceInput(NamedTuple):
    """What a choice depends on: who asks, random numbers, and the cells of the image if any."""

    address: str
    draws: draws.Draws
    cells: Cells | None = None


NOBODY = ChoiceInput("0.0.0.0", draws.Draws(0))


class PoolBlock(NamedTuple):
    """A POOL (see :data:`dnsd.image.layout.POOL`); ``at`` is its offset."""

    at: int
    members: int
    is_alias: int
    octets: int
    ttl: int
    cell: int
    soa: tuple[int, int]
    nsec: int
    signatures: int
    take: int
    manner: int
    key: bytes
    undecided: int

    def weight(self, image: Image, member: int) -> int:
        """Return the weight of ``member``."""
        return self._share(image, member)[0]

    def rdata(self, image: Image, member: int) -> bytes:
        """Return the rdata of ``member``."""
        start = self.at + layout.POOL.size + layout.SHARE.size * self.members
        start += member * self.octets
        return bytes(image.buffer[start : start + self._share(image, member)[1]])

    def _share(self, image: Image, member: int) -> tuple[int, int]:
        at = self.at + layout.POOL.size + layout.SHARE.size * member
        weight, length = _SHARE(image.buffer, at)
        return weight, length


def read(image: Image, at: int) -> PoolBlock:
    """Return the POOL at offset ``at``."""
    members, is_alias, octets, ttl, cell, soa, soa_do, nsec, signatures, *some = _POOL(
        image.buffer, at
    )
    denial = (soa * 8, soa_do * 8), nsec * 8
    return PoolBlock(at, members, is_alias, octets, ttl, cell, *denial, signatures * 8, *some)


def choose(image: Image, pool: PoolBlock, asked: ChoiceInput) -> Selection:
    """Return what the query ``asked`` gets, and note it; count the query.

    The mask returned is that of the answer: in mode SOME, of the members that were chosen.
    """
    cells = asked.cells
    if cells:
        cells.counts[pool.cell] = cells.counts[pool.cell] + 1 & _COUNT
    selection = decode(cells.selections[pool.cell]) if cells else Selection(0, 0, Mode.UNSET)
    if selection.mode == Mode.UNSET:
        return Selection(pool.undecided, pool.ttl, Mode.ANSWER)
    if selection.mode == Mode.SOME:
        chosen = _some(image, pool, selection.mask, asked)
        selection = selection._replace(mask=Members.of(chosen))
        for member in chosen:
            _note(cells, pool.cell + NOTES + member, selection.ttl)
    elif selection.mode in (Mode.ANSWER, Mode.NODATA):
        if selection.note_index >= NOTES:
            raise ImageError(f"a pool has no note {selection.note_index}")
        selection = selection._replace(mask=selection.mask & (1 << pool.members) - 1)
        ttl = selection.ttl if selection.mode == Mode.ANSWER else DENIAL_TTL
        _note(cells, pool.cell + selection.note_index, ttl)
    return selection


def _note(cells: Cells | None, cell: int, ttl: int) -> None:
    """Note until when caches may hold the answer."""
    if cells:
        until = ceil(time.monotonic()) + ttl
        cells.cache_until[cell] = max(cells.cache_until[cell], until)


def _some(image: Image, pool: PoolBlock, mask: int, asked: ChoiceInput) -> set[int]:
    """Return the members of ``mask`` that the query ``asked`` gets."""
    members = [member for member in Members(mask) if member < pool.members]
    weights = [pool.weight(image, member) for member in members]
    if pool.manner == layout.STICKY and members:
        rdatas = tuple(pool.rdata(image, member) for member in members)
        return {members[draws.steady(pool.key, asked.address, rdatas, tuple(weights))]}
    return {members[place] for place in draws.several(asked.draws, weights, pool.take)}


def records(
    image: Image, pool: PoolBlock, selection: Selection, template: bytes, signed: bool
) -> tuple[bytes, int]:
    """Return the records of an answer behind their ``template``, and how many there are."""
    ttl = _TTL(selection.ttl)
    head = template + ttl
    members = selection.members
    chosen = [pool.rdata(image, member) for member in range(pool.members) if member in members]
    octets = b"".join(head + _LENGTH(len(rdata)) + rdata for rdata in chosen)
    if not signed or not pool.signatures:
        return octets, len(chosen)
    head = template[:-4] + RRSIG.to_bytes(2) + template[-2:] + ttl
    rrsigs = _signatures(image, pool, selection.mask)
    return (
        octets + b"".join(head + _LENGTH(len(rdata)) + rdata for rdata in rrsigs),
        len(chosen) + len(rrsigs),
    )


def _signatures(image: Image, pool: PoolBlock, mask: int) -> list[bytes]:
    at = 8 * _REF(image.buffer, pool.signatures + 4 * mask)[0]
    if not at:
        return []
    found = []
    count = _SHORT(image.buffer, at)[0]
    at += 2
    for _ in range(count):
        length = _SHORT(image.buffer, at)[0]
        found.append(bytes(image.buffer[at + 2 : at + 2 + length]))
        at += 2 + length
    return found
