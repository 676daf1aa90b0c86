"""What is asked of the judge, with all that is known when it is asked."""

from __future__ import annotations

import msgspec

from dnsd.caches.site import Site
from dnsd.caches.version import CacheQuestion, Version

FLOOR_S = 60.0
"""How long some resolvers keep even what has a shorter TTL."""


class Secondary(msgspec.Struct, frozen=True):
    """Another server that transfers ``zone``.

    ``wanted`` is the serial of the change, or why it is unknown.

    ``serial`` is the server's, None if it did not answer; ``since`` is when it was first seen with
    the wanted one or a later one, by the asker's clock. ``given`` is what it answers for the pools
    that it was asked for. ``node`` is what it calls itself if it is a node of the site: then it has
    an account.
    """

    name: str
    zone: str
    wanted: int | str
    serial: int | None
    since: float = 0.0
    given: tuple[Version, ...] = ()
    node: str = ""


class Inquiry(msgspec.Struct, frozen=True, kw_only=True):
    """The question and all that is known about it; times by the asker's clock.

    Each node of the ``site`` must have reported, to something asked at ``since`` (the switch) or
    later. ``fenced`` are nodes, by name or URL, that have certainly not answered after a time.
    ``ttl`` is the largest TTL that was ever in use, where no node says so.
    """

    question: CacheQuestion
    site: Site
    since: float
    fenced: tuple[tuple[str, float], ...] = ()
    ttl: int | None = None
    secondaries: tuple[Secondary, ...] = ()
    floor: float = FLOOR_S
