"""One plan on its way: its zones are built, and each is served as soon as it is.

What comes about at the same time is published together, because each time costs a write of the
ledger. Other plans are on their way at the same time; they take turns in publishing.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dnsd.control.zones.publication import Batch
from dnsd.control.zones.report import ZoneOutcome, ZoneReport
from dnsd.control.zones.table import apex_of
from dnsd.control.zones.ties import Ties

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence, Set

    from dnsd.build.images import Job
    from dnsd.build.pipeline import BuildResult
    from dnsd.control.zones.acceptance import Acceptance, LossTerms
    from dnsd.control.zones.building import Building
    from dnsd.control.zones.earlier import Earlier
    from dnsd.control.zones.publication import Publication
    from dnsd.control.zones.table import ZoneRow

    Build = Callable[[Sequence[Job], Callable[[Sequence[BuildResult]], object]], Awaitable[None]]

HEAD_START_S = 0.25
"""Zones that are built sooner than this after a start are served without a SERVFAIL before."""
GATHER_S = 0.1
"""Pause between two publications."""
PUBLISH_SHARE = 3
"""It is so many times as long as the last publication took, at least: a ledger of a hundred
thousand zones is not written ten times a second."""


@dataclass(frozen=True, slots=True)
class LoadingTools:
    """What all plans share: who builds, who judges, who publishes, and whose ``turn`` it is.

    ``left`` is called with zones as soon as they are dropped: the next plan may have them again.
    """

    build: Build
    building: Building
    earlier: Earlier
    acceptance: Acceptance
    publication: Publication
    left: Callable[[Collection[str]], object]
    turn: asyncio.Lock


class Loaded(NamedTuple):
    """What has become of a plan: reports of its zones, those dropped, and problems."""

    zones: list[ZoneReport]
    dropped: list[str]
    problems: list[str]


class Loading:
    """Builds the zones of ``jobs``, publishes them, and drops ``drop``.

    ``noted`` is called with the row of each zone that is done.
    """

    def __init__(
        self,
        tools: LoadingTools,
        jobs: Sequence[Job],
        drop: Collection[str],
        terms: LossTerms,
        noted: Callable[[ZoneRow], object],
    ) -> None:
        self._tools = tools
        self._jobs = {job.origin: job for job in jobs}
        self._terms = terms
        self._noted = noted
        published = tools.publication.publisher.published
        fresh = [one for one in self._jobs if published and apex_of(one) not in published]
        self._ties = Ties(self._jobs, fresh, drop)
        self._drop = drop
        self._in_hand = {*self._jobs, *drop}
        """Zones that are not done; those that are may be another plan's by now."""
        self._kept: list[BuildResult] = []
        self._arrived: list[BuildResult] = []
        self._news = asyncio.Event()
        self._has_begun = False
        self._task: asyncio.Task[None] | None = None
        self._cost = 0.0
        self._loaded = Loaded([], [], [])
        tools.building.begin(self._jobs, drop, time.monotonic())
        tools.publication.begun(self._jobs.values())

    async def begin(self) -> None:
        """Begin to build what no image can be used again for."""
        self._has_begun = True
        jobs = [*self._jobs.values()]
        self._kept = await asyncio.to_thread(self._tools.earlier.reusable, jobs)
        if self._kept or self._drop:
            self._news.set()  # they need not wait for what is built
        done = {one.origin for one in self._kept}
        if rest := [job for job in jobs if job.origin not in done]:
            self._task = asyncio.create_task(self._build(rest))

    async def open(self) -> None:
        """Publish what there is, the first time that this process does.

        Zones that are to come are served as an earlier run has left them; the others are
        answered with SERVFAIL until then.
        """
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=HEAD_START_S)
        results, drop = self._ties.ready(await self._take())
        coming = self._jobs.keys() - {one.origin for one in results}
        jobs = [job for origin, job in self._jobs.items() if origin in coming]
        early = await asyncio.to_thread(self._tools.earlier.of_zones, jobs)
        early = [one for one in early if not self._tools.publication.rows[one.origin].served]
        late = await self._held_back(early)
        early = [one for one in early if one.origin not in late]
        awaited = coming - {one.origin for one in early}
        await self._publish(Batch(results, drop, awaited), early)

    async def finish(self) -> Loaded:
        """Publish the rest as it comes."""
        try:
            if not self._has_begun:
                await self.begin()
            await self._publish_all()
            if self._task is not None:
                await self._task
        finally:
            self.end()
        return self._loaded

    def end(self) -> None:
        """Build nothing any more; what should have left by now is still to be dropped."""
        self._tools.publication.undropped |= self._in_hand.intersection(self._drop)
        self._tools.building.end(self._in_hand)
        self._tools.publication.ended(self._in_hand & self._jobs.keys())

    async def _build(self, jobs: Sequence[Job]) -> None:
        try:
            await self._tools.build(jobs, self._deliver)
        finally:
            self._news.set()

    def _deliver(self, results: Sequence[BuildResult]) -> None:
        self._arrived += results
        self._news.set()

    async def _publish_all(self) -> None:
        while True:
            if self._task is not None:
                await self._news.wait()
                self._news.clear()
            async with self._tools.turn:
                results, drop = self._ties.ready(await self._take())
                if results or drop:
                    await self._publish(Batch(results, drop), ())
            if self._has_ended:
                break
            assert self._task is not None, "else there is nothing to wait for"
            pause = max(GATHER_S, PUBLISH_SHARE * self._cost)
            await asyncio.wait({self._task}, timeout=pause)
        async with self._tools.turn:
            results, drop = self._ties.ready(self._take_kept())
            if results or drop:
                await self._publish(Batch(results, drop), ())

    @property
    def _has_ended(self) -> bool:
        return not self._arrived and (self._task is None or self._task.done())

    async def _take(self) -> list[BuildResult]:
        """Return what may be published now; what would wait for the disk comes last."""
        ready = [*self._take_kept(), *await self._accept()]
        late = await self._held_back(ready)
        self._kept = [one for one in ready if one.origin in late]
        return [one for one in ready if one.origin not in late]

    async def _held_back(self, results: Sequence[BuildResult]) -> Set[str]:
        return await asyncio.to_thread(self._tools.publication.held_back, results)

    def _take_kept(self) -> list[BuildResult]:
        kept, self._kept = self._kept, []
        return kept

    async def _accept(self) -> list[BuildResult]:
        """Return of what has arrived what may be published now; the rest waits for the others."""
        arrived, self._arrived = self._arrived, []
        if not arrived:
            return []
        judge = self._tools.acceptance.accept
        is_rest = self._task is None or self._task.done()
        judged = await asyncio.to_thread(judge, arrived, self._terms, may_wait=not is_rest)
        self._arrived = [*judged.waiting, *self._arrived]
        return judged.accepted

    async def _publish(self, batch: Batch, early: Sequence[BuildResult]) -> None:
        """Publish ``batch``, and zones that are to come as an ``early`` image has them."""
        began = time.monotonic()
        publication = self._tools.publication
        published = await publication.publish(
            Batch([*batch.results, *early], batch.drop, batch.awaited)
        )
        if published.problem:
            self._loaded.problems.append(published.problem)
        for result in published.results[: len(batch.results)]:
            self._note(result)
        for result in published.results[len(batch.results) :]:
            if result.image is not None:
                publication.note_early(result)
        self._loaded.dropped.extend(published.dropped)
        self._tools.left(published.dropped)
        done = {*(one.origin for one in batch.results), *batch.drop}
        self._in_hand -= done
        self._tools.building.end(done)
        self._tools.earlier.forget(one.origin for one in batch.results)
        publication.count_coming()
        self._cost = time.monotonic() - began

    def _note(self, result: BuildResult) -> None:
        row = self._tools.publication.note(result, self._jobs[result.origin])
        row.building = False
        row.was_served = self._tools.earlier.had(result.origin)
        self._noted(row)
        report = _report(result, row)
        self._tools.publication.tally.add(report.outcome, result.seconds)
        self._loaded.zones.append(report)


def _report(result: BuildResult, row: ZoneRow) -> ZoneReport:
    if result.is_loaded:
        outcome = ZoneOutcome.LOADED
    else:
        outcome = ZoneOutcome.FAILED if result.trouble else ZoneOutcome.BROKEN
    return ZoneReport(
        zone=result.origin,
        outcome=outcome,
        trouble=result.trouble,
        serial=row.served.serial if row.served else None,
        records=result.records,
        seconds=result.seconds,
        findings=result.findings,
    )
