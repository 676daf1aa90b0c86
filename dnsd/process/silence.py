"""Measures how long another process has made no progress although it could: busy is not dead."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Silence:
    """Measures how long a process has made no progress, by a number that changes with progress.

    What counts is time in which the watcher was awake, for after a pause of the whole machine
    no process has been silent, and in which the watched had a ``chance``: of the given seconds
    since the last look, how many could it have used? ``tick`` is how often it looks, in seconds.
    """

    def __init__(self, tick: float, chance: Callable[[float], float] = lambda step: step) -> None:
        self._longest_step = 2 * tick
        self._chance = chance
        self._progress = 0
        self._looked = 0.0
        self._silent = 0.0

    def look(self, now: float, progress: int) -> float:
        """Return for how many seconds ``progress`` has not changed, at ``now``."""
        step = min(now - self._looked, self._longest_step)
        self._looked = now
        had = self._chance(step)
        if progress != self._progress:
            self._progress = progress
            self._silent = 0.0
        else:
            self._silent += had
        return self._silent

    def forget(self) -> None:
        """Start measuring again."""
        self._silent = 0.0


class _Account(NamedTuple):
    """The state of a process's main thread, and the seconds it has run and waited for a CPU."""

    pid: int
    runnable: bool
    ran: float
    waited: float


class Chance:
    """Works out how much of the time since the last look a process could have used.

    A process that wants a CPU (state R) could use only the time in which it ran: it may be starved
    for long. One that is blocked (S, D) or stopped (T) holds itself up, so all time counts, except
    what it spent waiting for a CPU in between. ``pid`` returns its number, 0 if there is none.
    """

    def __init__(self, pid: Callable[[], int], proc: Path = Path("/proc")) -> None:
        self._pid = pid
        self._proc = proc
        self._files: _Files | None = None
        self._before: _Account | None = None

    def __call__(self, step: float) -> float:
        """Return the seconds, of the last ``step`` seconds, that it could have used."""
        before, self._before = self._before, self._read()
        now = self._before
        if now is None or before is None or before.pid != now.pid:
            return step  # it has ended, or is new: nothing excuses it
        if now.runnable:
            return min(step, now.ran - before.ran)
        return max(0.0, step - (now.waited - before.waited))

    def _read(self) -> _Account | None:
        pid = self._pid()
        try:
            if self._files is None or self._files.pid != pid:
                self._close()
                self._files = _Files(self._proc, pid)
            return self._files.account()
        except (OSError, ValueError):
            self._close()
            return None

    def _close(self) -> None:
        if self._files is not None:
            self._files.close()
            self._files = None


class _Files:
    """The two files in /proc about one process, held open so that each look is cheap."""

    def __init__(self, proc: Path, pid: int) -> None:
        self.pid = pid
        self._stat = os.open(proc / str(pid) / "stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._sched = os.open(proc / str(pid) / "schedstat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(self._stat)
            raise
        # A replaced watcher must leave no descriptor behind.
        self.close = weakref.finalize(self, _close, self._stat, self._sched)

    def account(self) -> _Account:
        """Return the current account; OSError or ValueError if the process has ended."""
        stat = os.pread(self._stat, 512, 0)
        state = stat[stat.rindex(b")") + 2 :][:1]
        ran, waited, *_ = os.pread(self._sched, 128, 0).split()
        return _Account(self.pid, state == b"R", int(ran) / 1e9, int(waited) / 1e9)


def _close(*descriptors: int) -> None:
    for each in descriptors:
        os.close(each)
