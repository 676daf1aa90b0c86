"""Tells the workers which images to serve, and knows when they do.

Owns the journal and control's cells of the state vector; deletes image files and journals
that nobody needs any more, and knows which cells are whose. Knows nothing of zone files.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.control.cells import Cells, Range
from dnsd.errors import StateError
from dnsd.image.journal import (
    IMAGES,
    PREFIX,
    Entry,
    JournalReader,
    JournalWriter,
    State,
    apply,
)
from dnsd.image.state import POOL_CELLS, ControlCells, WorkerCells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from dnsd.image.state import StateVector

SLACK = 1000
"""Journal lines that may be out of date, for each one that is not, before a new epoch."""


class Publisher:
    """Publishes the state of all zones, a generation at a time.

    ``published`` is what the workers have been told: the image of each zone by apex. At first
    this is what an earlier control process (of the same master) has told them. ``release`` is
    called with cells that no worker uses any more, before somebody else gets them.
    """

    def __init__(
        self, directory: Path, vector: StateVector, release: Callable[[Range], object]
    ) -> None:
        self._release = release
        self._free = Cells(POOL_CELLS)
        self._cells_of: dict[str, Range] = {}
        self._directory = directory
        self._vector = vector
        self._cells = vector.control
        self._cells[ControlCells.PID] = os.getpid()
        self._retired: set[Path] = set()
        self._retired_by = 0
        self.published: State = {}
        self._writer: JournalWriter | None = None
        # If the last state cannot be read or a new journal not be written, the workers keep
        # what they have until the first publication, which writes everything there is.
        with suppress(StateError):
            self.published = self._last_state()
            self._writer = self._new_epoch(self.published)

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

    def claim_cells(self, image: str, count: int) -> None:
        """Note that ``image``, which an earlier process has published, has ``count`` cells."""
        for placed in self.published.values():
            if placed is not None and placed.image == image:
                self._cells_of[image] = Range(placed.cell, count)
                self._free.claim(self._cells_of[image])

    def give_back(self, image: str) -> None:
        """Let others have the cells of ``image``."""
        taken = self._cells_of.pop(image, None)
        if taken is not None and taken.size:
            self._release(taken)
            self._free.give_back(taken)

    def publish(self, entries: list[Entry]) -> int:
        """Tell the workers of ``entries`` and return the number of this generation.

        StateError if the state directory cannot be written; nothing has changed then.
        """
        state = dict(self.published)
        apply(state, entries)
        writer = self._writer
        if writer is None or writer.lines + len(entries) > SLACK + 2 * len(state):
            writer = self._renew(state)
        else:
            writer.append(entries)
        unused = _images(self.published) - _images(state)
        self.published = state
        self._cells[ControlCells.ZONES] = len(state)
        self._cells[ControlCells.BROKEN] = len(state) - len(_images(state))
        self._cells[ControlCells.JOURNAL] = writer.size
        self._cells[ControlCells.GENERATION] += 1
        self._retire(self._directory / IMAGES / name for name in unused)
        return self.generation

    def begin_epoch(self) -> None:
        """Write the journal anew: a worker cannot read the one there is.

        StateError if the state directory cannot be written; nothing has changed then.
        """
        self._renew(self.published)

    def behind(self, generation: int) -> list[int]:
        """Return the workers that answer and do not serve ``generation`` whole."""
        cells = [self._vector.worker(index) for index in range(self._vector.workers)]
        return [
            index
            for index, worker in enumerate(cells)
            if worker[WorkerCells.LISTENING] and worker[WorkerCells.GENERATION] < generation
        ]

    def sweep(self) -> None:
        """Delete the files that are out of use, once every worker has left them behind.

        A worker that is being started counts: it may be reading the journal of a moment ago.
        """
        if not self._retired:
            return
        for index in range(self._vector.workers):
            if self._vector.worker(index)[WorkerCells.GENERATION] < self._retired_by:
                return
        for path in self._retired:
            self.give_back(path.name)
            with suppress(OSError):  # what cannot be deleted costs space, nothing else
                path.unlink()
        self._retired.clear()

    def retire_leftovers(self) -> None:
        """Retire what no journal entry needs: files of earlier runs, and of builds cut short."""
        images = self._directory / IMAGES
        needed = _images(self.published)
        self._retire(path for path in images.iterdir() if path.name not in needed)
        journals = self._directory.glob(f"*{PREFIX}*")
        current = self._writer.path if self._writer else None
        self._retire(path for path in journals if path != current)

    def _retire(self, paths: Iterable[Path]) -> None:
        self._retired.update(paths)
        self._retired_by = self.generation

    def _last_state(self) -> State:
        epoch = self._cells[ControlCells.EPOCH]
        if not epoch:
            return {}
        reader = JournalReader(self._directory)
        reader.entries(epoch)
        reader.close()
        return reader.state

    def _new_epoch(self, state: State) -> JournalWriter:
        """Write everything there is into a new file, and make it the current one."""
        epoch = self._cells[ControlCells.EPOCH] + 1
        writer = JournalWriter(self._directory, epoch, state)
        # Never more than the file has that the epoch stands for.
        self._cells[ControlCells.JOURNAL] = 0
        self._cells[ControlCells.EPOCH] = epoch
        self._cells[ControlCells.JOURNAL] = writer.size
        return writer

    def _renew(self, state: State) -> JournalWriter:
        old, self._writer = self._writer, self._new_epoch(state)
        if old is not None:
            old.close()
            self._retire([old.path])
        return self._writer


def _images(state: State) -> set[str]:
    return {placed.image for placed in state.values() if placed}
