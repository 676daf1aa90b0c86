"""A long run of octets with a few changes, and more behind it; the run itself is never copied."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.image.store import Buffer


class ChangedOctets:
    """``old`` with changes; what is added begins at a multiple of ``align``.

    ``begins`` is where the octets ``more`` stand, which were added.
    """

    def __init__(self, old: Buffer, align: int) -> None:
        self._old = old
        self._align = align
        self._changes: dict[int, bytes] = {}
        self.begins = len(old) + -len(old) % align
        self.more = bytearray()

    @property
    def size(self) -> int:
        """How many octets there are."""
        return self.begins + len(self.more)

    def put(self, at: int, octets: bytes) -> None:
        """Change what stands ``at`` an offset of ``old``.

        What was changed before is changed again as a whole, or left alone.
        """
        self._changes[at] = octets

    def octets(self, at: int, size: int) -> bytes:
        """Return what stands ``at`` an offset of ``old``, as it was put, or as it was."""
        found = self._changes.get(at)
        return bytes(self._old[at : at + size]) if found is None else found

    def add(self, octets: bytes) -> int:
        """Put ``octets`` behind all others and return their offset."""
        self.more += bytes(-len(self.more) % self._align)
        at = self.size
        self.more += octets
        return at

    def changes(self) -> Iterator[tuple[int, bytes | bytearray]]:
        """Yield what a copy of ``old`` is to be overwritten with, by offset, and continued with."""
        yield from sorted(self._changes.items())
        yield self.begins, self.more

    def checksum(self, start: int) -> int:
        """Return the CRC-32 of all octets from the offset ``start`` on."""
        found, at = 0, start
        with memoryview(self._old) as old:
            for place, octets in self.changes():
                if place + len(octets) <= start:
                    continue
                found = zlib.crc32(old[at:place], found)
                found = zlib.crc32(bytes(max(0, place - max(at, len(old)))), found)
                found = zlib.crc32(octets[max(0, start - place) :], found)
                at = place + len(octets)
        return found

    def joined(self) -> bytearray:
        """Return a copy of all octets."""
        out = bytearray(self._old)
        out += bytes(self.size - len(out))
        for at, octets in self.changes():
            out[at : at + len(octets)] = octets
        return out
