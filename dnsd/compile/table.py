"""The hash table over all names of an image, natively where that was built."""

from __future__ import annotations

from hashlib import blake2b
from importlib import import_module
from typing import TYPE_CHECKING

from dnsd.image import layout
from dnsd.wire.siphash import siphash13

_table: ModuleType | None
try:
    _table = import_module("dnsd.compile._table")
except ImportError:
    _table = None

if TYPE_CHECKING:
    from array import array
    from types import ModuleType


def add_table(out: bytearray, refs: array[int], key: bytes) -> tuple[int, int, bytes]:
    """Append the hash table of the entries at ``refs``; return its ref, its mask and its key.

    That is ``key``, or one made from it when names would be further from their place under it
    than MAX_PROBES.
    """
    size = 1 << (2 * len(refs) - 1).bit_length()
    out += bytes(-len(out) % layout.ALIGN)
    start = len(out)
    out += bytes(size * layout.PLACE.size)
    fill = _table.fill if _table is not None else _fill
    while not fill(out, start, size - 1, refs, key):
        key = blake2b(key, digest_size=layout.KEY_SIZE).digest()
    return start // layout.ALIGN, size - 1, key


def _fill(out: bytearray, start: int, mask: int, refs: array[int], key: bytes) -> bool:
    """Fill the table at ``start``; False when an entry would be too far from its place."""
    places = [(0, 0)] * (mask + 1)
    for ref in refs:
        digest = siphash13(key, layout.entry_name(out, ref * layout.ALIGN)) & 0xFFFFFFFF
        for probe in range(layout.MAX_PROBES):
            place = digest + probe & mask
            if places[place] == (0, 0):
                places[place] = digest, ref
                break
        else:
            return False
    pack_into = layout.PLACE.pack_into
    for at, (digest, ref) in enumerate(places):
        pack_into(out, start + at * layout.PLACE.size, digest, ref)
    return True
