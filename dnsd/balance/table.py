"""The table of a service: which backend each slot is to have, by weighted rendezvous hashing.

Each backend draws a number for each slot, and the smallest number, divided by the weight, gets
the slot (Thaler and Ravishankar 1998; the logarithm makes shares proportional to weights). So the
table depends on names and weights only: directors that know the same backends have the same
table, without talking to each other. A backend that leaves gives up its own slots, and one that
comes takes slots for itself; no slot moves between two others.
"""

from __future__ import annotations

import hashlib
import math
import struct
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BACKENDS = 256
"""Backends of one service; their draws are remembered."""

_DRAWS = struct.Struct("<8Q")
"""Draws that one digest of BLAKE2b holds."""
_RANGE = 2.0**64


def table(weights: Mapping[str, int], slots: int) -> tuple[str, ...]:
    """Return the backend of each of so many ``slots``; empty if no backend has a weight.

    ``weights`` has the weight of each backend by its name; one with weight 0 gets no slot.
    """
    names = sorted(name for name, weight in weights.items() if weight > 0)
    if not names:
        return ()
    rows = [_scaled(name, slots, weights[name]) for name in names]
    # The first of equals is the first by name: the same on each director.
    best = [min(range(len(names)), key=draws.__getitem__) for draws in zip(*rows, strict=True)]
    return tuple(names[number] for number in best)


@lru_cache(maxsize=2 * MOST_BACKENDS)
def _scaled(name: str, slots: int, weight: int) -> tuple[float, ...]:
    return tuple(draw / weight for draw in _draws(name, slots))


@lru_cache(maxsize=2 * MOST_BACKENDS)
def _draws(name: str, slots: int) -> tuple[float, ...]:
    """Return what the backend ``name`` draws for each slot: exponentially distributed numbers."""
    drawn: list[float] = []
    for block in range(-(-slots // 8)):
        digest = hashlib.blake2b(name.encode(), salt=struct.pack("<Q", block)).digest()
        drawn += (-math.log((number + 0.5) / _RANGE) for number in _DRAWS.unpack(digest))
    return tuple(drawn[:slots])
