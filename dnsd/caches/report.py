"""What a node says of its account: one line for each version, in seconds that remain."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import msgspec

from dnsd.caches.acquainted import NOT_TOLD, KnownNodes, KnownSecondary, Unfound
from dnsd.caches.version import Version

NEVER = float("-inf")

WEEK_S = 604_800.0
"""No cache should keep an answer longer, whatever its TTL (RFC 8767 §4; BIND's max-cache-ttl)."""

LONGEST_FLOOR_S = 3_600.0
"""The longest time for which a cache is thought to keep what has a shorter TTL."""


class Use(IntEnum):
    """Whether a version can be given out; more is more."""

    IDLE = 0
    """Not until an operator orders it."""
    POSSIBLE = 1
    """Not now, but it can come back by itself."""
    SERVED = 2


class Bound(NamedTuple):
    """Until when caches may hold a version.

    ``last`` is not before it was last given out, for caches that keep answers longer than their
    TTL; ``ttl`` is the largest TTL it was given out with.
    """

    until: float = NEVER
    last: float = NEVER
    ttl: int = 0

    def join(self, other: Bound) -> Bound:
        """Return what holds when both do."""
        return Bound(
            max(self.until, other.until), max(self.last, other.last), max(self.ttl, other.ttl)
        )


class LedgerLine(msgspec.Struct, frozen=True):
    """What a node says about one version.

    ``left`` are the seconds until its bound, negative if that is over; ``ago`` the seconds since it
    was last given out, None if it never was.
    """

    version: Version
    left: float
    ago: float | None
    ttl: int
    use: Use


class NodeReport(msgspec.Struct, frozen=True):
    """What a node says; its account covers the last ``kept`` seconds.

    ``doubt`` is why it is not to be relied on, empty if it is: nothing is SAFE by it then.
    ``ceiling`` is the largest TTL that was ever given out, before the account began, too; None if
    that is not known; ``before`` is the same for this node alone, before its account began, as an
    operator has declared it. ``instance`` is different for each run of the node, which began ``up``
    seconds ago. ``knows`` are the other nodes that it knows; ``secondaries`` are other servers with
    a zone that the question concerns. It ``listens`` on these addresses and ports for queries.
    """

    node: str
    kept: float
    lines: tuple[LedgerLine, ...]
    doubt: str = ""
    ceiling: int | None = None
    before: int | None = None
    instance: str = ""
    up: float | None = None
    knows: KnownNodes | Unfound = NOT_TOLD
    secondaries: tuple[KnownSecondary, ...] = ()
    listens: tuple[str, ...] = ()
