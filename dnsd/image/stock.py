"""Where the images of a node are: files in a directory; in memory, those that the disk refused.

Many small ones share a file, a pack (see :mod:`dnsd.image.pack`).

An image has a name, and where it is stands in that: ``NAME`` is a file, ``NAME#AT+SIZE`` a part
of a pack, ``NAME@AT+SIZE`` a region of the shared memory. A file outlives the node and is used
again; memory is what answering needs.
"""

from __future__ import annotations

import errno
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from dnsd.errors import ImageError
from dnsd.image import pack, store
from dnsd.image.memory import Memory, Region
from dnsd.image.store import Image
from dnsd.process import descriptors, durablefile

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dnsd.image.changed import ChangedOctets
    from dnsd.image.store import Buffer

_OWN_TROUBLE = descriptors.WANT | {errno.EACCES}
"""Errors that say something about the process and not about the image."""

_IN_MEMORY = re.compile(r"(.+)@(\d+)\+(\d+)")


def region_of(name: str) -> Region | None:
    """Return where in memory the image ``name`` is, None if it is a file."""
    found = _IN_MEMORY.fullmatch(name)
    return found and Region(int(found[2]), int(found[3]))


def file_name(name: str) -> str:
    """Return what the image ``name`` is called, or would be, as a file."""
    found = _IN_MEMORY.fullmatch(name)
    return found[1] if found else name


def file_of(name: str) -> str:
    """Return which file the image ``name`` is in, or is; empty if it is in memory.

    Of a hundred thousand names, once a second: so it looks for no more than it needs.
    """
    file, mark, _ = name.rpartition("#")
    if mark:
        return file
    return "" if "@" in name and region_of(name) else name


