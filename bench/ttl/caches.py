"""What a cache does with a TTL: when it asks again, and which lookups have to wait. Pure.

One step of a simulation is one question to the authoritative servers: all lookups until the
next one are hits and change nothing, so they are jumped over.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bench.ttl.demand import Arrivals, Floats, Indices


class Clock(StrEnum):
    """How a cache counts time.

    EXACT: fractions of a second. LATER, EARLIER: in whole seconds; an answer that came within
    second n is held through second n + T, or until that begins. What has no TTL is not held.
    """

    EXACT = "exact"
    LATER = "later"
    EARLIER = "earlier"


@dataclass(frozen=True, slots=True)
class Cache:
    """A kind of cache. Times in seconds.

    ``floor`` and ``cap`` bound the TTL, and answers are held for ``factor`` times that; in the
    last fraction ``prefetch`` of it (or in the last ``ahead`` seconds, if it is at least
    ``ahead_from``) a lookup has the cache ask beforehand; ``stale`` seconds after it the old
    answer is still given out while the cache asks. ``trip`` is how long an answer takes: its TTL
    begins when it has come; lookups until then wait for it.
    """

    floor: float = 0.0
    cap: float = float("inf")
    factor: float = 1.0
    prefetch: float = 0.0
    ahead: float = 0.0
    ahead_from: float = 0.0
    stale: float = 0.0
    trip: float = 0.0
    clock: Clock = Clock.EXACT

    def lifetime(self, ttl: float) -> float:
        """Return for how long this cache holds an answer with ``ttl``, prefetching aside."""
        return min(max(ttl, self.floor), self.cap) * self.factor

    def stale_for(self, ttl: float) -> float:
        """Return for how long after its lifetime an answer with ``ttl`` may still be given out.

        What may not be held at all (TTL 0) is never there to be stale.
        """
        return self.stale if self.lifetime(ttl) else 0.0

    def early(self, ttl: float) -> float:
        """Return which last fraction of the lifetime has it ask beforehand."""
        life = self.lifetime(ttl)
        if self.ahead and life >= max(self.ahead_from, self.ahead):
            return max(self.prefetch, self.ahead / life)
        return self.prefetch

    def again(self, asked: Floats, ttl: float) -> Floats:
        """Return from when on a lookup makes it ask again that has asked at times ``asked``."""
        answered = asked + self.trip
        life = self.lifetime(ttl)
        early = self.early(ttl) * life
        if self.clock is Clock.EXACT or not life:
            return answered + life - early
        # In whole seconds the clock matters for the end only: before it, all count alike.
        left = -np.floor(early) if early else float(self.clock is Clock.LATER)
        found: Floats = np.maximum(np.floor(answered) + life + left, answered)
        return found

    def agains(self, asked: Floats, lives: Floats) -> Floats:
        """Return the same as :meth:`again` where each answer has a TTL of its own."""
        found: Floats = np.zeros_like(asked)
        for life in np.unique(lives).tolist():
            chosen = lives == life
            found[chosen] = self.again(asked[chosen], life)
        return found

    def holds(self, ttl: float) -> float:
        """Return how long it asks nothing after it has asked: the T of λ/(1+λT)."""
        return self.lifetime(ttl) * (1 - self.early(ttl)) + self.trip


def walk(found: Arrivals, again: Floats) -> Indices:
    """Return which of ``found``, by index, make a cache ask; each is empty at its first lookup.

    ``again`` says, for each arrival, from when on a lookup makes a cache ask that asks then.
    """
    pairs, times = found
    if not times.size:
        return np.zeros(0, dtype=np.int64)
    # All pairs on one line of time, one after the other: `span` apart, so they never meet.
    base = times.min()
    span = float(times.max() - base) + 1.0
    start = pairs * span
    line = start + (times - base)
    after = np.searchsorted(line, start + np.clip(again - base, 0, span))
    # Never itself: a cache that holds nothing asks for the next one.
    jumps = np.maximum(after, np.arange(1, times.size + 1)).tolist()
    asks = []
    at, end = 0, len(jumps)
    while at < end:
        asks.append(at)
        at = jumps[at]
    return np.array(asks, dtype=np.int64)
