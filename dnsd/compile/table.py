"""The two bulky parts of an image: plain names in great number, and the hash table over all names.

Uses the native module where it was built; without it there are no plain names to write, and the
hash table is made in Python.
"""

from __future__ import annotations

from hashlib import blake2b
from importlib import import_module
from typing import TYPE_CHECKING

from dnsd.image import layout
from dnsd.wire.siphash import siphash13

_emit: ModuleType | None
try:
    _emit = import_module("dnsd.compile._emit")
except ImportError:
    _emit = None

if TYPE_CHECKING:
    from array import array
    from types import ModuleType

    from dnsd.zone.bulk import Bulk


def add_names(out: bytearray, bulk: Bulk, wildcards: dict[bytes, int], refs: array[int]) -> int:
    """Append entries and blocks of the names in ``bulk``; return the most labels one has.

    ``wildcards`` maps a name to the ref of what its wildcard gives. ``refs`` grows by the ref of
    each entry.
    """
    assert _emit is not None, "a zone has such names only where the native modules are"
    deepest: int = _emit.emit(out, bulk, wildcards, refs)
    return deepest


def add_table(out: bytearray, refs: array[int], key: bytes) -> tuple[int, int, bytes]:
    """Append the hash table of the entries at ``refs``; return its ref, its mask and its key.

    That is ``key``, or one made from it when names would be further from their place under it
    than MAX_PROBES.
    """
    size = 1 << (2 * len(refs) - 1).bit_length()
    out += bytes(-len(out) % layout.ALIGN)
    start = len(out)
    out += bytes(size * layout.SLOT_HASH.size)
    fill = _emit.fill if _emit is not None else _fill
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
    pack_into = layout.SLOT_HASH.pack_into
    for place, slot in enumerate(places):
        pack_into(out, start + place * layout.SLOT_HASH.size, *slot)
    return True
