"""Kinds of populations: which caches they are made of, and whether day and night differ."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bench.ttl.caches import Cache
from bench.ttl.demand import Day, Indices
from bench.ttl.results import PLAIN

STRETCHING = 0.087
"""Share of resolvers that keep answers for longer than their TTL (Moura et al., IMC 2019)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """``share`` of the caches are ``special``, the others keep to the TTL and do nothing else."""

    name: str
    words: str
    special: Cache = field(default_factory=Cache)
    share: float = 0.0
    day: Day = field(default_factory=Day)

    def kinds(self, caches: int, rng: np.random.Generator) -> list[tuple[Cache, Indices]]:
        """Return each kind of cache with the numbers of those that are it, by lot."""
        order = rng.permutation(caches)
        special = round(self.share * caches)
        found = [(self.special, order[:special]), (Cache(), order[special:])]
        return [(kind, np.sort(members)) for kind, members in found if members.size]


def profiles(
    *, floor: float, cap: float, capped: float, prefetch: float, stale: float, swing: float
) -> list[Profile]:
    """Return all profiles; ``floor``, ``cap`` and ``stale`` are in seconds, the others shares."""
    return [
        Profile(PLAIN, "every cache keeps to the TTL; demand is steady"),
        Profile(
            "diurnal",
            f"demand swings by ±{swing:.0%} over a day",
            day=Day(swing),
        ),
        Profile(
            "prefetch",
            f"every cache asks again when a lookup comes in the last {prefetch:.0%} of the TTL",
            Cache(prefetch=prefetch),
            1.0,
        ),
        Profile(
            "stretched",
            f"{STRETCHING:.1%} of the caches hold nothing for less than {floor:g} s",
            Cache(floor=floor),
            STRETCHING,
        ),
        Profile(
            "capped",
            f"{capped:.0%} of the caches hold nothing for more than {cap:g} s",
            Cache(cap=cap),
            capped,
        ),
        Profile(
            "serve-stale",
            f"every cache gives out an old answer for up to {stale:g} s while it asks",
            Cache(stale=stale),
            1.0,
        ),
    ]
