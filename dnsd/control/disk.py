"""Looks after what the disk has refused: the state directory, and images that are in memory.

It tries again, less and less often, and needs no restart: an image that the disk takes at last is
served from its file, like one of an earlier run. Nothing waits for it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.build import images
from dnsd.errors import ImageError, StateError
from dnsd.image import store
from dnsd.image.stock import file_name, region_of
from dnsd.process import log, statedir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from dnsd.control.zones.table import ZoneRow
    from dnsd.image.stock import Stock

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
"""Between two attempts; the second is doubled up to the first."""


class Disk:
    """The state directory ``directory``; ``rows`` are the zones, with images in ``stock``.

    ``fault`` is why it cannot be written, empty if it can; ``pause`` how many seconds to wait until
    the next :meth:`turn`.
    """

    def __init__(
        self, directory: Path, stock: Stock, rows: Callable[[], Iterable[ZoneRow]]
    ) -> None:
        self.fault = ""
        self.pause = FIRST_PAUSE_S
        self._directory = directory
        self._stock = stock
        self._rows = rows
        self._taken: set[str] = set()

    @property
    def problems(self) -> list[str]:
        """What operators should know, as sentences."""
        count = len(self._held())
        zones = "1 zone is" if count == 1 else f"{count} zones are"
        memory = f"{zones} served from memory: the disk has not accepted the image; trying again"
        return [*([self.fault] if self.fault else []), *([memory] if count else [])]

    async def turn(self) -> dict[str, str]:
        """Try again; return the images (by origin) that the disk has taken: they are files now."""
        taken: dict[str, str] = {}
        fault = await asyncio.to_thread(self._prepare)
        for origin, image in [] if fault else self._held():
            if image in self._taken:
                continue
            if fault := await asyncio.to_thread(self._copy, image):
                break
            self._taken.add(image)
            taken[origin] = file_name(image)
        if fault != self.fault:
            directory = str(self._directory)
            if fault:
                log.say("disk-refuses", fault, path=directory)
            else:
                told = f"the state directory {directory} can be written again"
                log.say("disk-writable", told, path=directory)
        self.fault = fault
        again = bool(fault) or bool(taken)
        self.pause = min(2 * self.pause, LONGEST_PAUSE_S) if again else FIRST_PAUSE_S
        return taken

    def _held(self) -> list[tuple[str, str]]:
        """Return the zones that are served from memory, with their images."""
        if self._stock.memory is None or not self._stock.memory.end:
            return []  # as a rule, and a node may have a hundred thousand zones
        images = ((row.origin, row.served.image) for row in self._rows() if row.served)
        return [(origin, image) for origin, image in images if region_of(image)]

    def _prepare(self) -> str:
        try:
            return statedir.prepare(self._directory)
        except StateError as error:
            return str(error)

    def _copy(self, image: str) -> str:
        """Write an image that is in memory to its file; return why that cannot be."""
        region = region_of(image)
        assert region is not None
        assert self._stock.memory is not None
        path = self._stock.directory / file_name(image)
        try:
            store.save(path, self._stock.memory.read(region))
            store.verify(path)  # it may have been given back meanwhile
        except ImageError as error:
            with suppress(OSError):  # a read-only disk refuses it even if there is no such file
                path.unlink()
            return str(error)
        images.seal(path)
        return ""
