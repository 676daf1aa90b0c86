"""Packs: one file for the images of many small zones.

    head | image | image | ... | rest | rest | ... | index

Each image begins on a boundary of ``ALIGN`` octets. Behind all of them stands what only some
readers need of each, its rest: so the others never have it in memory. The index, JSON, says where
each image is, by a key that the caller has chosen. A pack is written once, whole or not at all. An
image that is not in use any more stays until the last one is unused; its first octets are zeros
then (:func:`strike_out`), or the next start would take it for that of a zone.

``PACK#AT+SIZE`` is the name of an image in a pack. Knows nothing of what is in one.
"""

from __future__ import annotations

import mmap
import os
import re
import zlib
from struct import Struct
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec

from dnsd.errors import ImageError
from dnsd.image import store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PREFIX = "+pack."
"""How the names of packs begin, and of no other image."""

ALIGN = 64
"""A line of a processor's cache."""

MAGIC = b"dnsdpk1\n"
HEAD = Struct("<8sIIQQ")
"""Magic, count of images, CRC-32 of the index, where the index begins, its size."""

_NONE = b"\0"
"""What an image that is struck out begins with."""

_Octets = Annotated[int, msgspec.Meta(ge=0)]
_places = msgspec.json.Decoder(dict[str, tuple[_Octets, _Octets]]).decode

_IN_PACK = re.compile(r"(.+)#(\d+)\+(\d+)")


class Packed(NamedTuple):
    """An image of ``size`` octets at ``at`` in the file ``pack``."""

    pack: str
    at: int
    size: int

    @property
    def name(self) -> str:
        """What the image is called."""
        return f"{self.pack}#{self.at}+{self.size}"


def packed(name: str) -> Packed | None:
    """Return where the image ``name`` is, None if it is in no pack."""
    found = _IN_PACK.fullmatch(name)
    return found and Packed(found[1], int(found[2]), int(found[3]))


class Part(NamedTuple):
    """An image, its ``rest``, and who ``place``s that: is told how far behind the image it begins.

    The image may be changed by that, not in its length.
    """

    image: bytearray
    rest: bytes
    place: Callable[[bytearray, int], None]


def save(path: Path, images: Mapping[str, Part]) -> dict[str, str]:
    """Write ``images`` to ``path``, all or none; return their names by key. ImageError if none."""
    places: dict[str, Packed] = {}
    parts: list[bytes | bytearray] = [b""]
    end = HEAD.size
    for key, (image, _, _) in images.items():
        at = -(-end // ALIGN) * ALIGN
        places[key] = Packed(path.name, at, len(image))
        parts += [bytes(at - end), image]
        end = at + len(image)
    for key, (image, rest, place) in images.items():
        at = -(-end // ALIGN) * ALIGN
        place(image, at - places[key].at)
        parts += [bytes(at - end), rest]
        end = at + len(rest)
    index = msgspec.json.encode({key: one[1:] for key, one in places.items()})
    parts[0] = HEAD.pack(MAGIC, len(places), zlib.crc32(index), end, len(index))
    store.save(path, *parts, index)
    return {key: one.name for key, one in places.items()}


def view(path: Path) -> mmap.mmap:
    """Return the pack at ``path``, mapped; its images are not looked at."""
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise store.unreadable(path, error) from error
    except ValueError as error:
        raise ImageError(f"{path} is not whole: {error}") from error
    try:
        _head(mapped[: HEAD.size], len(mapped), path)
    except ImageError:
        mapped.close()
        raise
    return mapped


def index(path: Path) -> dict[str, Packed]:
    """Return where the images of the pack at ``path`` are, by key; without those struck out."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            _, crc, at, length = _head(file.read(HEAD.size), size, path)
            file.seek(at)
            octets = file.read(length)
            if zlib.crc32(octets) != crc:
                raise store.damaged(path)
            places = {key: Packed(path.name, *one) for key, one in _places(octets).items()}
            if any(one.at + one.size > at for one in places.values()):
                raise store.damaged(path)
            number = file.fileno()
            return {key: one for key, one in places.items() if os.pread(number, 1, one.at) != _NONE}
    except OSError as error:
        raise store.unreadable(path, error) from error
    except msgspec.DecodeError as error:
        raise store.damaged(path) from error


def strike_out(path: Path, where: Packed) -> None:
    """Strike out the unused image ``where``; OSError if that fails.

    The time of the file stays: it shows whether another program has written to the file.
    """
    with path.open("r+b", buffering=0) as file:
        status = os.fstat(file.fileno())
        os.pwrite(file.fileno(), _NONE * len(MAGIC), where.at)
        os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))


def read(path: Path, where: Packed) -> bytes:
    """Return the octets of one image: what a disk cannot read is an ImageError, and no signal."""
    try:
        with path.open("rb") as file:
            return os.pread(file.fileno(), where.size, where.at)
    except OSError as error:
        raise store.unreadable(path, error) from error


def room(path: Path, where: Packed) -> int:
    """Return how many octets there are from the beginning of an image to the end of its pack."""
    try:
        return path.stat().st_size - where.at
    except OSError as error:
        raise store.unreadable(path, error) from error


def _head(octets: bytes, size: int, path: Path) -> tuple[int, int, int, int]:
    """Return count, CRC, place and length of the index of a file of ``size`` octets."""
    if len(octets) < HEAD.size or octets[: len(MAGIC)] != MAGIC:
        raise ImageError(f"{path} is not a pack of images")
    _, count, crc, at, length = HEAD.unpack(octets)
    if at + length != size:
        raise ImageError(f"{path} is not whole ({size} of {at + length} octets)")
    return count, crc, at, length
