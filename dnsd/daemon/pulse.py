"""Decides when a process has been silent too long, and when a dead one may restart: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.process.silence import Silence

if TYPE_CHECKING:
    from collections.abc import Callable

LONG_LIFE_S = 10.0
"""A process that has lived this long was well: its end does not count as part of a series."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0


class Pulse:
    """Tells when a process has been silent for longer than ``limit``, in seconds.

    ``tick`` and ``chance`` are those of :class:`Silence`.
    """

    def __init__(
        self, limit: float, tick: float, chance: Callable[[float], float] = lambda step: step
    ) -> None:
        self._limit = limit
        self._silence = Silence(tick, chance)

    def look(self, now: float, beat: int) -> bool:
        """Return whether there has been no new ``beat`` for too long, at ``now`` (seconds).

        It is True once, and again after as much time.
        """
        if self._silence.look(now, beat) <= self._limit:
            return False
        self._silence.forget()
        return True


class Backoff:
    """Spaces out the restarts of a process that keeps dying."""

    def __init__(self) -> None:
        self._pause = 0.0

    def pause(self, lived: float) -> float:
        """Return the seconds to wait, after it has died having lived so many seconds."""
        if lived >= LONG_LIFE_S:
            self._pause = 0.0
        pause = self._pause
        self._pause = min(max(FIRST_PAUSE_S, 2 * pause), LONGEST_PAUSE_S)
        return pause
