"""What the previous ledger says of zones that are not loaded yet.

After a start, zones come one after the other. Until a zone comes, what it had before stays
declared, as if it were still served; then what it no longer has is retired. A zone that never comes
is treated as removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.caches.changes import CachedFor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.caches.ledger import Ledger
    from dnsd.caches.version import Version
    from dnsd.control.horizon.shelf import Shelf, Shelved


class AwaitedZones:
    """The zones whose former versions stay declared in ``ledger``; ``shelf`` has their images.

    Methods that return what caches may hold take time: call them in threads.
    """

    def __init__(self, ledger: Ledger, shelf: Shelf) -> None:
        self._ledger = ledger
        self._shelf = shelf
        self._versions: dict[str, dict[Version, int]] = {}
        self._images: dict[str, list[str]] | None = None

    def wait_for(self, versions: Mapping[Version, int]) -> None:
        """Keep ``versions``, with their TTLs, declared until their zones come."""
        for version, ttl in versions.items():
            self._ledger.serve(version, ttl)
            self._versions.setdefault(version.owner, {})[version] = ttl

    def names(self) -> set[str]:
        """Return the apexes of the zones that have not come."""
        return set(self._versions)

    def held(self, zones: Mapping[str, Shelved | None]) -> tuple[CachedFor, ...]:
        """Return what caches may hold of ``zones`` (by apex) that are about to be served.

        None in place of a version: the zone is not going to be served.
        """
        held: list[CachedFor] = []
        for apex in zones.keys() & self._versions.keys():
            zone = zones[apex]
            now = zone.contents.version(apex) if zone else None
            for version, ttl in self._versions[apex].items():
                if version != now:
                    held += self.held_since(version, ttl, zone)
        return tuple(held)

    def has_come(self, apex: str, now: Version | None) -> None:
        """Declare the former version no more; the zone is ``now`` another version, or gone."""
        for version in self._versions.pop(apex, {}):
            if version != now:
                self._ledger.undeclare(version)

    def held_since(self, version: Version, ttl: int, zone: Shelved | None) -> tuple[CachedFor, ...]:
        """Return what caches may hold of a zone that was ``version``, and is ``zone`` now."""
        if self._images is None:
            self._images = self._shelf.by_stem()
        held = self._shelf.held_since(version, zone, self._images)
        return (CachedFor(version, ttl),) if held is None else held
