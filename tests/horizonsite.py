"""A node's ledger with all around it but processes: zones, words, workers, caches, a clock.

Zones are built by the real builder and images are real; the worker answers from what it has got
to, and notes pools as the hot path does. Nothing here sleeps.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from functools import cache
from ipaddress import ip_address
from math import ceil
from pathlib import Path
from typing import NamedTuple

import msgspec

from dnsd.build.images import Job
from dnsd.build.pipeline import BuildResult
from dnsd.build.poolmeta import PoolMeta
from dnsd.caches.judge import Verdict
from dnsd.caches.ledger import Ledger
from dnsd.caches.report import WEEK_S, NodeReport
from dnsd.caches.version import CacheQuestion, Version, about_target
from dnsd.config import Limits
from dnsd.control.failover.selections import Noted, PoolCells
from dnsd.control.horizon.ask import Horizon
from dnsd.control.horizon.coverage import PoolAccount
from dnsd.control.horizon.declared import DeclaredZone
from dnsd.control.horizon.keeper import LedgerKeeper
from dnsd.control.horizon.lease import Clocks, Lease
from dnsd.control.horizon.ledgerfile import NAME, LedgerFile
from dnsd.control.horizon.poolbook import PoolAnswers, PoolRRset, addresses_of, version_of
from dnsd.control.horizon.shelf import Shelved
from dnsd.image.selection import NOTES, Mode, cells
from dnsd.image.stock import Stock
from dnsd.process.statedir import IMAGES
from tests.building import build_zone

APEX = "example.com."
POOL = PoolRRset("pool.example.com.", "A")
POLICY = '[[pool]]\nname = "pool"\ntype = "A"\ncheck = "none"\nttl_min = 2\n'


class Content(NamedTuple):
    """What a zone has: static addresses by (relative) name, with a TTL, and members of a pool."""

    hosts: tuple[tuple[str, str, int], ...] = ()
    members: tuple[str, ...] = ()
    pool_ttl: int = 30
    more: tuple[str, ...] = ()
    select: str = "all"

    @property
    def text(self) -> str:
        lines = ["@ 60 SOA ns h 1 3600 600 86400 20", "@ 60 NS ns", "ns 60 A 192.0.2.53"]
        lines += [f"{name} {ttl} A {address}" for name, address, ttl in self.hosts]
        lines += [f"pool {self.pool_ttl} A {member}" for member in self.members]
        return "".join(f"{line}\n" for line in (*lines, *self.more))


@cache
def _directory() -> Path:
    """Return where images are made, once for each content."""
    return Path(tempfile.mkdtemp(prefix="dnsd-images-"))


@cache
def built(content: Content) -> tuple[BuildResult, bytes]:
    """Return the zone, built, and its image."""
    directory = _directory()
    file = directory / "example.com.zone"
    file.write_text(content.text)
    policy = directory / "example.com.toml"
    policy.unlink(missing_ok=True)
    if content.members:
        policy.write_text(f'{POLICY}select = "{content.select}"\n')
    job = Job(origin=APEX, file=str(file), limits=Limits(), images=str(directory))
    result = build_zone(job)
    assert result.image, result.findings
    return result, (directory / result.image).read_bytes()


class Placed(NamedTuple):
    """A pool in cells of its own, and the worker's view of them."""

    meta: PoolMeta
    cells: PoolCells
    selections: memoryview
    notes: memoryview


class Generation(NamedTuple):
    """What a worker answers from."""

    content: Content | None
    placed: Placed | None


