"""Why real caches ask more or less than the model says: caches that differ in one thing each.

Each twin is an ideal cache with one more habit, and meets the very lookups that the real one
met. Whose questions come out as many as the real one's has the habit that matters. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.ttl.caches import Cache, Clock, walk

if TYPE_CHECKING:
    from bench.ttl.demand import Arrivals, Floats

LATER, EARLIER = "later", "earlier"
"""The names of the twins that count whole seconds."""
NEAR = 0.01
"""Within this share a twin's count counts as the real one's: timers are late by milliseconds."""
FEW = 3
"""Or within so many questions: those that straddle an end of the window."""


class Twin(NamedTuple):
    """A cache, and what it does, in words; each does what the one before it does as well."""

    cache: Cache
    words: str


def twins(documented: Cache, trip: float) -> dict[str, Twin]:
    """Return the twins of a resolver, the simplest first, by name."""
    whole = replace(documented, trip=trip)
    return {
        "ideal": Twin(Cache(), "holds an answer for exactly its TTL"),
        "trip": Twin(
            Cache(trip=trip),
            "holds an answer for its TTL from when it has come, and has lookups until then wait",
        ),
        "documented": Twin(whole, "does what its manual says"),
        LATER: Twin(
            replace(whole, clock=Clock.LATER),
            "counts whole seconds, and holds an answer through its last one (T to T + 1 s)",
        ),
        EARLIER: Twin(
            replace(whole, clock=Clock.EARLIER),
            "counts whole seconds, and drops an answer as its last one begins (T − 1 to T s)",
        ),
    }


def count(found: Arrivals, cache: Cache, ttl: float, window: tuple[float, float]) -> int:
    """Return how often ``cache`` asks in ``window`` when it meets ``found`` (clock times)."""
    asks: Floats = found.times[walk(found, cache.again(found.times, ttl))]
    return int(np.count_nonzero((asks >= window[0]) & (asks < window[1])))


def nearest(counts: dict[str, int], asks: int) -> str:
    """Return the name of the twin whose count is nearest; the simplest of those that are."""
    return min(counts, key=lambda name: abs(counts[name] - asks))


def is_near(found: int, asks: int) -> bool:
    """Return whether a twin's count is as good as the real one's."""
    return abs(found - asks) <= max(FEW, NEAR * asks)
