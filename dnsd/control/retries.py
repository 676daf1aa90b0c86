"""When to try again what has failed through no fault of its own: pure, with times as arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""A build that is killed again and again costs what it was killed for each time."""


class Retries:
    """Spaces out the attempts for each key, further each time, for as long as it is wanted."""

    def __init__(self) -> None:
        self._next: dict[str, tuple[float, float]] = {}

    def ready(self, wanted: Iterable[str], now: float) -> set[str]:
        """Return those of all that is ``wanted`` whose time has come at ``now``.

        They count as tried; what is not wanted any more is forgotten.
        """
        keys = set(wanted)
        self._next = {key: state for key, state in self._next.items() if key in keys}
        found = {key for key in keys if key not in self._next or self._next[key][0] <= now}
        for key in found:
            pause = self._next[key][1] if key in self._next else FIRST_PAUSE_S
            self._next[key] = now + pause, min(2 * pause, LONGEST_PAUSE_S)
        return found
