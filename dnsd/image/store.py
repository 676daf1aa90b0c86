"""Image files: saved whole or not at all, opened only when they hold together.

Knows the file and its header; what the parts mean is the hot path's business.
"""

from __future__ import annotations

import mmap
import os
import zlib
from typing import TYPE_CHECKING

from dnsd.errors import ImageError
from dnsd.image import layout
from dnsd.process import durablefile
from dnsd.wire import name as names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Buffer = bytes | bytearray | mmap.mmap | memoryview


UNMAPPED_AT_ONCE = 1 << 24
"""Octets of a mapping whose pages are given back in one step: a fraction of a millisecond."""

MAPPED_FROM = 1 << 14
"""Octets from which an image is mapped, one copy for all workers, and not read."""

_CHUNK = 1 << 20


def save(path: Path, *parts: bytes | bytearray) -> None:
    """Write ``parts``, one after the other, to ``path``: complete, or not there at all.

    It is not synced: what a power cut leaves behind is found out by its checksum, and made again
    from the zone file. Waiting for the disk would take longer than everything else.
    """
    try:
        durablefile.put(path, *parts)
    except OSError as error:
        sentence = f"cannot write the image {path}: {error.strerror}"
        raise ImageError(sentence, error.errno or 0) from error


def parted(image: bytes | bytearray) -> tuple[bytearray, bytes]:
    """Return ``image`` without its metadata, and these with their checksum.

    The first part is an image again when :func:`place_meta` has said where the other one is.
    """
    at, length = layout.META.unpack_from(image, layout.META_AT)
    start = at * layout.ALIGN
    meta = bytes(image[start : start + length])
    front = bytearray(image[:start])
    front[layout.CHECKSUM_END : layout.SIZE_END] = len(front).to_bytes(8, "little")
    return front, meta + zlib.crc32(meta).to_bytes(4, "little")


def place_meta(front: bytearray, distance: int) -> None:
    """Say in ``front``, an image without its metadata, how far from its beginning these begin."""
    layout.META.pack_into(
        front,
        layout.META_AT,
        distance // layout.ALIGN,
        layout.META.unpack_from(front, layout.META_AT)[1],
    )
    front[layout.CHECKSUM_END - 4 : layout.CHECKSUM_END] = checksum(front).to_bytes(4, "little")


def checksum(image: Buffer) -> int:
    """Return the CRC-32 that belongs into the header of ``image``."""
    with memoryview(image) as view:
        return zlib.crc32(view[layout.CHECKSUM_END :])


def verify(path: Path) -> None:
    """Read all of ``path`` and raise ImageError unless header and checksum fit.

    It is read and not mapped: what a disk cannot read is an error then, and no signal.
    """
    image = Image.open(path)
    image.close()
    found = 0
    try:
        with path.open("rb") as file:
            file.seek(layout.CHECKSUM_END)
            while chunk := file.read(_CHUNK):
                found = zlib.crc32(chunk, found)
    except OSError as error:
        raise unreadable(path, error) from error
    if found != image.checksum:
        raise damaged(path)


def damaged(name: object) -> ImageError:
    """Return the error about an image whose checksum does not match."""
    return ImageError(f"the image {name} is damaged (its checksum does not match)")


def unreadable(path: Path, error: OSError) -> ImageError:
    """Return the error about a file that the system does not let this process read."""
    return ImageError(f"cannot read the image {path}: {error.strerror}", error.errno or 0)


