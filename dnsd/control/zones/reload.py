"""One reload: from what is on disk now to what the workers serve.

The only place where the table of zones changes. Reloads come here one at a time; who asks
for them, when, and who is waiting is not its business.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dnsd.build import images
from dnsd.build.images import Job
from dnsd.build.pipeline import troubled
from dnsd.build.stamps import observe
from dnsd.control.horizon.declared import DeclaredZone
from dnsd.control.horizon.shelf import Shelved
from dnsd.control.zones.acceptance import Acceptance
from dnsd.control.zones.earlier import Earlier
from dnsd.control.zones.recover import recovered
from dnsd.control.zones.report import GOOD, ReloadReport, ZoneOutcome, ZoneReport
from dnsd.control.zones.roster import Roster
from dnsd.control.zones.table import ReloadPlan, ServedImage, ZoneRow, apex_of, make_plan
from dnsd.errors import StateError
from dnsd.image.journal import Drop, Entry, Placed, Put
from dnsd.zone.sources import digest_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence, Set

    from dnsd.build.pipeline import BuildResult
    from dnsd.build.poolmeta import PoolMeta, Pools
    from dnsd.config import Config
    from dnsd.control.horizon.keeper import LedgerKeeper
    from dnsd.control.publish import Publisher
    from dnsd.control.zones.watch import Watch
    from dnsd.zone.findings import Finding

    Build = Callable[[Sequence[Job]], Awaitable[list[BuildResult]]]

CONFIGURATION, DIRECTORY, EVERYTHING = "configuration", "directory", "everything"
"""What may be due besides zones. Those are called by their origins, which end with a dot."""


class Reloader:
    """Holds the table of zones (``rows`` by origin) and brings it up to date."""

    def __init__(
        self,
        config: Config,
        publisher: Publisher,
        watch: Watch,
        build: Build,
        pools: Pools,
        keeper: LedgerKeeper,
    ) -> None:
        self.config = config
        self.rows = recovered(publisher)
        self._publisher = publisher
        self._pools = pools
        self._keeper = keeper
        self._watch = watch
        self._build = build
        self._stock = publisher.stock
        self._distrusted: set[str] = set()
        self._undropped: set[str] = set()
        self._troubled: set[str] = set()
        self._earlier = Earlier(self._stock)
        self._roster = Roster(self._earlier)
        self._acceptance = Acceptance(self._stock, self._earlier, self.rows, config.failover)
        self._go_on()

    async def run(
        self,
        due: Collection[str],
        named: Set[str] = frozenset(),
        forced: Set[str] = frozenset(),
    ) -> ReloadReport:
        """Load what has changed of what is ``due``, and publish it.

        ``due`` holds origins; with DIRECTORY, zones that have come or gone are due as well,
        with EVERYTHING all zones are. With CONFIGURATION (which has been read again) or
        DIRECTORY it is seen anew which zones there are. Whether the files of zones that are
        ``named`` have changed, their octets tell, for all others their stamps do. What a zone in
        ``forced`` loses is meant; with EVERYTHING there, so is what any of them loses.
        """
        began = time.monotonic()
        problems: tuple[str, ...] = ()
        odd: tuple[Finding, ...] = ()
        if CONFIGURATION in due or DIRECTORY in due:
            problems = await self._list(due, forced)
            odd = self.odd
        plan = await asyncio.to_thread(self._plan, self._scope(due), named)
        results = [self._with_cells(result) for result in await self._load(plan.load, forced)]
        try:
            await self._pools.expect([pool for result in results for pool in result.pools])
            await self._keeper.declare(_changes(plan, results))
            self._publish(plan, results)
        except StateError as error:
            for result in results:
                if result.image is not None:
                    self._publisher.give_back(result.image)
            problems = (*problems, str(error))
            self._undropped.update(plan.drop)
            plan = replace(plan, drop=())
            results = [self._unpublished(result, str(error)) for result in results]
        for result in results:
            self._note(result, plan.load[result.origin])
        zones = self._reports(plan, results)
        good = all(zone.outcome in GOOD for zone in zones)
        return ReloadReport(
            ok=good and not problems and not odd,
            zones=zones,
            problems=problems,
            odd=odd,
            seconds=time.monotonic() - began,
        )

    def welcome(self, taken: Mapping[str, str]) -> None:
        """Have zones (by origin) served from their files, which the disk had refused before."""
        for origin, name in taken.items():
            self._earlier.add(origin, name)

    # -- what there is, and what is to be done ------------------------------------------------

    async def _list(self, due: Collection[str], forced: Set[str]) -> tuple[str, ...]:
        """See which zones there are; return why that cannot be told."""
        served = {origin: row.file for origin, row in self.rows.items() if row.served}
        seen = await asyncio.to_thread(
            self._roster.see,
            self.config,
            served,
            # An order to load all does not wait for writers.
            () if EVERYTHING in due else frozenset(self._watch.written),
            None if EVERYTHING in forced else forced,
        )
        self._watch.follow(DIRECTORY, seen.stamps)
        return seen.problems

    @property
    def absences(self) -> tuple[str, ...]:
        """What is to be told of policies that are away, as sentences."""
        return tuple(self._acceptance.grace.told.values())

    @property
    def odd(self) -> tuple[Finding, ...]:
        """What is to be told of the directory: files that are no zones, zones that are gone."""
        return self._roster.odd

    def _scope(self, due: Collection[str]) -> set[str]:
        """Return the zones to look at."""
        scope = set(due) - {CONFIGURATION, DIRECTORY}
        if EVERYTHING not in due and DIRECTORY not in due:
            return scope  # an edit of one of a hundred thousand
        known = self._roster.wanted.keys() | self.rows.keys()
        if EVERYTHING in due:
            return known
        return scope | {name for name in known if self._roster.wanted.get(name) != self._file(name)}

    def _file(self, origin: str) -> Path | None:
        row = self.rows.get(origin)
        return row.file if row else None

    def _plan(self, scope: set[str], named: Set[str]) -> ReloadPlan:
        known = scope & self.rows.keys()
        images_of = {one: row.served.image for one in known if (row := self.rows[one]).served}
        spoilt = images.changes(self._stock, images_of.values())
        changed = [one for one in known if images_of.get(one) in spoilt]
        changed += [origin for origin in known if self._has_changed(self.rows[origin])]
        changed += [origin for origin in known & named if self._reads_otherwise(self.rows[origin])]
        return make_plan(self.rows, self._roster.wanted, scope, changed)

    def _has_changed(self, row: ZoneRow) -> bool:
        if self._earlier.is_new(row.origin):
            return True
        terms = self.config.zones.limits, self._include()
        return (
            (row.limits, row.include) != terms
            or observe(row.stamps) != row.stamps
            or row.origin in self._distrusted
        )

    def _reads_otherwise(self, row: ZoneRow) -> bool:
        limit = self.config.zones.limits.file_octets
        return any(digest_of(Path(path), limit) != was for path, was in row.digests.items())

    def _include(self) -> tuple[str, ...]:
        return tuple(map(str, self.config.zones.include))

    def unfinished(self) -> set[str]:
        """Return the zones with which something else than their files has kept us from ending."""
        return self._troubled | self._undropped

    def distrust(self, origin: str) -> None:
        """Have the image of the zone ``origin`` built anew when it is due, whatever its files."""
        self._distrusted.add(origin)

    # -- from files to images -----------------------------------------------------------------

    async def _load(self, files: Mapping[str, Path], forced: Set[str]) -> list[BuildResult]:
        jobs = [
            Job(
                origin=origin,
                file=str(file),
                limits=self.config.zones.limits,
                images=str(self._stock.directory),
                memory=None if self._stock.memory is None else self._stock.memory.fd,
                failover=self.config.failover.of_checks(),
                include=self._include(),
            )
            for origin, file in files.items()
        ]
        kept = await asyncio.to_thread(self._earlier.reusable, jobs)
        done = {result.origin for result in kept}
        built = await self._build([job for job in jobs if job.origin not in done])
        zones = self.config.zones
        shares = {one: 1.0 if {one, EVERYTHING} & forced else zones.shrink for one in files}
        meant = files.keys() if EVERYTHING in forced else files.keys() & forced
        accept = self._acceptance.accept
        done_now = await asyncio.to_thread(accept, built, shares, meant, zones.policy_grace)
        found = [*kept, *done_now]
        self._earlier.forget()
        return found

    # -- from images to workers ---------------------------------------------------------------

    def _with_cells(self, result: BuildResult) -> BuildResult:
        """Return ``result``, failed if there is no room for its pools: others have theirs."""
        if result.image is None:
            return result
        try:
            self._publisher.take_cells(result.image, sum(pool.cells for pool in result.pools))
        except StateError as error:
            return self._unpublished(result, str(error))
        return result

    def _publish(self, plan: ReloadPlan, results: list[BuildResult]) -> None:
        """Tell the workers; StateError if that cannot be."""
        try:
            entries = [entry for result in results if (entry := self._entry(result))]
            entries += [Drop(apex_of(origin)) for origin in plan.drop]
            if entries or not self._publisher.generation:
                self._publisher.publish(entries)
            self._keeper.published(self._publisher.generation)
        except StateError:
            self._keeper.undo()
            for result in results:
                self._displace(result)
            raise
        self._roster.dropped(len(plan.drop))
        for origin in plan.drop:
            self._undropped.discard(origin)
            self._troubled.discard(origin)
            self._pools.remove(origin)
            del self.rows[origin]
            self._watch.forget(origin)
            self._acceptance.grace.forget(origin)

    def _entry(self, result: BuildResult) -> Entry | None:
        """Return what to tell the workers; nothing, if a broken zone stays as it was."""
        apex = apex_of(result.origin)
        if result.image is not None:
            return Put(apex, Placed(result.image, self._place(result.image, result)))
        return None if apex in self._publisher.published else Put(apex, None)

    def _place(self, image: str, result: BuildResult) -> int:
        """Put the pools of ``result`` into cells of their own, and return where they begin.

        The zone's pools of before have others, until the last worker has left their image.
        """
        cell = self._publisher.first_cell(image)
        if result.pools or self._served_pools(result.origin):
            self._pools.place(result.origin, result.pools, cell)
        return cell

    def _served_pools(self, origin: str) -> tuple[PoolMeta, ...]:
        row = self.rows.get(origin)
        return row.served.pools if row and row.served else ()

    def _displace(self, result: BuildResult) -> None:
        """Go back to the pools of before: the image of ``result`` is not published."""
        if result.image is None:
            return
        self._publisher.give_back(result.image)
        row = self.rows.get(result.origin)
        if row and row.served and row.served.pools:
            self._pools.place(result.origin, row.served.pools, row.served.cell)
        elif result.pools:
            self._pools.remove(result.origin)

    def _unpublished(self, result: BuildResult, problem: str) -> BuildResult:
        """Make a failure of a ``result`` that no worker will know of."""
        if result.image is None:
            return result
        if not result.is_stale:
            self._stock.remove(result.image)
        file = next(iter(result.sources))
        job = Job(origin=result.origin, file=file, limits=self.config.zones.limits, images="")
        return msgspec.structs.replace(troubled(job, problem), sources=result.sources)

    def _note(self, result: BuildResult, file: Path) -> None:
        now = time.time()
        row = self.rows.get(result.origin)
        if row is None:
            row = self.rows[result.origin] = ZoneRow(result.origin, file, now)
        loaded = result.is_loaded
        if loaded or row.loaded:
            row.since = now
        if result.image is not None:
            placed = self._publisher.published[apex_of(result.origin)]
            assert placed is not None, "it has just been published"
            row.served = ServedImage.of(result, result.image, placed.cell)
        row.file, row.limits, row.loaded = file, self.config.zones.limits, loaded
        row.include, row.digests = self._include(), result.digests
        row.findings, row.stamps, row.trouble = result.findings, result.sources, result.trouble
        (self._troubled.add if row.trouble else self._troubled.discard)(result.origin)
        if loaded:
            self._distrusted.discard(result.origin)
        row.was_served = self._earlier.had(result.origin)
        self._watch.follow(result.origin, result.sources)

    def _reports(self, plan: ReloadPlan, results: list[BuildResult]) -> tuple[ZoneReport, ...]:
        reports = [self._loaded(result) for result in results]
        reports += [self._unchanged(origin) for origin in plan.unchanged]
        reports += [ZoneReport(zone=origin, outcome=ZoneOutcome.DROPPED) for origin in plan.drop]
        reports += [ZoneReport(zone=origin, outcome=ZoneOutcome.UNKNOWN) for origin in plan.unknown]
        return tuple(sorted(reports, key=lambda report: report.zone))

    def _loaded(self, result: BuildResult) -> ZoneReport:
        served = self.rows[result.origin].served
        if result.is_loaded:
            outcome = ZoneOutcome.LOADED
        else:
            outcome = ZoneOutcome.FAILED if result.trouble else ZoneOutcome.BROKEN
        return ZoneReport(
            zone=result.origin,
            outcome=outcome,
            trouble=result.trouble,
            serial=served.serial if served else None,
            records=result.records,
            seconds=result.seconds,
            findings=result.findings,
        )

    def _unchanged(self, origin: str) -> ZoneReport:
        served = self.rows[origin].served
        assert served, "a zone that is not served is never left as it is"
        return ZoneReport(
            zone=origin, outcome=ZoneOutcome.UNCHANGED, serial=served.serial, records=served.records
        )

    # -- after an earlier control process -----------------------------------------------------

    def _go_on(self) -> None:
        """Have the others know what is served already."""
        known: dict[str, DeclaredZone] = {}
        for origin, row in self.rows.items():
            if row.served is None:
                continue
            known[origin] = _zone(row.served)
            if row.served.pools:
                count = sum(pool.cells for pool in row.served.pools)
                self._publisher.claim_cells(Placed(row.served.image, row.served.cell), count)
                self._pools.place(origin, row.served.pools, row.served.cell)
            self._watch.follow(origin, row.stamps)
        if known:
            self._keeper.recover(known, self._publisher.generation)
        self._roster.wanted = {origin: row.file for origin, row in self.rows.items()}


def _changes(plan: ReloadPlan, results: Sequence[BuildResult]) -> dict[str, DeclaredZone | None]:
    """Return the zones that are about to be served, and those that are no more."""
    loaded = {
        result.origin: _zone(ServedImage.of(result, result.image))
        for result in results
        if result.image is not None
    }
    return {**loaded, **dict.fromkeys(plan.drop)}


def _zone(served: ServedImage) -> DeclaredZone:
    """Return what the ledger is told of a zone."""
    return DeclaredZone(Shelved(served.image, served.contents), served.pools)
