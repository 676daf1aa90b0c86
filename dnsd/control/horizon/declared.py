"""A zone that is declared in the ledger: as a whole, with its pools."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dnsd.build.poolmeta import PoolMeta
    from dnsd.caches.changes import CachedFor
    from dnsd.caches.version import Version
    from dnsd.control.horizon.shelf import Shelved


class DeclaredZone(NamedTuple):
    """A zone that is about to be served: what is known of its image."""

    shelved: Shelved
    pools: tuple[PoolMeta, ...] = ()


class ZoneChange(NamedTuple):
    """A zone that was replaced, and what caches may hold of it from its last answer on.

    ``generation`` is the first one without it; None while it is not published.
    """

    apex: str
    old: DeclaredZone | None
    new: DeclaredZone | None
    held: tuple[CachedFor, ...]
    generation: int | None = None


def version_of(apex: str, zone: DeclaredZone) -> Version:
    """Return what stands for all that a zone has."""
    return zone.shelved.contents.version(apex)
