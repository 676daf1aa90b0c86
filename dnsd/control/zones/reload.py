"""One reload: from what is on disk now to what the workers serve.

The only place where the table of zones changes. Reloads plan and publish one at a time, and build
beside each other, so that a small zone never waits for a large one; who asks for them, when, and
who is waiting is not its business.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dnsd.build import images
from dnsd.build.images import Job
from dnsd.build.stamps import observe
from dnsd.config.policyfile import places_of
from dnsd.control.catalogs.consuming import CatalogKeeper
from dnsd.control.catalogs.producing import produce
from dnsd.control.zones.acceptance import Acceptance, LossTerms
from dnsd.control.zones.building import Building
from dnsd.control.zones.earlier import Earlier
from dnsd.control.zones.loading import Loading, LoadingTools
from dnsd.control.zones.publication import Batch, Publication
from dnsd.control.zones.report import GOOD, ReloadReport, ZoneOutcome, ZoneReport
from dnsd.control.zones.roster import Roster
from dnsd.control.zones.table import ReloadPlan, ZoneRow, make_plan
from dnsd.control.zones.terms import BuildTerms
from dnsd.control.zones.unfetched import expired, unfetched
from dnsd.process import log
from dnsd.zone.sources import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence, Set

    from dnsd.build.builders import Deliver
    from dnsd.build.poolmeta import Pools
    from dnsd.config import Config, ZoneTransfers
    from dnsd.control.horizon.keeper import LedgerKeeper
    from dnsd.control.publish import Publisher
    from dnsd.control.zones.loading import Build, Loaded
    from dnsd.control.zones.tally import BuildTally
    from dnsd.control.zones.watch import Watch
    from dnsd.zone.findings import Finding

CONFIGURATION, DIRECTORY, EVERYTHING = "configuration", "directory", "everything"
"""What may be due besides zones. Those are called by their origins, which end with a dot."""


class _Step(NamedTuple):
    """A part of a reload: what is ``loading``, zones that are ``busy``, and what needs nothing."""

    loading: Loading
    busy: set[str]
    told: list[ZoneReport]
    problems: list[str]
    is_first: bool


class Reloader:
    """Brings the table of zones up to date; ``building`` are those that are just being built."""

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
        self._publication = Publication(publisher, pools, keeper)
        self._publisher = publisher
        self._keeper = keeper
        self._watch = watch
        self._stock = publisher.stock
        self._distrusted: set[str] = set()
        self.expired: set[str] = set()
        """Zones that are not answered, whatever their files are: they are too old."""
        self.catalogs = CatalogKeeper(config)
        self._brought = self.catalogs.brought
        self._earlier = Earlier(self._stock)
        self._roster = Roster(self._earlier, self._brought)
        self._acceptance = Acceptance(self._stock, self._earlier, self.rows, config.failover)
        self.building = Building(publisher.cells)
        self._is_open = False
        self._build = build
        self._tools = LoadingTools(
            self._build_fetched,
            self.building,
            self._earlier,
            self._acceptance,
            self._publication,
            self._left,
            asyncio.Lock(),
        )
        self._publication.go_on()
        for origin, row in self.rows.items():
            if row.served is not None:
                self._watch.follow(origin, row.stamps)
        self._roster.wanted = {origin: row.file for origin, row in self.rows.items()}
        brought = self._brought.zones
        self._roster.configured = {
            origin: file for origin, file in self._roster.wanted.items() if origin not in brought
        }

    async def run(
        self,
        due: Collection[str],
        named: Set[str] = frozenset(),
        forced: Set[str] = frozenset(),
        planned: Callable[[], object] = lambda: None,
    ) -> ReloadReport:
        """Load what has changed of what is ``due``, and publish it.

        ``due`` holds origins; with DIRECTORY, zones that have come or gone are due as well,
        with EVERYTHING all zones are. With CONFIGURATION (which has been read again) or
        DIRECTORY it is seen again which zones there are. Whether the files of zones that are
        ``named`` have changed, their octets tell, for all others their stamps do. What a zone in
        ``forced`` loses is meant; with EVERYTHING there, so is what any of them loses.

        ``planned`` is called when it is known what is to be done: then others may run beside it.
        A zone that is being built already, or is leaving, is looked at again when that has ended.
        """
        began = time.monotonic()
        problems: tuple[str, ...] = ()
        odd: tuple[Finding, ...] = ()
        zones: list[ZoneReport] = []
        async with self._tools.turn:
            others: set[str] = set()
            if CONFIGURATION in due or DIRECTORY in due:
                others = await self.catalogs.obey(self.config, _meant(forced))
                problems = await self._list(due, forced)
                odd = self.odd
                # While it is unknown which zones exist, none is reported as gone.
                others |= set() if problems else await self._produce()
            scope = self._scope(due) | others
            self._roster.follow(scope)
            step = await self._begin(scope, named, forced)
        planned()
        while True:
            done = await self._finish(step)
            zones += done.zones
            problems += (*done.problems,)
            if not step.busy:
                break
            await self.building.ended(step.busy)
            async with self._tools.turn:
                known = self._roster.wanted.keys() | self.rows.keys() | named
                step = await self._begin(step.busy & known, named, forced)
        good = all(zone.outcome in GOOD for zone in zones)
        return ReloadReport(
            ok=good and not problems and not odd,
            zones=tuple(sorted(zones, key=lambda zone: zone.zone)),
            problems=tuple(dict.fromkeys(problems)),
            odd=odd,
            seconds=time.monotonic() - began,
        )

    @property
    def rows(self) -> dict[str, ZoneRow]:
        """The table of zones by origin."""
        return self._publication.rows

    def begin_news(self) -> set[str]:
        """Return where it will stand which zones have changed; the reader takes them out."""
        news = self._publication.news = set(self.rows)
        return news

    @property
    def tally(self) -> BuildTally:
        """What was built."""
        return self._publication.tally

    @property
    def aliased(self) -> dict[str, ZoneRow]:
        """Those of them that are served with aliases."""
        return self._publication.aliased

    async def _begin(self, scope: set[str], named: Set[str], forced: Set[str]) -> _Step:
        """Begin with the zones in ``scope``, but for those that another reload is busy with."""
        if not self._is_open:
            wanted, said = self._roster.wanted, self._brought.transfers_of
            self.expired |= await asyncio.to_thread(expired, self.config, wanted, said)
        busy = {*self.building.among(scope)}
        plan = await asyncio.to_thread(self._plan, scope - busy, named)
        zones = self.config.zones
        terms = LossTerms(zones.shrink, zones.policy_grace, _meant(forced))
        loading = Loading(self._tools, self._jobs(plan.load), plan.drop, terms, self._noted)
        self._publication.share_paths(plan.load)
        told = [self._unchanged(origin) for origin in plan.unchanged]
        told += [ZoneReport(zone=one, outcome=ZoneOutcome.EXPIRED) for one in plan.expire]
        # Others than named ones are gone already: a catalog has taken them back, for example.
        strange = [one for one in plan.unknown if one in named]
        told += [ZoneReport(zone=one, outcome=ZoneOutcome.UNKNOWN) for one in strange]
        if is_first := not self._is_open:
            await self._open(loading)
        return _Step(loading, busy, told, await self._expire(plan.expire), is_first)

    async def _expire(self, files: Mapping[str, Path]) -> list[str]:
        """Have zones, with their files, answered no more; return why that cannot be."""
        if not files:
            return []
        published = await self._publication.publish(Batch((), expire=files))
        for origin in files:
            self._watch.forget(origin)  # its files do not matter until it is confirmed again
        return [published.problem] if published.problem else []

    async def _open(self, loading: Loading) -> None:
        """Begin with the first zones of this process."""
        try:
            await asyncio.to_thread(self._publisher.look_for_leftovers)
            await loading.begin()
            await loading.open()
        except BaseException:
            loading.end()
            raise
        self._is_open = True

    async def _finish(self, step: _Step) -> Loaded:
        """Do what is left of ``step``; return what has become of its zones."""
        try:
            loaded = await step.loading.finish()
        finally:
            if step.is_first:
                self._earlier.forget_all()
                await self._keeper.complete()
        told = [ZoneReport(zone=one, outcome=ZoneOutcome.DROPPED) for one in loaded.dropped]
        return loaded._replace(
            zones=[*loaded.zones, *step.told, *told], problems=[*loaded.problems, *step.problems]
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
            _meant(forced),
            frozenset(self.building.leaving),
        )
        self._watch.follow(DIRECTORY, seen.stamps)
        return seen.problems

    async def _produce(self) -> set[str]:
        """Write the catalogs of our own zones; return those that have changed."""
        try:
            return await asyncio.to_thread(produce, self.config, self._roster.configured)
        except OSError as error:
            told = f"a catalog of the zones here cannot be written: {error}"
            log.say("disk-refuses", told, path=str(error.filename))
            return set()

    @property
    def configured(self) -> Mapping[str, Path]:
        """The files of the zones that no catalog has brought, by origin."""
        return self._roster.configured

    def transfers_of(self, zone: str) -> ZoneTransfers:
        """Return the settings of a zone's transfers."""
        return self._brought.transfers_of(zone)

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
        scope |= known & self.building.leaving  # they may be back
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
        return make_plan(self.rows, self._roster.wanted, scope, changed, self.expired)

    def _has_changed(self, row: ZoneRow) -> bool:
        if self._earlier.is_new(row.origin):
            return True
        terms = self._terms_of(row.origin)
        going_by = self.config.zones.limits, self._include(), terms
        return (
            (row.limits, row.include, row.terms) != going_by
            or observe(row.stamps) != row.stamps
            or row.origin in self._distrusted
            or row.origin in self._publication.troubled
        )

    def _terms_of(self, origin: str) -> BuildTerms:
        return BuildTerms.of(self._brought.transfers_of(origin))

    def _reads_otherwise(self, row: ZoneRow) -> bool:
        limit = self.config.zones.limits.file_octets
        return any(digest_of(Path(path), limit) != was for path, was in row.digests.items())

    def _include(self) -> tuple[str, ...]:
        return tuple(map(str, self.config.zones.include))

    def unfinished(self) -> set[str]:
        """Return the zones with which something else than their files has kept us from ending.

        DIRECTORY, if that was so when it was seen which zones there are.
        """
        unlisted = {DIRECTORY} if self._roster.is_short else set()
        return self._publication.troubled | self._publication.undropped | unlisted

    def distrust(self, origin: str) -> None:
        """Have the image of the zone ``origin`` built again when it is due, whatever its files."""
        self._distrusted.add(origin)

    # -- from files to what is served ---------------------------------------------------------

    def _jobs(self, files: Mapping[str, Path]) -> list[Job]:
        config, memory = self.config, self._stock.memory
        paths = {origin: str(file) for origin, file in files.items()}
        policies = places_of(config, paths)
        directory, include = str(self._stock.directory), self._include()
        failover = config.failover.of_checks()
        return [
            Job(
                origin=origin,
                file=file,
                policy=policies[origin],
                limits=config.zones.limits,
                images=directory,
                memory=None if memory is None else memory.fd,
                failover=failover,
                include=include,
                before=row.image if (row := self.rows.get(origin)) else "",
                **self._terms_of(origin)._asdict(),
            )
            for origin, file in paths.items()
        ]

    async def _build_fetched(self, jobs: Sequence[Job], deliver: Deliver) -> None:
        """Build what has been fetched if it has to be; of the rest, it is said."""
        absent = await asyncio.to_thread(unfetched, self.config, jobs)
        if absent:
            deliver([*absent.values()])
        if there := [job for job in jobs if job.origin not in absent]:
            await self._build(there, deliver)

    def _noted(self, row: ZoneRow) -> None:
        if row.loaded:
            self._distrusted.discard(row.origin)
        self._watch.follow(row.origin, row.stamps)

    def _left(self, origins: Collection[str]) -> None:
        for origin in origins:
            self._watch.forget(origin)
            self._acceptance.grace.forget(origin)
        if origins:
            self._roster.dropped(len(origins))

    def _unchanged(self, origin: str) -> ZoneReport:
        served = self.rows[origin].served
        assert served, "a zone that is not served is never left as it is"
        return ZoneReport(
            zone=origin, outcome=ZoneOutcome.UNCHANGED, serial=served.serial, records=served.records
        )


def _meant(forced: Set[str]) -> Set[str] | None:
    """Return the zones that may go because an order says so; None: whichever."""
    return None if EVERYTHING in forced else forced
