"""Latencies as a distribution: percentiles and a histogram with logarithmic bins. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PER_DECADE = 12
"""Bins of the histogram in each power of ten."""
LOWEST = 10.0
DECADES = 6
"""The histogram goes from 10 µs to 10 s; the first and the last bin take what is beyond."""
SHARES = (0.5, 0.9, 0.99, 0.999, 1.0)


def edges() -> list[float]:
    """Return the lower edge of each bin, and the upper edge of the last one, in µs."""
    return [LOWEST * 10 ** (i / PER_DECADE) for i in range(PER_DECADE * DECADES + 1)]


def histogram(micros: Sequence[float]) -> list[int]:
    """Return how many of ``micros`` lie in each bin."""
    counts = [0] * (PER_DECADE * DECADES)
    for value in micros:
        place = math.floor(math.log10(max(value, LOWEST) / LOWEST) * PER_DECADE)
        counts[min(place, len(counts) - 1)] += 1
    return counts


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of ``ordered`` (ascending, not empty) that ``share`` do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
