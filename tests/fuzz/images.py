"""Fuzz target: damaged images. Found by their checksum; served all the same, they do no harm."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile

from dnsd import hotpath
from dnsd.errors import ImageError
from dnsd.hotpath import Client, Settings, Transport
from dnsd.image import layout, store
from dnsd.image.store import Image
from dnsd.metrics import counters
from tests.fuzz import pooled, zones

CLIENTS = (Client(Transport.UDP, "192.0.2.1"), Client(Transport.TCP, "2001:db8::1"))
HEADER = layout.HEADER.size
EDIT = 6
STEP = 5
"""Not every question is put to every image: many damaged images are better."""


def fuzz_one(data: bytes) -> None:
    """The first octet picks image and words; then six octets each: kind, place (3), value (2)."""
    if not data:
        return
    number = data[0] % len(_kinds())
    whole = _kinds()[number]
    octets = bytearray(whole)
    for at in range(1, len(data) - EDIT + 1, EDIT):
        _edit(octets, data[at : at + EDIT])
    with NamedTemporaryFile() as file:
        file.write(octets)
        file.flush()
        try:
            store.verify(Path(file.name))
        except ImageError:
            assert octets != whole
        else:
            assert octets == whole, "damage was not found"
    _serve(number, bytes(octets), data[0] // len(_kinds()))


@cache
def _kinds() -> list[bytes]:
    """The octets of all images: those of :mod:`zones`, then those with pools."""
    return [*zones.images().values(), *(one.octets for one in pooled.images().values())]


def _edit(octets: bytearray, edit: bytes) -> None:
    place = int.from_bytes(edit[1:4], "little") % max(1, len(octets))
    if edit[0] % 4 == 0:
        del octets[place:]
        # as whole as its header says, so that it is not refused for that
        octets[16:24] = len(octets).to_bytes(8, "little")
    else:
        width = edit[0] % 4
        octets[place : place + width] = (edit[4:6] + b"\xff")[:width]


def _serve(number: int, octets: bytes, seed: int) -> None:
    path = hotpath.make(Settings(), counters.fresh())
    plain = list(zones.images())
    asked = zones.questions()[::STEP]
    try:
        if number < len(plain):
            path.put_zone(zones.apex(plain[number]), Image(octets))
        else:
            one = list(pooled.images().values())[number - len(plain)]
            path.put_zone(zones.apex("nsec"), Image(octets), one.cells(seed))
            asked = pooled.questions()
    except (ImageError, ValueError):  # ValueError: it needs more cells than there are
        return
    for client in CLIENTS:
        for question in asked:
            path.answer(question, 0.0, client)


def seeds() -> list[bytes]:
    """Where a search begins: every field of the headers, places behind them, lying pieces."""
    found = []
    for kind, octets in enumerate(_kinds()):
        places = [*range(16, HEADER, 2), *range(HEADER, len(octets), len(octets) // 50)]
        found += [bytes((kind,)) + _at(place, 1 + place % 3, 0x7FFF) for place in places]
        found += [bytes((kind,)) + _at(place, 0, 0) for place in places]
        found += [bytes((kind,)) + _lie(piece) for piece in _pieces(octets)]
    plain = len(zones.images())
    for kind, octets in enumerate(_kinds()[plain:], plain):
        every = (bytes((first,)) for first in range(kind, 256, len(_kinds())))
        found += [first + _at(len(octets) - 1, 1, octets[-1]) for first in every]
    return found


def _at(place: int, kind: int, value: int) -> bytes:
    return bytes((kind,)) + place.to_bytes(3, "little") + value.to_bytes(2, "little")


def _lie(block: int) -> bytes:
    """A mandatory part far longer than the longest form, which is empty."""
    length, optional, longest = block + 8, block + 13, block + layout.BLOCK.size
    return _at(length, 2, 0x7FFF) + _at(optional, 1, 1) + _at(longest, 2, 0)


def _pieces(octets: bytes) -> list[int]:
    """The pieces of the denial chain."""
    image = Image(octets)
    start, step = image.denial_index + 4, layout.NSEC_REFS.size
    if image.denial == layout.NSEC3_CHAIN:
        start, step = image.denial_index + layout.HASH_SIZE * image.denial_count, layout.REF.size
    refs = (layout.REF.unpack_from(octets, start + step * n) for n in range(image.denial_count))
    return [layout.ALIGN * ref for (ref,) in refs]
