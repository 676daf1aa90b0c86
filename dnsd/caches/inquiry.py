"""What is asked of the judge, with all that is known when it is asked."""

from __future__ import annotations

import msgspec

from dnsd.caches.site import Site
from dnsd.caches.version import CacheQuestion

FLOOR_S = 60.0
"""How long some resolvers keep even what has a shorter TTL."""


class Secondary(msgspec.Struct, frozen=True):
    """A server that is no dnsd and transfers ``zone``.

    ``wanted`` is the serial of the change, or the reason why that is not known.

    ``serial`` is what it has, None if it did not say; ``since`` is when it was first seen with
    the wanted one or a later one, by the asker's clock.
    """

    name: str
    zone: str
    wanted: int | str
    serial: int | None
    since: float = 0.0


class Tail(msgspec.Struct, frozen=True):
    """The tail gate: new connections at the target each second, None if nobody has counted."""

    rate: float | None
    limit: float


class Inquiry(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known when the question is put; times by the asker's clock.

    Each node of the ``site`` must have reported, to something asked at ``since`` (the switch) or
    later. ``fenced`` are nodes, by name or URL, that surely have given no answer after a time.
    ``ttl`` is the largest TTL that was ever in use, where no node says so.
    """

    question: CacheQuestion
    site: Site
    since: float
    fenced: tuple[tuple[str, float], ...] = ()
    ttl: int | None = None
    secondaries: tuple[Secondary, ...] = ()
    tail: Tail | None = None
    floor: float = FLOOR_S
