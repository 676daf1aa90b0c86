"""Zones as the ledger declares them: as a whole, with their pools."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dnsd.build.poolmeta import PoolMeta
    from dnsd.caches.changes import CachedFor
    from dnsd.caches.version import Version
    from dnsd.control.horizon.shelf import Shelved


class DeclaredZone(NamedTuple):
    """A zone that is about to be served, with the facts about its image."""

    shelved: Shelved
    pools: tuple[PoolMeta, ...] = ()


class ZoneChange(NamedTuple):
    """A replaced zone, and what caches may hold of it after its last answer.

    ``generation`` is the first one without the old version; None until that is published.
    """

    apex: str
    old: DeclaredZone | None
    new: DeclaredZone | None
    held: tuple[CachedFor, ...]
    generation: int | None = None


def version_of(apex: str, zone: DeclaredZone) -> Version:
    """Return the version that stands for everything a zone has."""
    return zone.shelved.contents.version(apex)
