"""The two bulky parts of an image: plain names in great number, and the hash table over all names.

Uses the native module where it was built; without it there are no plain names to write, and the
hash table is made in Python.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from dnsd.image import layout

_emit: ModuleType | None
try:
    _emit = import_module("dnsd.compile._emit")
except ImportError:
    _emit = None

if TYPE_CHECKING:
    from array import array
    from types import ModuleType

    from dnsd.zone.bulk import Bulk


def add_names(out: bytearray, bulk: Bulk, wildcards: dict[bytes, int], slots: array[int]) -> int:
    """Append entries and blocks of the names in ``bulk``; return the most labels one has.

    ``wildcards`` maps a name to the ref of what its wildcard gives. ``slots`` grows by
    (crc32 of the name | ref << 32) for each name.
    """
    assert _emit is not None, "a zone has such names only where the native modules are"
    deepest: int = _emit.emit(out, bulk, wildcards, slots)
    return deepest


def add_table(out: bytearray, slots: array[int]) -> tuple[int, int]:
    """Append the hash table of ``slots``; return its ref and its mask."""
    if _emit is None:
        return _add_table(out, slots)
    place: tuple[int, int] = _emit.table(out, slots)
    return place


def _add_table(out: bytearray, slots: array[int]) -> tuple[int, int]:
    size = 1 << (2 * len(slots) - 1).bit_length()
    places = [0] * size
    for slot in slots:
        place = slot & (size - 1)
        while places[place]:
            place = place + 1 & (size - 1)
        places[place] = slot
    out += bytes(-len(out) % layout.ALIGN)
    ref = len(out) // layout.ALIGN
    for slot in places:
        out += layout.SLOT_HASH.pack(slot & 0xFFFFFFFF, slot >> 32)
    return ref, size - 1
