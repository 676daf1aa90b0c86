"""Follows what control publishes: from the journal's entries to the hot path's zones.

Knows the state vector, the journal and image files; nothing of sockets. If a thousand zones change
at once, they are put in place a few at a time, so that queries are answered in between: the work is
one iterator of small steps, taken while a turn has time.
"""

from __future__ import annotations

import errno
import time
from typing import TYPE_CHECKING, NamedTuple

from dnsd.errors import ImageError, StateError
from dnsd.image.journal import JournalReader, Placed, Put, Unanswered
from dnsd.image.selection import Cells
from dnsd.image.state import ControlCells, WorkerCells
from dnsd.process import log
from dnsd.serve.missing import MissingImages
from dnsd.serve.turn import FOLLOW_S

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from dnsd.hotpath.api import HotPath
    from dnsd.image.journal import Entry
    from dnsd.image.stock import Stock
    from dnsd.image.store import Image


class Seat(NamedTuple):
    """The part of the state vector that a worker follows; ``cells`` are those of all pools.

    ``gaps`` is the page in which it reports what it does not serve.
    """

    control: memoryview
    head: memoryview
    cells: Cells
    gaps: memoryview


class Follower:
    """Keeps ``hotpath`` at the generation that control has published.

    The images are in ``stock``, ``journal`` is a descriptor. ``later`` runs a function in the next
    turn of the loop. ``on_current`` is called when everything possible of a generation is in place.
    What fails is reported to control and tried again; until it succeeds, the generation does not
    count as served.
    """

    def __init__(
        self,
        stock: Stock,
        journal: int,
        seat: Seat,
        hotpath: HotPath,
        later: Callable[[Callable[[], None]], object],
        on_current: Callable[[], None],
    ) -> None:
        self._stock = stock
        self._journal = JournalReader(journal)
        self._control, self._head, self._cells = seat[:3]
        self._hotpath = hotpath
        self._later = later
        self._on_current = on_current
        self._images: dict[bytes, Image] = {}
        self._replaced: list[Image] = []
        self._steps: Iterator[None] | None = None
        self._missing = MissingImages(seat.gaps)
        self._epoch = 0
        self._generation = 0
        self._fault = ""

    def beat(self) -> None:
        """Check whether control has published something; to be called regularly."""
        if self._steps is None:
            self._steps = self._catch_up()
            self._go_on()

    def _go_on(self) -> None:
        """Take the next steps, as many as a turn has time for."""
        steps, self._steps = self._steps, None
        assert steps is not None
        until = time.monotonic() + FOLLOW_S
        for _ in steps:
            if time.monotonic() >= until:
                self._steps = steps
                self._later(self._go_on)
                break

    @property
    def is_starved(self) -> bool:
        """Whether an image cannot be opened because this process has too many descriptors."""
        return self._missing.is_for(errno.EMFILE)

    def _catch_up(self) -> Iterator[None]:
        # Control writes in the opposite order: a generation that is seen here is never
        # newer than the journal that is read for it.
        generation = self._control[ControlCells.GENERATION]
        epoch = self._control[ControlCells.EPOCH]
        news: Sequence[Entry] | None = None
        if (epoch, generation) != (self._epoch, self._generation):
            news = yield from self._read(epoch)
        if news is not None:
            self._epoch, self._generation = epoch, generation
            yield from self._put_all(news)
        elif again := self._missing.again(time.monotonic()):
            yield from self._put_all(again)

    def _read(self, epoch: int) -> Generator[None, None, list[Entry] | None]:
        """Return what is new in the journal of ``epoch``; None if it cannot be read now."""
        end = self._control[ControlCells.JOURNAL]
        try:
            found = yield from self._journal.reading(epoch, end)
        except StateError as error:
            # The next lines make no sense without those that are missing, so it is read again;
            # what helps if it is damaged is a new epoch, which control begins. If it has begun
            # one meanwhile, this one may be forgotten.
            if self._control[ControlCells.EPOCH] == epoch:
                self._complain(error)
            return None
        self._fault = ""
        self._missing.journal_is_read()
        return found

    def _complain(self, error: StateError) -> None:
        """Report ``error`` to control, and log it once, however often it occurs."""
        self._missing.journal_is_unreadable(error.errno, time.monotonic())
        self._missing.tell()
        if str(error) != self._fault:
            told = f"{error}; still serving the last data, trying again"
            log.say("journal-unreadable", told)
        self._fault = str(error)

    def _put_all(self, entries: Iterable[Entry]) -> Iterator[None]:
        """Put zones in place, one in each step, and show the progress."""
        for entry in entries:
            self._put(entry)
            yield
        yield from self._close_replaced()
        self._acknowledge()

    def _acknowledge(self) -> None:
        # In this order: a reader that sees the generation sees what is missing of it, too.
        self._missing.tell()
        if not self._missing:
            self._head[WorkerCells.GENERATION] = self._generation
        news = self._head[WorkerCells.READ] != self._generation
        self._head[WorkerCells.READ] = self._generation
        if news:
            self._on_current()

    def _put(self, entry: Entry) -> None:
        if isinstance(entry, Put) and isinstance(entry.placed, Placed):
            if not self._put_image(entry, entry.placed):
                return
        elif isinstance(entry, Put) and entry.placed is Unanswered.EXPIRED:
            self._hotpath.expire_zone(entry.apex)
            self._keep(entry.apex, None)
        elif isinstance(entry, Put):
            self._hotpath.put_zone(entry.apex, None)
            self._keep(entry.apex, None)
        else:
            self._hotpath.drop_zone(entry.apex)
            self._keep(entry.apex, None)
        self._missing.has(entry.apex)

    def _put_image(self, put: Put, placed: Placed) -> bool:
        """Serve the zone from ``placed``; False if that fails for now."""
        try:
            image = self._stock.open(placed.image)
            if image.apex != put.apex:
                image.close()
                raise ImageError(f"the image {placed.image} is of another zone")
        except ImageError as error:
            self._do_without(put, error)
            return False
        place = slice(placed.cell, placed.cell + image.cells)
        cells = Cells(*(all_cells[place] for all_cells in self._cells)) if image.cells else None
        self._hotpath.put_zone(put.apex, image, cells)
        self._keep(put.apex, image)
        return True

    def _do_without(self, put: Put, error: ImageError) -> None:
        """Leave the zone as it was; one that is new is answered with SERVFAIL."""
        stale = put.apex in self._images
        if self._missing.lacks(put, error.errno, time.monotonic(), stale=stale):
            told = f"{error}; still serving the zone's last data, trying again"
            log.say("image-unreadable", told)
        if not stale:
            self._hotpath.put_zone(put.apex, None)

    def _keep(self, apex: bytes, image: Image | None) -> None:
        """Remember ``image`` for ``apex``, and that the one it replaces is to be closed."""
        replaced = self._images.pop(apex, None)
        if replaced is not None:
            self._replaced.append(replaced)
        if image is not None:
            self._images[apex] = image

    def _close_replaced(self) -> Iterator[None]:
        """Close the images that are not served any more and not referred to."""
        still_used = []
        for image in self._replaced:
            try:
                yield from image.closing()
            except BufferError:
                still_used.append(image)
            yield
        self._replaced = still_used
