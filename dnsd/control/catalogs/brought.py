"""The zones that catalogs have brought, as they are in force, and the settings that apply to them.

Everything that asks which zones exist reads this; only :mod:`dnsd.control.catalogs.consuming`
changes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from dnsd.config import CatalogBook, TransferTerms, catalogbook

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from dnsd.config import CatalogConfig, Config, MemberZone, ZoneTransfers
    from dnsd.config.catalogbook import Books

_EMPTY = CatalogBook()


class BroughtZones:
    """``zones`` by name; ``leaving`` are those to be removed, which may still be served.

    ``number`` grows with each change. Threads read ``zones``: it is replaced, never changed.
    """

    def __init__(self, config: Config, books: Books) -> None:
        self.books = books
        self.zones = catalogbook.members(config, books)
        self.leaving: set[str] = set()
        self.configured: Container[str] = ()
        """Zones of the configuration: what catalogs say of them has no effect."""
        self.number = 0
        self._anew: dict[str, MemberZone] = {}
        self._known = config
        """The configuration, and what it no longer has of catalogs and templates in use."""
        self._terms = TransferTerms(config)

    @property
    def catalogs(self) -> dict[str, CatalogConfig]:
        """The catalogs that bring zones, by name; also those that are no longer configured."""
        return {one.name: one for one in self._known.catalog if not one.produce}

    def configure(self, config: Config) -> set[str]:
        """Take in another configuration; return the zones that this changes."""
        names = {one.name for one in config.catalog}
        templates = {one.name for one in config.template}
        lost = [
            one
            for name, one in self.catalogs.items()
            if name not in names and self.books.get(name, _EMPTY).members
        ]
        old = [one for one in self._known.template if lost and one.name not in templates]
        self._known = msgspec.structs.replace(
            config, catalog=(*config.catalog, *lost), template=(*config.template, *old)
        )
        self._terms = TransferTerms(self._known)
        zones = catalogbook.members(self._known, self.books)
        for zone in self._anew.keys() & zones.keys():
            self._anew[zone] = zones.pop(zone)
        before, self.zones = self.zones, zones
        changed = before.keys() | self.zones.keys()
        return self._note({one for one in changed if before.get(one) != self.zones.get(one)})

    def take(self, books: Books) -> set[str]:
        """Put ``books`` into force; return the zones that this changes."""
        before, self.books = self.books, books
        changed: set[str] = set()
        for catalog in before.keys() | books.keys():
            old = before.get(catalog, _EMPTY).members
            new = books.get(catalog, _EMPTY).members
            if old is not new:
                both = old.keys() | new.keys()
                changed |= {zone for zone in both if old.get(zone) != new.get(zone)}
        # One of a hundred thousand must not cost what all of them do.
        zones = dict(self.zones)
        for zone in changed:
            zones.pop(zone, None)
            self._anew.pop(zone, None)
        few = {
            name: CatalogBook(
                book.serial, {zone: book.members[zone] for zone in changed & book.members.keys()}
            )
            for name, book in books.items()
        }
        self.zones = zones | catalogbook.members(self._known, few)
        return self._note(changed)

    def reset(self, zones: Iterable[str]) -> set[str]:
        """Reset ``zones``: they are gone until they :meth:`come_back`. Return those that exist."""
        found = {zone: self.zones[zone] for zone in zones if zone in self.zones}
        if not found:
            return set()
        self.zones = {zone: one for zone, one in self.zones.items() if zone not in found}
        self._anew |= found
        return self._note(set(found))

    def come_back(self, served: Container[str]) -> set[str]:
        """Bring back zones that are being reset, and are no longer ``served``."""
        self.leaving = {zone for zone in self.leaving if zone in served}
        found = {zone: one for zone, one in self._anew.items() if zone not in served}
        if not found:
            return set()
        self.zones = self.zones | found
        self._anew = {zone: one for zone, one in self._anew.items() if zone not in found}
        return self._note(set(found))

    def _note(self, changed: set[str]) -> set[str]:
        self.number += 1
        self.leaving = (self.leaving | changed) - self.zones.keys()
        return changed

    def member(self, origin: str) -> MemberZone | None:
        """Return what a catalog says of a zone; None if none does, or the zone is configured."""
        return None if origin in self.configured else self.zones.get(origin)

    def kept(self, origin: str) -> str:
        """Return the name of a zone's record file, if it has one of its own."""
        member = self.member(origin)
        is_fetched = member is not None and bool(self.transfers_of(origin).primaries)
        return member.file.name if member is not None and is_fetched else ""

    def transfers_of(self, origin: str) -> ZoneTransfers:
        """Return the transfer settings of the zone ``origin``, wherever it comes from."""
        member = self.member(origin)
        if member is None and origin not in self.configured:
            member = self._anew.get(origin)
        return self._terms.of(origin, member.template if member else None)