class SiteClocks(Clocks):
    """Those of a site; ``boots`` counts the starts of the machine.

    ``set_back`` is how far somebody has set back the clock of the day.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self.boots = 1
        self.set_back = 0.0

    def boot(self) -> str:
        return f"boot {self.boots}"

    def running(self) -> float:
        return self._site.now

    def day(self) -> float:
        return self._site.now + 1e9 - self.set_back

    async def sleep(self, seconds: float) -> None:
        self._site.now += seconds


class Site:
    """The node; ``now`` is the time by its clock."""

    def __init__(
        self, directory: Path, begin: Content | None = None, ceiling: int | None = None
    ) -> None:
        self.now = 1000.0
        self.ceiling = ceiling
        self.name = "a"
        self.directory = directory
        (directory / IMAGES).mkdir(parents=True)
        self.generations: list[Generation] = [Generation(None, None)]
        self.reached = 0
        self.released = 0
        self.removed: frozenset[str] = frozenset()
        self.wanted: frozenset[str] = frozenset()
        self.ttl = 5
        self.held: list[tuple[str, float]] = []
        self._zone: DeclaredZone | None = None
        # It knows what it has given out for so long that nothing else can be in caches.
        (directory / NAME).write_bytes(Ledger("a", self.now - 2 * WEEK_S).dump(self.now))
        self.clocks = SiteClocks(self)
        Lease(directory, self.clocks).renew()
        self.begin()
        if begin is not None:
            self.load(begin)
            self.reach()

    def begin(self) -> None:
        """Begin as a new control process."""
        stock = Stock(self.directory / IMAGES)
        file = LedgerFile(self.directory, clocks=self.clocks)
        self.keeper = LedgerKeeper(self.name, file, stock, lambda: self.reached, lambda: self.now)
        self.horizon = Horizon(self.keeper, self.sweep, stamp=self.stamp)

    def stamp(self, report: NodeReport, _ledger: Ledger, _now: float) -> NodeReport:
        return msgspec.structs.replace(report, ceiling=self.ceiling)

    # -- what control does ----------------------------------------------------------------

    def load(self, content: Content | None) -> None:
        """Publish another content; None: the zone is dropped."""
        zone = None if content is None else self.zone(content)
        asyncio.run(self.keeper.declare({APEX: zone}))
        placed = None
        if zone and zone.pools:
            placed = self.place(zone.pools[0])
        self.generations.append(Generation(content, placed))
        self._zone = zone
        self.decide()
        self.keeper.published(len(self.generations) - 1)

    def zone(self, content: Content) -> DeclaredZone:
        result, image = built(content)
        assert result.image
        path = self.directory / IMAGES / result.image
        if not path.exists():
            path.write_bytes(image)
        return DeclaredZone(Shelved(result.image, result.contents), result.pools)

    def place(self, meta: PoolMeta) -> Placed:
        count = cells(len(addresses_of(meta)))
        selections = memoryview(bytearray(8 * count)).cast("Q")
        notes = memoryview(bytearray(4 * count)).cast("I")
        told = PoolCells(
            selections, [notes], count - NOTES, self.now, lambda one: self.told(meta, one)
        )
        return Placed(meta, told, selections, notes)

    def told(self, meta: PoolMeta, noted: Noted) -> None:
        self.keeper.pools.noted(meta, noted.mask, noted.mode, noted.until, self.now)

    def placements(self) -> list[Placed]:
        """Return the pool in all cells that are not released."""
        live = self.generations[self.released :]
        return [one.placed for one in live if one.placed is not None]

    def decide(self, mode: Mode = Mode.ANSWER) -> None:
        """Write what is answered into all cells, once that is on disk, and tell the keeper."""
        self.announce()
        for placed in self.placements():
            addresses = addresses_of(placed.meta)
            free = [one for one in addresses if one not in self.removed] or list(addresses)
            chosen = [one for one in free if one in self.wanted] or free
            mask = sum(1 << at for at, one in enumerate(addresses) if one in chosen)
            mask = 0 if mode == Mode.NODATA else mask
            placed.cells.write(mask, self.ttl, mode, self.now)
        self.give()

    def announce(self) -> None:
        """Declare what is about to be answered."""
        for placed in self.placements():
            addresses = frozenset(addresses_of(placed.meta))
            coming = PoolAccount(addresses - self.removed or addresses, placed.meta.ttl)
            self.keeper.pools.announce(POOL, coming, self.now)
            if not self.keeper.coverage.covers(POOL, coming):
                asyncio.run(self.keeper.save())
                assert self.keeper.coverage.covers(POOL, coming)

    def give(self) -> None:
        """Tell the keeper what workers answer now."""
        served: set[Version] = set()
        lasting: set[Version] = set()
        possible: set[str] = set()
        ttl = 0
        for placed in self.placements():
            selection, meta = placed.cells.selection, placed.meta
            masks = [selection.mask]
            if selection.mode == Mode.SOME:
                masks = [1 << at for at in range(32) if selection.mask >> at & 1]
            versions = {version_of(meta, mask, selection.mode) for mask in masks}
            served |= versions
            lasting = versions if placed is self.generations[-1].placed else set()
            ttl = max(ttl, meta.ttl)
        if latest := [one for one in self.generations[-1:] if one.placed]:
            assert latest[0].placed
            addresses = set(addresses_of(latest[0].placed.meta))
            possible = addresses - self.removed or addresses
        leaving = frozenset(served - lasting)
        given = PoolAnswers(frozenset(served), frozenset(possible), ttl, leaving)
        known = self.placements() or POOL in self.keeper.pools.decided
        if known:
            self.keeper.pools.given(POOL, given, self.now)

    def reach(self) -> None:
        """Have the worker get to the latest generation."""
        self.reached = len(self.generations) - 1
        self.keeper.retire()
        self.sweep()
        self.released = self.reached
        self.give()

    def sweep(self) -> None:
        for placed in self.placements():
            placed.cells.sweep(self.now)
        self.keeper.pools.swept(self.now)

    def turn(self) -> None:
        self.sweep()
        asyncio.run(self.keeper.turn())

    # -- what happens to it ---------------------------------------------------------------

    def crash(self, away: float, content: Content | None) -> None:
        """End the node without a word; another one begins later, with another content."""
        self.now += away
        self.generations = [Generation(None, None)]
        self.reached = self.released = 0
        self.begin()
        self.load(content)
        self.reach()

    def crash_control(self) -> None:
        """End control; workers go on."""
        self.begin()
        if self._zone is not None:
            self.keeper.recover({APEX: self._zone}, len(self.generations) - 1)
        else:
            asyncio.run(self.keeper.declare({}))
        self.give()

    # -- caches ---------------------------------------------------------------------------

    def ask(self) -> None:
        """Have a cache ask the worker for all there is."""
        content, placed = self.generations[self.reached]
        if content is None:
            return
        self.held += [(address, self.now + ttl) for _, address, ttl in content.hosts]
        if placed is None:
            return
        selection = placed.cells.selection
        assert selection.mode != Mode.UNSET
        addresses = addresses_of(placed.meta)
        chosen = [at for at in range(len(addresses)) if selection.mask >> at & 1]
        notes = [selection.note_index]
        if selection.mode == Mode.SOME:
            first = int(self.now) % len(chosen)
            chosen = (chosen[first:] + chosen[:first])[: placed.meta.policy.take or 1]
            notes = [NOTES + one for one in chosen]
        until = ceil(self.now) + selection.ttl
        for note in notes:
            placed.notes[note] = max(placed.notes[note], until)
        self.held += [(addresses[at], self.now + selection.ttl) for at in chosen]

    def verdict(self, question: CacheQuestion) -> Verdict:
        self.keeper.served.search(question)
        return self.horizon.judge(question, self.now, self.now)

    def about(self, target: str) -> Verdict:
        """Return what is said of an address."""
        return self.verdict(about_target(target))

    def holds(self, target: str) -> bool:
        """Return whether a cache has the address now."""
        canonical = str(ip_address(target))
        return any(one == canonical and until > self.now for one, until in self.held)


def remove_images() -> None:
    """Delete what :func:`built` has made; what another module builds is made again."""
    shutil.rmtree(_directory())
    _directory.cache_clear()
    built.cache_clear()
