"""The master's watch over the workers: which are silent, and which one to kill.

A worker is silent while it makes no progress although it could. A cause that silences all of them
at once (a packet, a disk, the machine) would silence their successors, too; killing all of them
would turn a delay into an outage. So the next one is killed only when the last one's successor
serves, or has had its time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dnsd.daemon.children import is_serving
from dnsd.image.state import WorkerCells
from dnsd.process.silence import Chance, Silence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dnsd.image.state import StateVector

REPLACE_S = 10.0
"""How long a killed worker's successor may take to serve before the next one is killed."""


class Succession:
    """Decides which worker that is silent for too long is killed, and when: pure."""

    def __init__(self) -> None:
        self._killed: dict[int, float] = {}
        self._last: int | None = None
        self._gone = False

    def next(self, now: float, silent: Mapping[int, float], serving: set[int]) -> int | None:
        """Return the worker to kill ``now``, if any; it then counts as killed.

        ``silent`` are the seconds of silence of those that are ``serving`` by their own word, but
        have been silent for too long.
        """
        if self._last is not None and not self._is_replaced(now, serving):
            return None
        waiting = [
            index for index in silent if now - self._killed.get(index, -REPLACE_S) >= REPLACE_S
        ]
        if not waiting:
            return None
        chosen = max(waiting, key=lambda index: silent[index])
        self._killed[chosen] = now
        self._last, self._gone = chosen, False
        return chosen

    def _is_replaced(self, now: float, serving: set[int]) -> bool:
        assert self._last is not None
        self._gone |= self._last not in serving
        if now - self._killed[self._last] < REPLACE_S and not (
            self._gone and self._last in serving
        ):
            return False
        if self._gone:
            self._killed.pop(self._last)  # the successor's silence would be its own
        self._last = None
        return True


class Vigil:
    """Measures the workers' silence, and publishes it in the state vector.

    A worker that has been silent for ``limit`` seconds must be killed. ``chance`` makes, of a
    function that returns a process's number, what :class:`Silence` asks; ``tick`` is how often
    :meth:`look` is called, in seconds. ``seats`` are those of the workers that are watched.
    """

    def __init__(
        self,
        vector: StateVector,
        limit: float,
        tick: float,
        chance: Callable[[Callable[[], int]], Callable[[float], float]] = Chance,
        *,
        seats: Sequence[int] | None = None,
    ) -> None:
        self._seats = range(vector.workers) if seats is None else seats
        self._vector = vector
        self._limit = limit
        self._succession = Succession()
        self._workers = [vector.worker(index) for index in self._seats]
        self._silences = [Silence(tick, chance(partial(_pid, cells))) for cells in self._workers]

    def look(self, now: float) -> int | None:
        """Look at the workers; return the number of the one to kill, if any."""
        serving: set[int] = set()
        too_silent: dict[int, float] = {}
        watched = zip(self._seats, self._workers, self._silences, strict=True)
        for index, cells, silence in watched:
            silent = silence.look(now, self._vector.progress(index))
            if is_serving(cells):
                serving.add(index)
            else:
                silence.forget()  # a worker that has not begun cannot have stopped
                silent = 0.0
            cells[WorkerCells.SILENT] = round(silent * 1e9)
            if silent > self._limit:
                too_silent[index] = silent
        return self._succession.next(now, too_silent, serving)


def _pid(cells: memoryview) -> int:
    return int(cells[WorkerCells.PID])
