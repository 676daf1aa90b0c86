"""Tells the workers which images to serve, and knows when they do.

Owns the journal and control's cells of the state vector; removes images and journals that
no worker needs any more, and knows which cells are whose. Knows nothing of zone files.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from dnsd.errors import StateError
from dnsd.image import journal
from dnsd.image.cells import CellAllocator, Range
from dnsd.image.journal import Entry, JournalReader, JournalWriter, Placed, State, apply
from dnsd.image.state import POOL_CELLS, ControlCells, WorkerCells
from dnsd.image.stock import region_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dnsd.image.state import StateVector
    from dnsd.image.stock import Stock

SLACK = 1000
"""Journal lines that may be out of date, for each one that is not, before a new epoch."""


class Publisher:
    """Publishes the state of all zones, a generation at a time, in the ``journal`` (a descriptor).

    ``published`` is what the workers have been told: the image of each zone by apex. At first
    this is what an earlier control process (of the same master) has told them. ``release`` is
    called with cells that no worker uses any more, before another image gets them.
    """

    def __init__(
        self,
        stock: Stock,
        journal: int,
        vector: StateVector,
        release: Callable[[Range], object],
    ) -> None:
        self._release = release
        self._free = CellAllocator(POOL_CELLS)
        self._cells_of: dict[str, Range] = {}
        self.stock = stock
        self._journal = journal
        self._vector = vector
        self._cells = self.cells = vector.control
        self._cells[ControlCells.PID] = os.getpid()
        self._retired: set[str] = set()
        self._retired_by = 0
        self._leftovers: list[Callable[[], None]] = []
        self._left: Callable[[], None] | None = None
        self.published: State = {}
        self._writer: JournalWriter | None = None
        # If the last state cannot be read or a new journal not be written, the workers keep
        # what they have until the first publication, which writes everything there is.
        with suppress(StateError):
            self.published = self._last_state()
            self._writer = self._new_epoch(self.published)
        self._broken = self._broken_among(self.published)

    @property
    def generation(self) -> int:
        """The number of the last generation published; 0 before the first."""
        return self._cells[ControlCells.GENERATION]

    def take_cells(self, image: str, count: int) -> int:
        """Return the first of ``count`` cells for ``image``; StateError if there are too few.

        They are its own until it is retired, or given back because it is not published.
        """
        self._cells_of[image] = taken = self._free.take(count)
        return taken.first

    def first_cell(self, image: str) -> int:
        """Return the first of the cells that ``image`` has taken."""
        return self._cells_of[image].first

    def claim_cells(self, placed: Placed, count: int) -> None:
        """Note that an image, which an earlier process has published, has ``count`` cells."""
        self._cells_of[placed.image] = taken = Range(placed.cell, count)
        self._free.claim(taken)

    def give_back(self, image: str) -> None:
        """Let others have the cells of ``image``."""
        taken = self._cells_of.pop(image, None)
        if taken is not None and taken.size:
            self._release(taken)
            self._free.give_back(taken)

    def publish(self, entries: list[Entry]) -> int:
        """Tell the workers of ``entries`` and return the number of this generation.

        StateError if there is no memory for that; nothing has changed then.
        """
        writer = self._writer
        if writer is None or writer.lines + len(entries) > SLACK + 2 * len(self.published):
            state = dict(self.published)
            apply(state, entries)
            writer = self._writer = self._new_epoch(state)
        else:
            writer.append(entries)
        changed = {entry.apex for entry in entries}
        unused = _images(self.published, changed)
        broken = self._broken - self._broken_among(changed)
        apply(self.published, entries)
        unused -= _images(self.published, changed)
        self._broken = broken + self._broken_among(changed)
        self._cells[ControlCells.ZONES] = len(self.published)
        self._cells[ControlCells.BROKEN] = self._broken
        self._cells[ControlCells.JOURNAL] = writer.end
        self._cells[ControlCells.GENERATION] += 1
        self._retire(unused)
        return self.generation

    def begin_epoch(self) -> None:
        """Write the journal again: a worker cannot read the one there is.

        StateError if there is no memory for that; nothing has changed then.
        """
        self._writer = self._new_epoch(self.published)

    def behind(self, generation: int) -> list[int]:
        """Return the workers that answer and do not serve ``generation`` whole."""
        return self.below(WorkerCells.GENERATION, generation)

    def unread(self, generation: int) -> list[int]:
        """Return the workers that answer and have not got to ``generation`` yet."""
        return self.below(WorkerCells.READ, generation)

    def below(self, cell: int, value: int) -> list[int]:
        """Return the workers that answer and have less than ``value`` in their ``cell``."""
        workers = ((index, self._vector.worker(index)) for index in self._vector.taken)
        return [
            index
            for index, worker in workers
            if worker[WorkerCells.LISTENING] and worker[cell] < value
        ]

    def sweep(self) -> None:
        """Remove what is out of use, once every worker has left it behind.

        A worker that is being started counts: it may be reading the journal of a moment ago.
        """
        if not self._retired and not self._leftovers:
            return
        for index in self._vector.taken:
            if self._vector.worker(index)[WorkerCells.GENERATION] < self._retired_by:
                return
        for image in self._retired:
            self.give_back(image)
            self.stock.remove(image)
        self._retired.clear()
        for remove in self._leftovers:
            remove()
        self._leftovers.clear()

    def look_for_leftovers(self) -> None:
        """See what there is, before anything is built: builds put more beside it meanwhile."""
        names = [*self.stock.names()]
        memory = self.stock.memory
        end = 0 if memory is None else memory.end
        self._left = partial(self._retire_left, names, end)

    def retire_leftovers(self) -> None:
        """Retire what was there at the start and no journal entry needs.

        It is of earlier runs, and of builds cut short.
        """
        assert self._left is not None, "it has been looked for them at the start"
        self._left()

    def _retire_left(self, names: Iterable[str], end: int) -> None:
        needed = _images(self.published, self.published)
        self._retire(name for name in names if name not in needed)
        if (memory := self.stock.memory) is not None:
            regions = [region for region in map(region_of, needed) if region]
            self._leftovers.append(partial(memory.keep_only, regions, end))

    def _broken_among(self, apexes: Iterable[bytes]) -> int:
        return sum(
            apex in self.published and not isinstance(self.published[apex], Placed)
            for apex in apexes
        )

    def _retire(self, images: Iterable[str]) -> None:
        self._retired.update(images)
        self._retired_by = self.generation

    def _last_state(self) -> State:
        epoch = self._cells[ControlCells.EPOCH]
        if not epoch:
            return {}
        reader = JournalReader(self._journal)
        reader.entries(epoch)
        return reader.state

    def _new_epoch(self, state: State) -> JournalWriter:
        """Write everything there is once more, and make that the current journal."""
        writer = JournalWriter(self._journal, state)
        # Never more than the journal has that the epoch stands for.
        self._cells[ControlCells.JOURNAL] = 0
        self._cells[ControlCells.EPOCH] = writer.epoch
        self._cells[ControlCells.JOURNAL] = writer.end
        self._leftovers.append(partial(journal.forget, self._journal, writer.epoch))
        self._retired_by = self.generation
        return writer


def _images(state: State, apexes: Iterable[bytes]) -> set[str]:
    """Return the images of the zones ``apexes`` in ``state``."""
    return {placed.image for apex in apexes if isinstance(placed := state.get(apex), Placed)}
