"""For how long another process has shown no sign of life, and whose fault it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Silence:
    """Measures the silence of another process by its heartbeat.

    What is measured is time in which the watcher itself was awake: after a pause of the whole
    machine nobody has been silent. Nor is it while it is ``starved``: a machine that is too
    busy is overload, and no reason to end or to withdraw anything. ``tick`` is how often it
    looks, in seconds.
    """

    def __init__(self, tick: float, starved: Callable[[], bool] = lambda: False) -> None:
        self._longest_step = 2 * tick
        self._starved = starved
        self._beat = 0
        self._looked = 0.0
        self._silent = 0.0

    def look(self, now: float, beat: int) -> float:
        """Return for how long there has been no new ``beat``, at ``now``; in seconds."""
        step = min(now - self._looked, self._longest_step)
        self._looked = now
        if beat != self._beat:
            self._beat = beat
            self._silent = 0.0
        elif not self._starved():
            self._silent += step
        return self._silent

    def forget(self) -> None:
        """Measure from now on."""
        self._silent = 0.0


class Starvation:
    """Tells whether a process has wanted a CPU since the last look and got none.

    ``pid`` returns its number, 0 if there is none.
    """

    def __init__(self, pid: Callable[[], int], proc: Path = Path("/proc")) -> None:
        self._pid = pid
        self._proc = proc
        self._spent = ""

    def __call__(self) -> bool:
        """Look: it is runnable, and its time on a CPU is what it was."""
        place = self._proc / str(self._pid())
        try:
            state = (place / "stat").read_text().rpartition(")")[2].split()[0]
            spent = (place / "schedstat").read_text().split()[0]
        except (OSError, IndexError):
            return False  # it is gone
        before, self._spent = self._spent, spent
        return state == "R" and spent == before
