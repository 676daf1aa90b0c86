"""Makes an image of an earlier one: says what a copy of it is to be changed in.

The new answers are those of a small image, which a compiler has made of these names and of what
their answers depend on. Blocks and entries go to the end; the hash table of the copy leads there.
What they have replaced stays as waste. The SOA, which goes along with each negative answer, is
replaced where it is, so it must be as long as before. Images of unsigned zones without pools only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.errors import ImageError, PatchError
from dnsd.image import layout, reader
from dnsd.image.changed import ChangedOctets
from dnsd.wire import name as names
from dnsd.wire.siphash import siphash13

if TYPE_CHECKING:
    from collections.abc import Collection

    from dnsd.image.store import Image

FULLEST = 0.6
"""How full the hash table may become; a build leaves it half full or less."""

_LARGEST = layout.ALIGN << 32
_PLACE = layout.PLACE


def patched(
    old: Image, part: Image, renewed: Collection[bytes], gone: Collection[bytes], meta: bytes
) -> ChangedOctets:
    """Return ``old`` with the answers that ``part`` has for the names ``renewed``.

    Those that are ``gone`` are names no more, and the new image has ``meta``. PatchError if it has
    to be made in another way.
    """
    if old.denial or part.denial or old.cells or part.cells:
        raise PatchError("an image with signatures or pools is made whole")
    return _Patch(old, part).make(renewed, gone, meta)


class _Patch:
    def __init__(self, old: Image, part: Image) -> None:
        self._old, self._part = old, part
        self._out = ChangedOctets(old.buffer, layout.ALIGN)
        self._blocks: dict[int, int] = {}
        self._entries: dict[bytes, int] = {}
        self._names = old.names
        self._depth = old.depth

    def make(
        self, renewed: Collection[bytes], gone: Collection[bytes], meta: bytes
    ) -> ChangedOctets:
        self._replace_soa()
        # the longest first: a wildcard comes before the name above it, which says where it is
        for name in sorted(renewed, key=len, reverse=True):
            self._entries[name] = self._add_entry(name)
        for name in gone:
            self._remove(name)
        for name, ref in self._entries.items():
            self._place(name, ref)
        self._finish(self._add(meta), len(meta))
        return self._out

    # -- blocks and entries -------------------------------------------------------------------

    def _replace_soa(self) -> None:
        """Put the new SOA in the place of the old one; both images know where they are."""
        for mine, its in zip(
            (*self._old.nodata, *self._old.nxdomain),
            (*self._part.nodata, *self._part.nxdomain),
            strict=True,
        ):
            self._blocks[its] = mine // layout.ALIGN
            (old,) = reader.block(self._old, mine).piece_refs()
            (new,) = reader.block(self._part, its).piece_refs()
            octets = self._block_octets(self._part, new)
            if len(octets) != len(self._block_octets(self._old, old)):
                raise PatchError("the SOA is of another length")
            self._out.put(old, octets)
            self._blocks[new] = old // layout.ALIGN

    @staticmethod
    def _block_octets(image: Image, at: int) -> bytes:
        block = reader.block(image, at)
        length = max([block.length, *(end for end, _ in block.optional_ends())])
        lists = 4 * (block.pieces + block.optional) + 2 * block.pointers
        return bytes(image.buffer[at : at + layout.BLOCK.size + lists + length])

    def _add(self, octets: bytes) -> int:
        """Put ``octets`` behind the others and return their ref."""
        at = self._out.add(octets)
        if at >= _LARGEST:
            raise ImageError("the zone is too large (32 GiB)")
        return at // layout.ALIGN

    def _block(self, at: int) -> int:
        """Return the ref of the block at the offset ``at`` of the part; 0 stays 0."""
        if not at:
            return 0
        ref = self._blocks.get(at)
        if ref is None:
            pieces = [self._blocks[one] for one in reader.block(self._part, at).piece_refs()]
            octets = bytearray(self._block_octets(self._part, at))
            for index, piece in enumerate(pieces):
                layout.REF.pack_into(octets, layout.BLOCK.size + 4 * index, piece)
            ref = self._blocks[at] = self._add(bytes(octets))
        return ref

    def _add_entry(self, name: bytes) -> int:
        """Add the entry that ``name`` has in the part, and its answers."""
        part = self._part
        entry = reader.find(part, name)
        if not entry:
            raise PatchError(f"{names.to_text(name)} is not in the part")
        length, flags, types, wildcard, *defaults, match, wild = layout.ENTRY.unpack_from(
            part.buffer, entry
        )
        if match or wild:
            raise PatchError("a name has proofs")
        at = entry + layout.ENTRY.size
        end = at + 2 * (types + (types & 1))
        answers = b"".join(
            layout.REF.pack(self._block(layout.ALIGN * ref))
            for (ref,) in layout.REF.iter_unpack(part.buffer[end : end + 8 * types])
        )
        self._depth = max(self._depth, names.count(name))
        head = layout.ENTRY.pack(
            length,
            flags,
            types,
            self._wildcard_of(name) if wildcard else 0,
            *(self._block(layout.ALIGN * ref) for ref in defaults),
            0,
            0,
        )
        return self._add(head + bytes(part.buffer[at:end]) + answers + name)

    def _wildcard_of(self, name: bytes) -> int:
        wildcard = names.wildcard_of(name)
        ref = self._entries.get(wildcard) or reader.find(self._old, wildcard) // layout.ALIGN
        if not ref:
            raise PatchError(f"{names.to_text(wildcard)} is in neither image")
        return ref

    # -- the hash table -----------------------------------------------------------------------

    def _at(self, place: int) -> int:
        at: int = self._old.table + place * _PLACE.size
        return at

    def _read(self, place: int) -> tuple[int, int]:
        """Return what is in the table at ``place``: a hash and a ref, 0 if it is free."""
        digest, ref = _PLACE.unpack(self._out.octets(self._at(place), _PLACE.size))
        return digest, ref

    def _write(self, place: int, digest: int, ref: int) -> None:
        self._out.put(self._at(place), _PLACE.pack(digest, ref))

    def _name_of(self, ref: int) -> bytes:
        """Return the name of the entry at ``ref``."""
        at = ref * layout.ALIGN
        if at < len(self._old.buffer):
            return self._old.entry_name(at)
        return layout.entry_name(self._out.more, at - self._out.begins)

    def _search(self, name: bytes) -> tuple[int, int, int]:
        """Return the hash of ``name``, its place or the free one for it, and what is there."""
        digest = siphash13(self._old.key, name) & 0xFFFFFFFF
        for probe in range(layout.MAX_PROBES):
            place = digest + probe & self._old.mask
            found, ref = self._read(place)
            if not ref or (found == digest and self._name_of(ref) == name):
                return digest, place, ref
        raise PatchError("the hash table has become too crowded")

    def _place(self, name: bytes, ref: int) -> None:
        digest, place, was = self._search(name)
        if not was:
            self._names += 1
            if self._names > FULLEST * (self._old.mask + 1):
                raise PatchError("the hash table has become too full")
        self._write(place, digest, ref)

    def _remove(self, name: bytes) -> None:
        """Take ``name`` out of the table, and move up what has been put behind its place."""
        _, free, was = self._search(name)
        if not was:
            raise PatchError(f"{names.to_text(name)} is gone already")
        mask, place = self._old.mask, free
        self._names -= 1
        while True:
            place = place + 1 & mask
            digest, ref = self._read(place)
            if not ref:
                break
            if place - digest & mask >= place - free & mask:
                self._write(free, digest, ref)
                free = place
        self._write(free, 0, 0)

    # -- the header ---------------------------------------------------------------------------

    def _finish(self, at_meta: int, length: int) -> None:
        fields = list(layout.HEADER.unpack_from(self._old.buffer))
        fields[3:5] = self._out.size, self._part.serial
        fields[8:10] = self._names, self._entries[self._old.apex]
        fields[16:18] = at_meta, length
        fields[20] = self._depth
        self._out.put(0, layout.HEADER.pack(*fields))
        checksum = self._out.checksum(layout.CHECKSUM_END)
        fields[2] = checksum
        self._out.put(0, layout.HEADER.pack(*fields))
