"""Follows what control publishes: from the journal's entries to the hot path's zones.

Knows the state vector, the journal and image files; nothing of sockets. A thousand zones
that change at once are put in place a few at a time, so that queries are answered between.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from dnsd.errors import ImageError, StateError
from dnsd.image.journal import IMAGES, JournalReader, Put
from dnsd.image.pools import Cells
from dnsd.image.state import ControlCells, WorkerCells
from dnsd.image.store import Image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dnsd.hotpath.api import HotPath
    from dnsd.image.journal import Entry, Placed

SLICE = 0.002
"""Seconds of one turn that putting zones in place may take."""

_log = logging.getLogger(__name__)


class Seat(NamedTuple):
    """What of the state vector a worker follows: ``cells`` are those of all pools there are."""

    control: memoryview
    head: memoryview
    cells: Cells


class Follower:
    """Keeps ``hotpath`` at the generation that control has published.

    ``later`` runs a function in the next turn of the loop. ``on_current`` is called after each
    generation that has been put in place whole.
    """

    def __init__(
        self,
        directory: Path,
        seat: Seat,
        hotpath: HotPath,
        later: Callable[[Callable[[], None]], object],
        on_current: Callable[[], None],
    ) -> None:
        self._images_at = directory / IMAGES
        self._journal = JournalReader(directory)
        self._control, self._head, self._cells = seat
        self._hotpath = hotpath
        self._later = later
        self._on_current = on_current
        self._images: dict[bytes, Image] = {}
        self._replaced: list[Image] = []
        self._waiting: deque[Entry] = deque()
        self._epoch = 0
        self._generation = 0
        self._damaged = 0
        self._fault = ""

    def beat(self) -> None:
        """See whether control has published something; to be called every now and then."""
        # Control writes in the opposite order: a generation that is seen here is never
        # newer than the journal that is read for it.
        generation = self._control[ControlCells.GENERATION]
        epoch = self._control[ControlCells.EPOCH]
        if self._waiting or (epoch, generation) == (self._epoch, self._generation):
            return
        if epoch == self._damaged:
            return
        try:
            self._waiting.extend(self._journal.entries(epoch))
        except StateError as error:
            # Its next lines make no sense without the damaged one: only a new epoch helps.
            self._damaged = epoch
            self._complain(error)
            return
        except OSError as error:
            self._complain(error)
            return
        if self._control[ControlCells.EPOCH] != epoch:
            # The file may have gone before it was read. What was read of it stays valid.
            generation = self._generation
        self._fault = ""
        self._epoch, self._generation = epoch, generation
        self._put_some()

    def _complain(self, error: Exception) -> None:
        """Log ``error`` once, however often it is met."""
        if str(error) != self._fault:
            _log.error("%s; this worker serves what it has", error)
        self._fault = str(error)

    def _put_some(self) -> None:
        """Put zones in place for a while; acknowledge when none waits any more."""
        until = time.monotonic() + SLICE
        while self._waiting:
            self._put(self._waiting.popleft())
            if self._waiting and time.monotonic() > until:
                self._later(self._put_some)
                return
        self._close_replaced()
        self._head[WorkerCells.GENERATION] = self._generation
        if self._generation:
            self._on_current()

    def _put(self, entry: Entry) -> None:
        if not isinstance(entry, Put):
            self._hotpath.drop_zone(entry.apex)
            self._keep(entry.apex, None)
        elif entry.placed is None:
            self._hotpath.put_zone(entry.apex, None)
            self._keep(entry.apex, None)
        else:
            self._put_image(entry.apex, entry.placed)

    def _put_image(self, apex: bytes, placed: Placed) -> None:
        path = self._images_at / placed.image
        try:
            image = Image.open(path)
            if image.apex != apex:
                raise ImageError(f"the image {path} is of another zone")
        except ImageError as error:
            _log.error("%s; the zone stays as it was", error)
            if apex not in self._images:
                self._hotpath.put_zone(apex, None)
            return
        place = slice(placed.cell, placed.cell + image.cells)
        cells = Cells(*(all_cells[place] for all_cells in self._cells)) if image.cells else None
        self._hotpath.put_zone(apex, image, cells)
        self._keep(apex, image)

    def _keep(self, apex: bytes, image: Image | None) -> None:
        """Remember ``image`` for ``apex``, and to close the one it replaces."""
        replaced = self._images.pop(apex, None)
        if replaced is not None:
            self._replaced.append(replaced)
        if image is not None:
            self._images[apex] = image

    def _close_replaced(self) -> None:
        """Close the images that are not served any more and that nothing refers to."""
        still_used = []
        for image in self._replaced:
            try:
                image.close()
            except BufferError:
                still_used.append(image)
        self._replaced = still_used
