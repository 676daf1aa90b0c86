"""Keeps the node's zones as catalogs say: reads catalogs when they change, and applies them.

Decisions are on disk before they are in force. A zone that is reset is removed first, with
everything that is known of it; it comes back once it is no longer served.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from dnsd.config import CatalogBook, catalogbook
from dnsd.control.catalogs import content, membership, told
from dnsd.control.catalogs.brought import BroughtZones
from dnsd.control.catalogs.content import CatalogContent
from dnsd.control.zones.guard import GoneZones
from dnsd.errors import CatalogError, VersionError
from dnsd.process import durablefile
from dnsd.process.log import say
from dnsd.versions import recordfile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Mapping, Set
    from pathlib import Path

    from dnsd.config import CatalogConfig, Config
    from dnsd.config.catalogbook import Books
    from dnsd.control.zones.table import ZoneRow

LOOK_S = 0.1
"""Seconds between two looks whether catalogs have changed: there are few of them."""
AGAIN_S = 5.0
"""Seconds until a refused write is tried again."""

_EMPTY = CatalogBook()


@dataclass(slots=True)
class ConsumedCatalog:
    """The state of one catalog: the version that was looked at last, and why it is not obeyed.

    ``clashes`` are members that are not taken up, with the catalogs that have them.
    """

    guard: GoneZones
    looked_at: tuple[str, int] = "", 0
    again_at: float = 0.0
    fault: str = ""
    clashes: Mapping[str, str] = field(default_factory=dict)


class CatalogKeeper:
    """Consumes the catalogs of the configuration; ``brought`` is the result."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._path = config.server.state_directory / catalogbook.BOOKS
        self._turn = asyncio.Lock()
        self._has_begun = False
        self._catalogs: dict[str, ConsumedCatalog] = {}
        books, self._are_kept = _read(self._path)
        self.brought = BroughtZones(config, books)

    async def run(
        self,
        rows: Mapping[str, ZoneRow],
        configured: Callable[[], Container[str]],
        ask: Callable[[Set[str]], Awaitable[object]],
    ) -> None:
        """Apply catalogs, for ever.

        ``rows`` are all zones by origin, ``configured`` those that no catalog brings; ``ask`` is
        called with zones that have changed.
        """
        while True:
            if due := await self.turn(rows, configured()):
                await ask(due)
            await asyncio.sleep(LOOK_S)

    async def turn(self, rows: Mapping[str, ZoneRow], configured: Container[str]) -> set[str]:
        """Look at the catalogs once; return the zones that have changed."""
        due: set[str] = set()
        async with self._turn:
            if not self._has_begun:
                self._has_begun = True
                due = self.brought.reset(_strangers(self.brought, rows))
            for name, catalog in self.brought.catalogs.items():
                due |= await self._look(name, catalog, rows.get(name), configured)
            return due | self.brought.come_back(rows)

    # -- what catalogs say ----------------------------------------------------------------------

    async def _look(
        self, name: str, catalog: CatalogConfig, row: ZoneRow | None, configured: Container[str]
    ) -> set[str]:
        """Return the zones that have changed because the catalog has."""
        known = self._known(name)
        if row is None or row.served is None or time.monotonic() < known.again_at:
            return set()
        try:
            looked_at = row.served.image, row.file.stat().st_mtime_ns
            if looked_at == known.looked_at:
                return set()
            found = await asyncio.to_thread(_content, row.file)
        except (OSError, VersionError) as error:
            known.again_at = time.monotonic() + AGAIN_S
            self._blame(name, known, f"it cannot be read: {error}")
            return set()
        except CatalogError as error:
            known.looked_at = looked_at
            self._blame(name, known, str(error))
            return set()
        known.looked_at = looked_at
        if found.serial != row.served.serial:
            return set()  # a version that is not served yet, and perhaps never will be
        return await self._take(name, catalog, found, configured)

    async def _take(
        self, name: str, catalog: CatalogConfig, found: CatalogContent, configured: Container[str]
    ) -> set[str]:
        """Apply the catalog as it was ``found``; return the zones that have changed."""
        known, books = self._known(name), self.brought.books
        book = books.get(name, _EMPTY)
        updated = found.members.keys() if found.serial != book.serial else frozenset()
        claimed = membership.claims(name, books, updated)
        share = self._config.zones.vanish if catalog.vanish is None else catalog.vanish
        hold = partial(_hold, known.guard, share, time.monotonic())
        decided = await asyncio.to_thread(membership.decide, found, book, claimed, hold)
        after = {**membership.without(books, decided.taken), name: decided.book}
        is_kept = self._are_kept and after == books
        if not is_kept and not await self._keep(name, known, after):
            return set()
        known.fault = ""
        known.guard.dropped(len(decided.dropped), time.monotonic())
        changed = await asyncio.to_thread(self.brought.take, after)
        self.brought.reset(decided.reset)
        own = {zone: told.CONFIGURATION for zone in decided.book.members if zone in configured}
        clashes = {**decided.clashes, **own}
        told.taken(name, decided, {*clashes} - {*known.clashes})
        if decided.book.held and decided.book.held != book.held:
            told.begin_holding(name, decided.book, share)
        known.clashes = clashes
        if decided.dropped or decided.taken:
            self._look_again(name)
        return changed

    def _look_again(self, but: str) -> None:
        """Have other catalogs looked at again: zones that they list, too, may be free now."""
        for name, known in self._catalogs.items():
            if name != but and known.clashes:
                known.looked_at = "", 0

    async def _keep(self, name: str, known: ConsumedCatalog, books: Books) -> bool:
        """Write ``books`` to disk; False: the disk refuses, and nothing may be done yet."""
        try:
            await asyncio.to_thread(_write, self._path, books)
        except OSError as error:
            known.looked_at, known.again_at = ("", 0), time.monotonic() + AGAIN_S
            self._blame(name, known, f"{self._path} cannot be written: {error.strerror or error}")
            return False
        self._are_kept = True
        return True

    def _blame(self, name: str, known: ConsumedCatalog, fault: str) -> None:
        if fault != known.fault:
            known.fault = fault
            say("catalog-broken", told.broken(name, fault), zone=name, reason=fault)

    def _known(self, name: str) -> ConsumedCatalog:
        if name not in self._catalogs:
            guard = GoneZones()
            guard.held = frozenset(self.brought.books.get(name, _EMPTY).held)
            self._catalogs[name] = ConsumedCatalog(guard)
        return self._catalogs[name]

    # -- what operators say ---------------------------------------------------------------------

    async def obey(self, config: Config, meant: Set[str] | None) -> set[str]:
        """Apply ``config``; what is held back of the zones ``meant`` (None: of all) is intended.

        The name of a catalog stands for all of its zones. Return the zones that have changed.
        """
        async with self._turn:
            changed: set[str] = set()
            if config is not self._config:
                self._config = config
                changed = await asyncio.to_thread(self.brought.configure, config)
            there = {one.name for one in config.catalog}
            for name, catalog in self.brought.catalogs.items():
                if name not in there and self.brought.books.get(name, _EMPTY).members:
                    changed |= await self._take(name, catalog, CatalogContent(0, {}), ())
            for name, book in self.brought.books.items():
                if book.held and (meant is None or meant & {name, *book.held}):
                    changed |= await self._release(name, book, meant)
            return changed

    async def _release(self, name: str, book: CatalogBook, meant: Set[str] | None) -> set[str]:
        known = self._known(name)
        of_all = meant is None or name in meant
        released = membership.release(book, book.held.keys() if of_all else meant or set())
        if not await self._keep(name, known, {**self.brought.books, name: released.book}):
            return set()
        known.guard.held = frozenset(released.book.held)
        changed = self.brought.take({**self.brought.books, name: released.book})
        self.brought.reset(released.reset)
        told.released(name, released)
        self._look_again(name)
        return changed

    # -- what is told ---------------------------------------------------------------------------

    @property
    def problems(self) -> list[str]:
        """How the node differs from what catalogs want, as sentences."""
        found = [
            told.broken(name, known.fault) for name, known in self._catalogs.items() if known.fault
        ]
        for name, book in self.brought.books.items():
            if book.held:
                found.append(told.held(name, book))
        return found

    def row(self, zone: str) -> dict[str, Any]:
        """Return the facts about a zone: the catalog that brings it, or what it brings itself."""
        if (member := self.brought.member(zone)) is not None:
            return {"catalog": member.catalog, "template": member.template}
        if zone not in self.brought.catalogs:
            return {}
        book, known = self.brought.books.get(zone, _EMPTY), self._known(zone)
        return {
            "members": len(book.members),
            "held": len(book.held),
            "clashes": len(known.clashes),
            "catalog_fault": known.fault,
        }


def _read(path: Path) -> tuple[Books, bool]:
    """Return the books, and whether both files have them."""
    try:
        found = catalogbook.read(path.parent)
    except ValueError as error:
        lost = f"{error}: their zones come back when the catalogs are loaded"
        say("catalog-state-lost", lost, path=str(path))
        return {}, False
    if found.fault:
        told = f"{found.fault}: what catalogs have brought is taken from its copy"
        say("catalog-state-damaged", told, path=str(path))
    return found.books, found.are_in_both


def _write(path: Path, books: Books) -> None:
    data = catalogbook.encode(books)
    for one in (path, path.with_name(catalogbook.COPY)):
        durablefile.replace(one, data)


def _content(file: Path) -> CatalogContent:
    return content.read(recordfile.read(file))


def _hold(guard: GoneZones, share: float, now: float, there: Set[str], gone: Set[str]) -> Set[str]:
    return guard.decide(there, gone, share, now)


def _strangers(brought: BroughtZones, rows: Mapping[str, ZoneRow]) -> set[str]:
    """Return zones that are still served with data from before they were reset."""
    return {
        name
        for name, member in brought.zones.items()
        if (row := rows.get(name)) is not None
        and row.file != member.file
        and row.file.parent == member.file.parent
    }
