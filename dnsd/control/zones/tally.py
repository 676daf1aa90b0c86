"""How many zones were built, how that ended, and how long it took."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dnsd.control.zones.report import ZoneOutcome


class BuildTally:
    """Counts the builds of this process."""

    def __init__(self) -> None:
        self.outcomes: Counter[ZoneOutcome] = Counter()
        self.seconds = 0.0

    def add(self, outcome: ZoneOutcome, seconds: float) -> None:
        """Count a build."""
        self.outcomes[outcome] += 1
        self.seconds += seconds