class Image:
    """One zone's finished answers, mapped into memory and immutable.

    The attributes are the header's fields (see :mod:`dnsd.image.layout`), refs turned into
    byte offsets. ImageError when the buffer is no image or not whole. In a pack the metadata stand
    behind the buffer, within ``room`` octets from its beginning.
    """

    def __init__(self, buffer: Buffer, name: str = "<memory>", room: int = 0) -> None:
        self.buffer = buffer
        if len(buffer) < layout.HEADER.size or buffer[: len(layout.MAGIC)] != layout.MAGIC:
            raise ImageError(f"{name} is not an image")
        (
            _,
            version,
            self.checksum,
            size,
            self.serial,
            self.denial,
            table,
            self.mask,
            self.names,
            apex,
            *defaults,
            denial_index,
            self.denial_count,
            meta,
            meta_length,
            self.iterations,
            salt_length,
            self.depth,
            salt,
            self.apex_labels,
            apex_length,
            self.cells,
            self.key,
        ) = layout.HEADER.unpack_from(buffer)
        if version != layout.VERSION:
            raise ImageError(f"{name} has layout version {version}, not {layout.VERSION}")
        if size != len(buffer):
            raise ImageError(f"{name} is not whole ({len(buffer)} of {size} octets)")
        self.table, self.apex_entry = table * layout.ALIGN, apex * layout.ALIGN
        self.nodata = (defaults[0] * layout.ALIGN, defaults[1] * layout.ALIGN)
        self.nxdomain = (defaults[2] * layout.ALIGN, defaults[3] * layout.ALIGN)
        self.denial_index = denial_index * layout.ALIGN
        self._meta = slice(meta * layout.ALIGN, meta * layout.ALIGN + meta_length)
        salt_span = slice(salt * layout.ALIGN, salt * layout.ALIGN + salt_length)
        room = max(size, room)
        if not self._fits() or max(salt_span.stop, *self._ends()) > size or self._meta.stop > room:
            raise ImageError(f"{name} is damaged (its header is inconsistent)")
        self.salt = bytes(buffer[salt_span])
        self.apex = self.entry_name(self.apex_entry)
        if len(self.apex) != apex_length:
            raise ImageError(f"{name} is damaged (its apex does not match)")

    @property
    def is_meta_apart(self) -> bool:
        """Whether the metadata are not in the buffer, but behind it: see :meth:`meta_apart`."""
        start: int = self._meta.start
        return start >= len(self.buffer) and start != self._meta.stop

    @property
    def meta(self) -> bytes:
        """What the builder of the image has put into it; workers have no use for it."""
        return bytes(self.buffer[self._meta])

    def meta_apart(self, buffer: Buffer, at: int) -> bytes:
        """Return the metadata out of ``buffer``, in which the image begins ``at`` there."""
        start, stop = at + self._meta.start, at + self._meta.stop
        meta = bytes(buffer[start:stop])
        if zlib.crc32(meta).to_bytes(4, "little") != bytes(buffer[stop : stop + 4]):
            raise ImageError("what an image was made from is damaged")
        return meta

    def _ends(self) -> tuple[int, ...]:
        """Return where the parts that every query may need end."""
        proof = (0, layout.NSEC_REFS.size, layout.HASH_SIZE + layout.REF.size)[self.denial]
        return (
            self.table + (self.mask + 1) * layout.PLACE.size,
            self.apex_entry + layout.ENTRY.size,
            *(default + layout.BLOCK.size for default in (*self.nodata, *self.nxdomain)),
            self.denial_index + self.denial_count * proof,
        )

    def _fits(self) -> bool:
        """Tell whether the header's fields fit each other; searches end then, come what may."""
        return (
            self.names <= self.mask
            and self.mask & (self.mask + 1) == 0
            and self.apex_labels <= self.depth <= names.MAX_LABELS
            and self.denial in (layout.NO_DENIAL, layout.NSEC_CHAIN, layout.NSEC3_CHAIN)
            and (self.denial == layout.NO_DENIAL) == (self.denial_count == 0)
        )

    @classmethod
    def open(cls, path: Path) -> Image:
        """Map the image file at ``path``; its checksum is not read (see :func:`verify`).

        A small one is read instead, and its checksum too: each mapping holds a file descriptor,
        and a node may have ten thousand zones (those built together are in packs).
        """
        buffer: Buffer
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < MAPPED_FROM:
                    buffer = file.read()
                else:
                    buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise unreadable(path, error) from error
        except ValueError as error:  # it has become empty a moment ago
            raise ImageError(f"{path} is not whole: {error}") from error
        return cls.within(buffer, str(path))

    @classmethod
    def within(cls, buffer: Buffer, name: str, room: int = 0) -> Image:
        """Return the image in ``buffer``, which is closed if it holds none: then ImageError."""
        try:
            image = cls(buffer, name, room)
            if isinstance(buffer, bytes) and checksum(buffer) != image.checksum:
                raise damaged(name)
            return image
        except ImageError:
            if isinstance(buffer, mmap.mmap):
                buffer.close()
            elif isinstance(buffer, memoryview):
                buffer.release()
            raise

    def closing(self) -> Iterator[None]:
        """Unmap the file, step by step; the image must not be used afterwards.

        To unmap gigabytes at once takes the kernel many milliseconds. BufferError at the end if
        something still refers to it: then it is still mapped and whole.
        """
        if isinstance(self.buffer, mmap.mmap):
            for at in range(0, len(self.buffer), UNMAPPED_AT_ONCE):
                length = min(UNMAPPED_AT_ONCE, len(self.buffer) - at)
                self.buffer.madvise(mmap.MADV_DONTNEED, at, length)
                yield
            self.buffer.close()
        elif isinstance(self.buffer, memoryview):
            self.buffer.release()

    def close(self) -> None:
        """Unmap the file at once; see :meth:`closing`."""
        for _ in self.closing():
            pass

    def entry_name(self, entry: int) -> bytes:
        """Return the lower-case name of the entry at offset ``entry``."""
        return layout.entry_name(self.buffer, entry)
