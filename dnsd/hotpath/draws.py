"""Which members of a pool a query gets: at random by weight, or by the network of the client.

Nothing of it depends on what the client can write into a query: front ends (DoH, DoQ) send all of
them with the number 0, and simple clients count.
"""

from __future__ import annotations

import os
from functools import lru_cache
from math import inf, log
from typing import TYPE_CHECKING

from dnsd.hotpath.api import packed
from dnsd.wire.siphash import siphash13

if TYPE_CHECKING:
    from collections.abc import Sequence

_M = (1 << 64) - 1
_NETWORK = {4: 3, 16: 7}
"""Octets of a client's address that count, by how many it has: a /24, a /56."""
_RDATA = 16
"""Octets to which shorter rdata is filled up."""
_KNOWN = 1024
"""Choices for clients that are remembered: each costs SipHash for each member."""


class Draws:
    """Random numbers of one worker (SplitMix64); ``seed`` (64 bits) determines them."""

    def __init__(self, seed: int | None = None) -> None:
        self._state = int.from_bytes(os.urandom(8)) if seed is None else seed

    def below(self, end: int) -> int:
        """Return a number from 0 to ``end`` - 1; ``end`` has at most 32 bits."""
        self._state = z = self._state + 0x9E3779B97F4A7C15 & _M
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _M
        z = (z ^ z >> 27) * 0x94D049BB133111EB & _M
        z ^= z >> 31
        return (z >> 32) * end >> 32


def several(draws: Draws, weights: Sequence[int], count: int) -> set[int]:
    """Return ``count`` places in ``weights``, drawn one after the other by weight.

    When no weight is left, those that are left are alike. All places, if there are no more.
    """
    left = list(range(len(weights)))
    if len(left) <= count:
        return set(left)
    return {left.pop(_one(draws, [weights[place] for place in left])) for _ in range(count)}


def _one(draws: Draws, weights: Sequence[int]) -> int:
    if not any(weights):
        weights = [1] * len(weights)
    number = draws.below(sum(weights))
    for place, weight in enumerate(weights):
        if number < weight:
            return place
        number -= weight
    raise AssertionError("a number below the sum of the weights")


@lru_cache(_KNOWN)
def steady(key: bytes, address: str, rdatas: tuple[bytes, ...], weights: tuple[int, ...]) -> int:
    """Return which of ``rdatas`` the network of ``address`` gets: the one that rates highest.

    Rendezvous hashing by weight: when one leaves, only its networks move, each to the one that
    rates second; when it comes back, they move back.
    """
    network = _network(address)
    if not any(weights):
        weights = (1,) * len(weights)
    best, least = 0, inf
    for place, (rdata, weight) in enumerate(zip(rdatas, weights, strict=True)):
        if weight:
            hashed = siphash13(key, network + rdata.ljust(_RDATA, b"\0"))
            cost = -log(((hashed >> 11) + 0.5) * 2.0**-53) / weight
            if cost < least:
                best, least = place, cost
    return best


def _network(address: str) -> bytes:
    octets = packed(address)
    return octets[: _NETWORK[len(octets)]].ljust(8, b"\0")
