"""From images to workers: zones are declared in the ledger, published, and noted in their rows.

The publisher has the table of zones for itself meanwhile. Knows nothing of files and builds.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from dnsd.build.pipeline import BuildResult
from dnsd.control.horizon.declared import DeclaredZone
from dnsd.control.horizon.shelf import Shelved
from dnsd.control.zones.recover import recovered
from dnsd.control.zones.table import ServedImage, ZoneRow, ZoneState, apex_of
from dnsd.control.zones.tally import BuildTally
from dnsd.control.zones.terms import BuildTerms, shared
from dnsd.errors import StateError
from dnsd.image.journal import Drop, Entry, Placed, Put, Unanswered
from dnsd.image.state import ControlCells

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence, Set

    from dnsd.build.images import Job
    from dnsd.build.poolmeta import PoolMeta, Pools
    from dnsd.control.horizon.keeper import LedgerKeeper
    from dnsd.control.publish import Publisher


class Batch(NamedTuple):
    """What is published at once: ``results``, zones to ``drop``, and zones that are ``awaited``.

    Awaited are those that are going to be served later, and are answered with SERVFAIL until then.
    What is to ``expire``, with its file, is answered so from now on.
    """

    results: Sequence[BuildResult]
    drop: Collection[str] = ()
    awaited: Set[str] = frozenset()
    expire: Mapping[str, Path] = MappingProxyType({})


class Published(NamedTuple):
    """What has become of a batch; ``problem`` is why no worker will know of it, if so."""

    results: list[BuildResult]
    dropped: Collection[str] = ()
    problem: str = ""


class Publication:
    """Holds the table of zones (``rows`` by origin).

    ``undropped`` are zones that could not be dropped, ``troubled`` those with which something else
    than their files has kept us from ending.
    """

    def __init__(self, publisher: Publisher, pools: Pools, keeper: LedgerKeeper) -> None:
        self.rows = recovered(publisher)
        self.aliased: dict[str, ZoneRow] = {}
        """The rows of zones that are served with aliases: they are looked at all the time."""
        self.news: set[str] | None = None
        """Zones that have changed in any way, for their reader; None: there is none."""
        for row in self.rows.values():
            self._serve(row, row.served)
        self.tally = BuildTally()
        self.undropped: set[str] = set()
        self.troubled: set[str] = set()
        self._coming: set[str] = set()
        """Zones that are being built and get no answers until then."""
        self.publisher = publisher
        self._pools = pools
        self._keeper = keeper
        self._stock = publisher.stock

    async def publish(self, batch: Batch) -> Published:
        """Have the workers serve ``batch``; what fails is as before, and nothing of it is left."""
        results = [self._with_cells(result) for result in batch.results]
        try:
            await self._pools.expect([pool for result in results for pool in result.pools])
            gone = (*batch.drop, *batch.expire)
            await self._keeper.declare(_changes(gone, results), batch.awaited)
            self._publish(results, batch)
        except StateError as error:
            for result in results:
                if result.image is not None:
                    self.publisher.give_back(result.image)
            self.undropped.update((*batch.drop, *batch.expire))
            failed = [self._unpublished(result, str(error)) for result in results]
            return Published(failed, (), str(error))
        for origin in batch.drop:
            self.undropped.discard(origin)
            self.troubled.discard(origin)
            self._pools.remove(origin)
            self._coming.discard(origin)
            self._serve(self.rows.pop(origin), None)
        for origin, file in batch.expire.items():
            self._expire(origin, file)
        return Published(results, batch.drop)

    def held_back(self, results: Sequence[BuildResult]) -> Set[str]:
        """Return the zones of ``results`` that would wait for the disk, as others need not."""
        if not self._keeper.is_stuck():
            return frozenset()
        zones = _changes((), results)
        return self._keeper.undeclared({one: zone for one, zone in zones.items() if zone})

    def _expire(self, origin: str, file: Path) -> None:
        """Write down that a zone is not served any more because of its age."""
        self.undropped.discard(origin)
        self.troubled.discard(origin)
        self._coming.discard(origin)
        self._pools.remove(origin)
        row = self.rows.setdefault(origin, ZoneRow(origin, file, time.time(), is_expired=True))
        if not row.is_expired:
            row.since = time.time()
        self._serve(row, None)
        row.loaded, row.trouble, row.is_expired = False, "", True

    def note(self, result: BuildResult, job: Job) -> ZoneRow:
        """Write down in its row what has become of a zone that was to be built as ``job``."""
        now = time.time()
        self._coming.discard(result.origin)
        self._tell(result.origin)
        row = self.rows.get(result.origin)
        if row is None:
            row = self.rows[result.origin] = ZoneRow(result.origin, Path(job.file), now)
        loaded = result.is_loaded
        if loaded or row.loaded:
            row.since = now
        if result.image is not None:
            self._serve(row, self._served(result, result.image))
        if str(row.file) != job.file:
            row.file = Path(job.file)
        row.limits, row.loaded, row.is_early = job.limits, loaded, False
        row.is_expired = False
        row.include, row.digests = job.include, result.digests
        row.terms = shared(BuildTerms(job.serial, job.is_given, job.is_catalog))
        row.findings, row.stamps, row.trouble = result.findings, result.sources, result.trouble
        row.seconds = result.seconds
        # Others would wait for the next change, if the disk has refused this version.
        is_unkept = loaded and job.is_given and not result.version
        is_troubled = bool(row.trouble) or is_unkept
        (self.troubled.add if is_troubled else self.troubled.discard)(result.origin)
        return row

    def note_early(self, result: BuildResult) -> None:
        """Write down that a zone is served as an earlier run has left it, until it is built."""
        self._coming.discard(result.origin)
        row = self.rows[result.origin]
        assert result.image is not None, "it is an image that was left"
        self._serve(row, self._served(result, result.image))
        row.is_early, row.since = True, time.time()

    def begun(self, jobs: Collection[Job]) -> None:
        """Write down that the zones of ``jobs`` are being built."""
        for job in jobs:
            if job.origin not in self.rows:
                self.rows[job.origin] = ZoneRow(job.origin, Path(job.file), time.time())
                self._tell(job.origin)
            row = self.rows[job.origin]
            row.building = True
            if row.state == ZoneState.LOADING:
                self._coming.add(job.origin)

    def share_paths(self, files: Mapping[str, Path]) -> None:
        """Keep one path for each zone, not one in its row and one among those that are wanted."""
        for origin, file in files.items():
            if str(self.rows[origin].file) == str(file):
                self.rows[origin].file = file

    def ended(self, origins: Collection[str]) -> None:
        """Write down that zones are being built no more; those without a result are in trouble."""
        for origin in origins:
            self._coming.discard(origin)
            if (row := self.rows.get(origin)) is not None and row.building:
                row.building = False
                if not row.stamps:
                    self.troubled.add(origin)

    def count_coming(self) -> None:
        """Let the master see how many zones are still to come."""
        self.publisher.cells[ControlCells.COMING] = len(self._coming)

    def _tell(self, origin: str) -> None:
        if self.news is not None:
            self.news.add(origin)

    def _serve(self, row: ZoneRow, served: ServedImage | None) -> None:
        row.served = served
        self._tell(row.origin)
        if served is not None and served.aliases:
            self.aliased[row.origin] = row
        else:
            self.aliased.pop(row.origin, None)

    def _served(self, result: BuildResult, image: str) -> ServedImage:
        placed = self.publisher.published[apex_of(result.origin)]
        assert isinstance(placed, Placed), "it has just been published"
        return ServedImage.of(result, image, placed.cell)

    def _with_cells(self, result: BuildResult) -> BuildResult:
        """Return ``result``, failed if there is no room for its pools: others have theirs."""
        if result.image is None:
            return result
        try:
            self.publisher.take_cells(result.image, sum(pool.cells for pool in result.pools))
        except StateError as error:
            return self._unpublished(result, str(error))
        return result

    def _publish(self, results: list[BuildResult], batch: Batch) -> None:
        """Tell the workers; StateError if that cannot be."""
        awaited = [apex_of(origin) for origin in batch.awaited]
        try:
            entries = [entry for result in results if (entry := self._entry(result))]
            entries += [Drop(apex_of(origin)) for origin in batch.drop]
            entries += [Put(apex_of(origin), Unanswered.EXPIRED) for origin in batch.expire]
            entries += [Put(one, None) for one in awaited if one not in self.publisher.published]
            if entries or not self.publisher.generation:
                self.publisher.publish(entries)
            self._keeper.published(self.publisher.generation)
        except StateError:
            self._keeper.undo()
            for result in results:
                self._displace(result)
            raise

    def _entry(self, result: BuildResult) -> Entry | None:
        """Return what to tell the workers; nothing, if a broken zone stays as it was."""
        apex = apex_of(result.origin)
        if result.image is not None:
            return Put(apex, Placed(result.image, self._place(result.image, result)))
        return None if apex in self.publisher.published else Put(apex, None)

    def _place(self, image: str, result: BuildResult) -> int:
        """Put the pools of ``result`` into cells of their own, and return where they begin.

        The zone's earlier pools have others, until the last worker has left their image.
        """
        cell = self.publisher.first_cell(image)
        if result.pools or self._served_pools(result.origin):
            self._pools.place(result.origin, result.pools, cell)
        return cell

    def _served_pools(self, origin: str) -> tuple[PoolMeta, ...]:
        row = self.rows.get(origin)
        return row.served.pools if row and row.served else ()

    def _displace(self, result: BuildResult) -> None:
        """Go back to the earlier pools: the image of ``result`` is not published."""
        if result.image is None:
            return
        self.publisher.give_back(result.image)
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
        return BuildResult(origin=result.origin, trouble=problem, sources=result.sources)

    # -- after an earlier control process -----------------------------------------------------

    def go_on(self) -> None:
        """Have the others know what is served already."""
        known: dict[str, DeclaredZone] = {}
        for origin, row in self.rows.items():
            if row.served is None:
                continue
            known[origin] = _zone(row.served)
            if row.served.pools:
                count = sum(pool.cells for pool in row.served.pools)
                self.publisher.claim_cells(Placed(row.served.image, row.served.cell), count)
                self._pools.place(origin, row.served.pools, row.served.cell)
        if known:
            self._keeper.recover(known, self.publisher.generation)


def _changes(
    drop: Collection[str], results: Sequence[BuildResult]
) -> dict[str, DeclaredZone | None]:
    """Return the zones that are about to be served, and those that are no more."""
    loaded = {
        result.origin: _zone(ServedImage.of(result, result.image))
        for result in results
        if result.image is not None
    }
    return {**loaded, **dict.fromkeys(drop)}


def _zone(served: ServedImage) -> DeclaredZone:
    """Return what the ledger is told of a zone."""
    return DeclaredZone(Shelved(served.image, served.contents), served.pools)
