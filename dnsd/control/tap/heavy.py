"""What comes most often, in bounded memory, whatever clients make up (Space-Saving)."""

from __future__ import annotations

from typing import NamedTuple

SIZE = 128
"""Things that are counted at once: none that is more than 1/SIZE of all is missed."""
_FORGOTTEN = 0.5
"""What has faded below this is not counted any more."""


class Heavy(NamedTuple):
    """A thing, and at least which share of all it is."""

    what: str
    share: float


class HeavyHitters:
    """Counts things; what was long ago weighs less, as often as :meth:`fade` is called."""

    def __init__(self) -> None:
        self._counts: dict[str, float] = {}
        self._errors: dict[str, float] = {}
        self._total = 0.0

    def add(self, what: str) -> None:
        """Count ``what``; the least of the others may have to go, and leaves its count."""
        self._total += 1
        counts = self._counts
        if what in counts:
            counts[what] += 1
            return
        inherited = 0.0
        if len(counts) >= SIZE:
            least = min(counts, key=counts.__getitem__)
            inherited = counts.pop(least)
            del self._errors[least]
        counts[what], self._errors[what] = inherited + 1, inherited

    def fade(self, factor: float) -> None:
        """Have all that was counted so far weigh so much less."""
        self._total *= factor
        counts = {what: count * factor for what, count in self._counts.items()}
        self._counts = {what: count for what, count in counts.items() if count >= _FORGOTTEN}
        self._errors = {what: self._errors[what] * factor for what in self._counts}

    def most(self, number: int) -> list[Heavy]:
        """Return the ``number`` that come most often, the first first."""
        sure = {what: count - self._errors[what] for what, count in self._counts.items()}
        first = sorted(sure, key=lambda what: (-sure[what], what))[:number]
        return [Heavy(what, sure[what] / self._total) for what in first]
