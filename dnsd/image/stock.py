"""Where the images of a node are: files in a directory; in memory, those that the disk refused.

An image has a name, and where it is stands in that: ``NAME`` is a file, ``NAME@AT+SIZE`` a region
of the shared memory. A file outlives the node and is used again; memory is what answering needs.
"""

from __future__ import annotations

import errno
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.errors import ImageError
from dnsd.image import store
from dnsd.image.memory import Memory, Region
from dnsd.image.store import Image
from dnsd.process import descriptors

if TYPE_CHECKING:
    from pathlib import Path

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


class Stock:
    """The images in ``directory`` and ``memory``; without memory, what the disk refuses is lost."""

    def __init__(self, directory: Path, memory: Memory | None = None) -> None:
        self.directory = directory
        self.memory = memory

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

    def open(self, name: str) -> Image:
        """Return the image ``name``; its checksum is not read. ImageError if it can't be had."""
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

    def remove(self, name: str) -> None:
        """Remove the image ``name``; what cannot be removed costs room, nothing else."""
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
            if region_of(name) is None:
                store.verify(self.directory / name)
            else:
                image = self.open(name)
                intact = store.checksum(image.buffer) == image.checksum
                image.close()
                return "" if intact else f"the image {name} is damaged"
        except ImageError as error:
            return "" if error.errno in _OWN_TROUBLE else str(error)
        return ""

    def files(self) -> list[str]:
        """Return the names of all files; none, if the directory cannot be read."""
        try:
            return [path.name for path in self.directory.iterdir()]
        except OSError:
            return []
