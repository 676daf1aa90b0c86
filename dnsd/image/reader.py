"""Reads an image as a query needs it: find the name, pick the block, move its pointers.

The readable twin of what the native hot path does on the mapped file. Offsets are bytes from
the start of the image; 0 means "none". See :mod:`dnsd.image.layout`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from dnsd.image import layout
from dnsd.wire.name import canonical_key
from dnsd.wire.siphash import siphash13

if TYPE_CHECKING:
    from dnsd.image.store import Image

_ENTRY = layout.ENTRY.unpack_from
_BLOCK = layout.BLOCK.unpack_from
_PLACE = layout.PLACE.unpack_from
_OPTIONAL = layout.OPTIONAL.unpack_from
_REF = layout.REF.unpack_from
_PAIR = layout.NSEC_REFS.unpack_from

_TO_QNAME = 12

KNOWN_NAMES = 4096
"""Names whose hash is remembered: in Python it costs more than all else in a look-up."""
_hashed = lru_cache(KNOWN_NAMES)(siphash13)


class NameMatch(NamedTuple):
    """Where a search ended.

    ``entry`` is the one whose types answer, ``encloser`` that of the closest encloser;
    ``level`` is how many labels the encloser's name has. ``entry`` is 0 if the name does
    not exist; ``expanded`` says that it came from a wildcard.
    """

    entry: int
    encloser: int
    level: int
    expanded: bool


@dataclass(frozen=True, slots=True)
class PointerShift:
    """How far the pointers of a block move: by the region their target lies in."""

    delta: int
    front: int = 0
    inserted: int = 0


class Block(NamedTuple):
    """One composed answer in ``image``: its offset ``at``, then its header (layout.BLOCK)."""

    image: Image
    at: int
    base: int
    ancount: int
    nscount: int
    arcount: int
    length: int
    split: int
    pieces: int
    optional: int
    rcode: int
    flags: int
    proof: int
    proof_expanded: int
    pointers: int
    pool_ref: int

    def piece_refs(self) -> list[int]:
        """Return the offsets of the pieces that belong to it."""
        buffer, start = self.image.buffer, self.at + layout.BLOCK.size
        return [8 * _REF(buffer, start + 4 * index)[0] for index in range(self.pieces)]

    def optional_ends(self) -> list[tuple[int, int]]:
        """Return (length of the body, arcount) for each place where the body may end instead."""
        buffer, start = self.image.buffer, self.at + layout.BLOCK.size + 4 * self.pieces
        return [_OPTIONAL(buffer, start + 4 * index) for index in range(self.optional)]

    def body(self, length: int) -> bytes:
        """Return the first ``length`` octets of the body, pointers as they were compiled."""
        start = self._pointers_at() + 2 * self.pointers
        return bytes(self.image.buffer[start : start + length])

    def moved(self, octets: bytes, move: PointerShift) -> bytes:
        """Return the body ``octets`` with its pointers moved (see the layout's description).

        It may be cut behind any of its records.
        """
        if not self.pointers:
            return octets
        places = _shorts(self.pointers).unpack_from(self.image.buffer, self._pointers_at())
        body_start = _TO_QNAME + self.base + 4
        out = bytearray(octets)
        for place in places:
            if place >= len(out):
                break
            target = (out[place] << 8 | out[place + 1]) & 0x3FFF
            shift = move.delta
            if target >= body_start:
                shift += move.front
                if target >= body_start + self.split:
                    shift += move.inserted
            target = 0xC000 | target + shift
            out[place], out[place + 1] = target >> 8, target & 0xFF
        return bytes(out)

    def _pointers_at(self) -> int:
        return self.at + layout.BLOCK.size + 4 * (self.pieces + self.optional)


@lru_cache(maxsize=256)
def _shorts(count: int) -> Struct:
    return Struct(f"<{count}H")


def find(image: Image, name: bytes) -> int:
    """Return the entry of the lower-case ``name``, or 0."""
    digest = _hashed(image.key, name) & 0xFFFFFFFF
    mask, buffer, table = image.mask, image.buffer, image.table
    place = digest & mask
    for _ in range(layout.MAX_PROBES):
        found, ref = _PLACE(buffer, table + place * 8)
        if not ref:
            break
        if found == digest:
            entry: int = ref * 8
            types = buffer[entry + 2] | buffer[entry + 3] << 8
            at = entry + 24 + 8 * types + 2 * (types + (types & 1))
            if buffer[entry] == len(name) and buffer[at : at + len(name)] == name:
                return entry
        place = place + 1 & mask
    return 0


def search(image: Image, name: bytes, offsets: list[int]) -> NameMatch:
    """Search the lower-case ``name`` of a query; it is at or below the image's apex.

    ``offsets`` are where its labels begin. All ancestors of an entry have entries, so the
    closest encloser is found by bisection over the levels.
    """
    levels = len(offsets)
    if levels <= image.depth:
        entry = find(image, name)
        if entry:
            return NameMatch(entry, entry, levels, False)
    low, high, encloser = image.apex_labels, min(levels, image.depth + 1), image.apex_entry
    while high - low > 1:
        middle = (low + high) // 2
        entry = find(image, name[offsets[levels - middle] :])
        if entry:
            low, encloser = middle, entry
        else:
            high = middle
    _, flags, _, wildcard, *_ = _ENTRY(image.buffer, encloser)
    if wildcard and not flags:
        return NameMatch(wildcard * 8, encloser, low, True)
    return NameMatch(0, encloser, low, False)


def flags_of(image: Image, entry: int) -> int:
    """Return the flags of ``entry``: ``layout.CUT``, ``layout.DNAME`` or 0."""
    return int(image.buffer[entry + 1])


def block_for(image: Image, entry: int, qtype: int, signed: int) -> int:
    """Return the block that answers ``qtype`` at ``entry``; ``signed`` is 1 for DO, else 0."""
    buffer = image.buffer
    _, flags, count, _, *defaults, _, _ = _ENTRY(buffer, entry)
    types = _shorts(count).unpack_from(buffer, entry + 24)
    if qtype in types:
        index = types.index(qtype)
    elif qtype == 255 and types and not flags & layout.CUT:
        index = 0
    else:
        default: int = defaults[signed] * 8
        return default or image.nodata[signed]
    at = entry + 24 + 2 * (count + (count & 1)) + 4 * (index + signed * count)
    ref: int = _REF(buffer, at)[0]
    return ref * 8


def block(image: Image, at: int) -> Block:
    """Return the block at offset ``at``."""
    return Block(image, at, *_BLOCK(image.buffer, at))


# -- denial ---------------------------------------------------------------------------------


def proofs(
    image: Image, place: NameMatch, name: bytes, offsets: list[int], wanted: int
) -> list[int]:
    """Return the pieces that prove what ``wanted`` asks for (MATCH, COVER, WILD, ENCLOSER)."""
    found = []
    encloser, level = place.encloser, place.level
    if image.denial == layout.NSEC3_CHAIN:
        encloser, level = _provable(image, encloser, level, name, offsets)
    if wanted & layout.ENCLOSER:
        found.append(_match(image, encloser))
    if wanted & layout.COVER:
        found.append(_cover(image, name, offsets, level))
    if wanted & layout.WILD:
        found.append(8 * _ENTRY(image.buffer, encloser)[7])
    if wanted & layout.MATCH:
        found.append(_match(image, place.entry))
    return found


def _match(image: Image, entry: int) -> int:
    ref: int = _ENTRY(image.buffer, entry)[6]
    return ref * 8


def _provable(
    image: Image, encloser: int, level: int, name: bytes, offsets: list[int]
) -> tuple[int, int]:
    """Climb to the closest encloser that has an NSEC3 record (RFC 5155 §7.2.1 under opt-out)."""
    while level > image.apex_labels and not _match(image, encloser):
        level -= 1
        encloser = find(image, name[offsets[len(offsets) - level] :] if level else b"\x00")
    return encloser, level


def _cover(image: Image, name: bytes, offsets: list[int], level: int) -> int:
    if image.denial == layout.NSEC3_CHAIN:
        next_closer = name[offsets[len(offsets) - level - 1] :]
        return _cover_hash(image, hash_name(next_closer, image.salt, image.iterations))
    return _cover_key(image, canonical_key(name))


def hash_name(name: bytes, salt: bytes, iterations: int) -> bytes:
    """Return the NSEC3 hash of the lower-case ``name`` (RFC 5155 §5)."""
    digest = hashlib.sha1(name + salt, usedforsecurity=False).digest()
    for _ in range(iterations):
        digest = hashlib.sha1(digest + salt, usedforsecurity=False).digest()
    return digest


def _cover_hash(image: Image, digest: bytes) -> int:
    buffer, start, size = image.buffer, image.denial_index, layout.HASH_SIZE
    low, high = 0, image.denial_count
    while low < high:
        middle = (low + high) // 2
        at = start + middle * size
        if digest < bytes(buffer[at : at + size]):
            high = middle
        else:
            low = middle + 1
    # the record before the first one covers what wraps around: it is the last
    index = low - 1 if low else image.denial_count - 1
    ref: int = _REF(buffer, start + image.denial_count * size + 4 * index)[0]
    return ref * 8


def _cover_key(image: Image, key: bytes) -> int:
    buffer, start = image.buffer, image.denial_index
    low, high = 0, image.denial_count
    while low < high:
        middle = (low + high) // 2
        at = 8 * _REF(buffer, start + 8 * middle)[0]
        length = buffer[at] | buffer[at + 1] << 8
        if key < bytes(buffer[at + 2 : at + 2 + length]):
            high = middle
        else:
            low = middle + 1
    index = low - 1 if low else image.denial_count - 1
    ref: int = _PAIR(buffer, start + 8 * index)[1]
    return ref * 8