class Stock:
    """The images in ``directory`` and ``memory``; without memory, what the disk refuses is lost."""

    def __init__(self, directory: Path, memory: Memory | None = None) -> None:
        self.directory = directory
        self.memory = memory
        # A pack is mapped once, for as long as one of its images is in use.
        self._mapped: WeakValueDictionary[str, mmap.mmap] = WeakValueDictionary()
        self._held: dict[str, mmap.mmap] | None = None
        self._living: dict[str, set[str]] = {}

    def save(self, name: str, image: bytes | bytearray) -> str:
        """Save ``image`` as ``name``, whole or not at all; return the name it has then.

        ImageError if neither the disk nor the memory takes it.
        """
        try:
            store.save(self.directory / name, image)
        except ImageError as error:
            if self.memory is None:
                raise
            try:
                region = self.memory.put(image)
            except OSError as why:
                sentence = f"{error}; nor is there memory for it: {why.strerror}"
                raise ImageError(sentence, why.errno or 0) from why
            return f"{name}@{region.at}+{region.size}"
        return name

    def save_changed(self, name: str, before: str, changed: ChangedOctets) -> str:
        """Save as ``name`` what the image ``before`` is ``changed`` into, as :meth:`save`."""
        if file_of(before) == before:
            with suppress(OSError):
                path = self.directory / before
                durablefile.put_changed(self.directory / name, path, changed.changes())
                return name
        return self.save(name, changed.joined())

    def save_pack(self, name: str, images: Mapping[str, bytes | bytearray]) -> dict[str, str]:
        """Save ``images`` as the pack ``name``, all or none; return their names by key.

        ImageError if the disk refuses it.
        """
        parts = {
            key: pack.Part(*store.parted(image), store.place_meta) for key, image in images.items()
        }
        return pack.save(self.directory / name, parts)

    def path(self, name: str) -> Path:
        """Return the file in which the image ``name`` is, or would be."""
        where = pack.packed(name)
        return self.directory / (where.pack if where else file_name(name))

    def open(self, name: str) -> Image:
        """Return the image ``name``; its checksum is not read. ImageError if it can't be had."""
        if where := pack.packed(name):
            return self._open_packed(where)
        region = region_of(name)
        if region is None:
            return Image.open(self.directory / name)
        if self.memory is None:
            raise ImageError(f"the image {name} is in the memory of another process")
        buffer: Buffer
        try:
            if region.size < store.MAPPED_FROM:
                buffer = self.memory.read(region)
            else:
                buffer = self.memory.view(region)
        except OSError as error:
            sentence = f"cannot map the image {name}: {error.strerror}"
            raise ImageError(sentence, error.errno or 0) from error
        except ValueError as error:
            raise ImageError(f"the image {name} is not whole: {error}") from error
        return Image.within(buffer, name)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep packs mapped to the end: very many images are opened, one after the other."""
        self._held = {}
        try:
            yield
        finally:
            self._held = None

    def _open_packed(self, where: pack.Packed) -> Image:
        mapped = self._mapped.get(where.pack)
        if mapped is None:
            mapped = self._mapped[where.pack] = pack.view(self.directory / where.pack)
        if (held := self._held) is not None:
            held[where.pack] = mapped
        octets = memoryview(mapped)[where.at : where.at + where.size]
        return Image.within(octets, where.name, len(mapped) - where.at)

    def meta(self, name: str) -> bytes:
        """Return what the builder of the image ``name`` has put into it. ImageError as for open."""
        image = self.open(name)
        try:
            if not image.is_meta_apart:
                return image.meta
            where = pack.packed(name)
            if where is None:
                raise ImageError(f"the image {name} is not whole")
            return image.meta_apart(self._mapped[where.pack], where.at)
        finally:
            image.close()

    def remove(self, name: str) -> None:
        """Remove the image ``name``; what cannot be removed costs room, nothing else.

        A pack goes with the last of its images.
        """
        if where := pack.packed(name):
            self._remove_packed(where)
            return
        region = region_of(name)
        with suppress(OSError):
            if region is None:
                (self.directory / name).unlink()
            elif self.memory is not None:
                self.memory.free(region)

    def fault(self, name: str) -> str:
        """Return what is wrong with the image ``name``, having read all of it; or nothing.

        That this process cannot read it just now is no fault of the image.
        """
        try:
            self.verify(name)
        except ImageError as error:
            return "" if error.errno in _OWN_TROUBLE else str(error)
        return ""

    def verify(self, name: str) -> None:
        """Read all of the image ``name``; ImageError unless it is whole and its checksum fits."""
        if where := pack.packed(name):
            path = self.directory / where.pack
            Image.within(pack.read(path, where), name, pack.room(path, where))
        elif region_of(name) is None:
            store.verify(self.directory / name)
        else:
            self._verify_in_memory(name)

    def _verify_in_memory(self, name: str) -> None:
        image = self.open(name)
        intact = store.checksum(image.buffer) == image.checksum
        image.close()
        if not intact:
            raise ImageError(f"the image {name} is damaged")

    def _remove_packed(self, where: pack.Packed) -> None:
        try:
            living = self._living_in(where.pack)
        except ImageError as error:
            if error.errno:
                return  # the next start clears it away
            living = set()  # it is damaged: all that is in it is built again
        living.discard(where.name)
        with suppress(OSError):
            if living:
                pack.strike_out(self.directory / where.pack, where)
            else:
                self._living.pop(where.pack, None)
                (self.directory / where.pack).unlink()

    def _living_in(self, name: str) -> set[str]:
        """Return the images in the pack ``name`` that have not been removed."""
        if name not in self._living:
            self._living[name] = {one.name for one in self.index(name).values()}
        return self._living[name]

    def files(self) -> list[str]:
        """Return the names of all files; none, if the directory cannot be read."""
        try:
            return [path.name for path in self.directory.iterdir()]
        except OSError:
            return []

    def index(self, name: str) -> dict[str, pack.Packed]:
        """Return what is in the pack ``name``, by key; ImageError if it is none, or damaged."""
        if not name.startswith(pack.PREFIX):
            raise ImageError(f"{name} is not a pack of images")

        return pack.index(self.directory / name)

    def names(self) -> Iterator[str]:
        """Yield the names of all images that are files or in packs, and of what else is there.

        A pack that cannot be read just now is left out: what is in it may be served.
        """
        for name in self.files():
            try:
                yield from [one.name for one in self.index(name).values()] or [name]
            except ImageError as error:
                if not error.errno:
                    yield name
