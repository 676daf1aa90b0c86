"""Control at work: its parts, what asks for reloads, and the signs of life.

Nothing here takes long: files are read and zones built in threads and processes beside the
event loop.
"""

from __future__ import annotations

import asyncio
import math
import socket
import time
from typing import TYPE_CHECKING, Any

from dnsd.build.builders import build_all
from dnsd.caches.report import WEEK_S
from dnsd.config import origins
from dnsd.control import limited, status
from dnsd.control.aliases import AliasKeeper
from dnsd.control.anycast.probes import Probes
from dnsd.control.anycast.report import report
from dnsd.control.converge import PERIOD_S, Convergence
from dnsd.control.cookies import CookieSecrets
from dnsd.control.delivery import Delivery
from dnsd.control.demand import DemandKeeper
from dnsd.control.disk import Disk
from dnsd.control.effective import in_force
from dnsd.control.failover.engine import FailoverEngine
from dnsd.control.failover.out import OutMembers
from dnsd.control.failover.peers import Peers
from dnsd.control.failover.recallfile import RecallFile
from dnsd.control.failover.report import kept_orders, summary
from dnsd.control.failover.statefile import StateFile
from dnsd.control.hooks.hooks import FILE, Hooks
from dnsd.control.horizon.ask import Horizon
from dnsd.control.horizon.identity import Identity, instance_of, listens_of
from dnsd.control.horizon.keeper import LedgerKeeper
from dnsd.control.horizon.ledgerfile import LedgerFile
from dnsd.control.horizon.memory import LedgerMemory
from dnsd.control.horizon.outside import Outside
from dnsd.control.horizon.past import pools_before
from dnsd.control.nothing import NO_TRANSFERS
from dnsd.control.publish import Publisher
from dnsd.control.replaced import Replacements
from dnsd.control.tap.desk import TapDesk
from dnsd.control.zones import signatures
from dnsd.control.zones.readiness import Readiness
from dnsd.control.zones.reload import CONFIGURATION, EVERYTHING, Reloader
from dnsd.control.zones.report import ReloadReport, ZoneOutcome, narrow
from dnsd.control.zones.requests import ReloadRequest, Requests
from dnsd.control.zones.watch import Watch
from dnsd.control.zones.watching import Watching, keep_fresh
from dnsd.control.zones.writers import ends
from dnsd.errors import AdminError
from dnsd.image.keepsake import Keepsake, Keepsakes
from dnsd.image.memory import Memory
from dnsd.image.state import ControlCells, WorkerCells, XfrdCells
from dnsd.image.stock import Stock
from dnsd.process.durablefile import Durable
from dnsd.process.statedir import IMAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set
    from pathlib import Path

    from dnsd.control.anycast.plane import Plane
    from dnsd.control.spec import ControlSpec
    from dnsd.control.transfers.link import TransferLink
    from dnsd.control.web.metrics import MetricsSource
    from dnsd.control.web.zonemetrics import BuildFigures
    from dnsd.control.zones.loading import Build
    from dnsd.image.state import StateVector


class Node:
    """Everything control does, as tasks of one event loop."""

    def __init__(self, spec: ControlSpec, vector: StateVector, build: Build = build_all) -> None:
        self._spec = spec
        self._vector = vector
        kept = Keepsakes(spec.kept_fd, vector)
        self._replaced = Replacements(vector)
        self._effective = in_force(spec, vector.control, kept.config)
        config = self._effective.config
        node = config.server.server_id or socket.gethostname()
        directory = config.server.state_directory
        self._stock = stock = Stock(directory / IMAGES, Memory(spec.images_fd))
        instance = instance_of(spec.run, spec.started)
        peers = Peers(node, config.failover, instance=instance, memory=RecallFile(directory))
        identity = Identity(instance, spec.started / 1e9, peers, self._ceiling, listens_of(config))
        file = LedgerFile(directory, kept.ledger)
        self.keeper = LedgerKeeper(
            node, file, stock, self._reached, meet=identity.meet, beat=self._beat_of_workers
        )
        self.horizon = Horizon(self.keeper, self._sweep, lambda: self.engine.doubt, identity.stamp)
        self.engine = FailoverEngine(
            vector,
            StateFile(directory, kept.pools, past=pools_before(file)),
            LedgerMemory(self.keeper, self.horizon),
            peers=peers,
            failover=config.failover,
        )
        self.hooks = self._telling(node, Durable(directory / FILE, kept.hooks))
        self._publisher = Publisher(stock, spec.journal_fd, vector, self.engine.release)
        self._watch = Watch(config.zones.settle, ends)
        self._reloader = Reloader(
            config, self._publisher, self._watch, build, self.engine, self.keeper
        )
        self.horizon.outside = Outside(self.keeper, self._reloader)
        self._readiness = self._waiting()
        self._convergence = Convergence(vector, self._publisher, self._reloader)
        self._disk = Disk(directory, stock, self._reloader.rows.values)
        cookies = CookieSecrets(spec.config, vector, self._publisher)
        delivery = Delivery(self._publisher, self._reloader, self._convergence, cookies)
        self._requests = Requests(
            self._effective, self._reloader, self._watch, delivery, cookies, self.keeper
        )
        self.out = OutMembers(self.engine)
        self.demand, self.tap = self._counting(), TapDesk(vector, lambda: self._effective.config)
        self.aliases = self._following(directory)
        self.probes = Probes(node, config)
        self.plane = None if spec.doorbell is None else self._announce(spec.doorbell, kept.orders)
        self.transfers = None if spec.xfrd_fd is None else self._link(spec.xfrd_fd)

    def _telling(self, node: str, file: Durable) -> Hooks:
        hooks = Hooks(self._effective.config.failover, node, file)
        self.engine.publish = hooks.tell
        self.engine.absences = lambda: self._reloader.absences
        return hooks

    def _waiting(self) -> Readiness:
        return Readiness(
            self._vector.control,
            self._reloader.building,
            self._reloader.rows,
            lambda: self._effective.config.zones.ready_within,
            self.engine.loaded,
        )

    def _counting(self) -> DemandKeeper:
        return DemandKeeper(
            self._vector, lambda: self._effective.config.demand, self._reloader.rows.keys
        )

    def _following(self, directory: Path) -> AliasKeeper:
        return AliasKeeper(
            directory,
            self._reloader.aliased.values,
            self._requests.ask,
            self.engine.table.followed,
            lambda: self._effective.config.anycast.vips,
        )

    def _announce(self, doorbell: int, keepsake: Keepsake) -> Plane:
        """Return the anycast plane; only a node that has one loads pyroute2 and pexpect."""
        from dnsd.control.anycast.plane import Plane

        plane = Plane(
            self._spec.config,
            self._vector,
            doorbell,
            self._reloader.rows.values,
            lambda: self._readiness.waits() or self.engine.not_ready(),
            cut_off=self.engine.cut_off,
            unserved=lambda: (*self._convergence.sentences(), *self._readiness.lacks()),
            probes=self.probes,
            keepsake=keepsake,
        )
        plane.publish = self.hooks.tell
        return plane

    def _link(self, fd: int) -> TransferLink:
        """Return the way to the transfer process; only a node that has one loads it."""
        from dnsd.control.transfers.fetched import FetchedZones
        from dnsd.control.transfers.link import LinkedZones, TransferLink

        return TransferLink(
            fd,
            self._vector,
            lambda: self._effective.config,
            LinkedZones(
                self._reloader.rows, self._reloader.catalogs.brought, self._reloader.begin_news()
            ),
            lambda: self._publisher.generation,
            FetchedZones(self._requests.ask, self._reloader.expired, self._reloader.rows),
        )

    async def run(self) -> None:
        """Load all zones, publish them, and keep them fresh for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            group.create_task(self.engine.run())
            group.create_task(self.out.run())
            group.create_task(self.hooks.run())
            group.create_task(self.probes.run())
            if self.plane is not None:
                group.create_task(self.plane.run())
            planned = asyncio.Event()
            group.create_task(self._readiness.run(self._load(planned.set)))
            await planned.wait()
            group.create_task(self._requests.run())
            group.create_task(self._watch_files())
            group.create_task(self._converge())
            group.create_task(self.keeper.run())
            group.create_task(limited.tell(self._vector))
            group.create_task(signatures.tell(self._reloader.rows.values))
            group.create_task(self.demand.run())
            group.create_task(self.aliases.run())
            group.create_task(self._look_after_disk())
            if self.transfers is not None:
                group.create_task(self._consume_catalogs())
            if self.transfers is not None:
                group.create_task(self.transfers.run())

    async def _load(self, planned: Callable[[], object]) -> None:
        """Load all zones, the first time; ``planned``: others may load some beside that."""
        await self._requests.first(planned)
        self._publisher.retire_leftovers()

    # -- what others ask for ------------------------------------------------------------------

    def on_hangup(self) -> None:
        """Reload for a SIGHUP, and let the master know when it is done."""
        asked = time.monotonic_ns()
        done = self._requests.ask(ReloadRequest(frozenset({CONFIGURATION, EVERYTHING})))
        done.add_done_callback(lambda _: self._set(ControlCells.RELOADED, asked))

    async def command_reload(self, request: Mapping[str, Any]) -> ReloadReport:
        """Reload the zones named in ``request``, or all; with ``force`` all they lose is meant."""
        names = request.get("zones") or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise AdminError('"zones" must be a list of names')
        try:
            zones = {origins.normal(name) for name in names}
        except ValueError as error:
            raise AdminError(str(error)) from error
        wanted = frozenset(zones or {EVERYTHING})
        forced = wanted if request.get("force") else frozenset()
        asked = ReloadRequest(wanted | {CONFIGURATION}, frozenset(zones), forced)
        report = await self._requests.ask(asked)
        # An order about a catalog has some of its zones go.
        gone = {one.zone for one in report.zones if one.outcome is ZoneOutcome.DROPPED}
        return narrow(report, zones | (gone if forced else set())) if zones else report

    async def command_zone(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Show transfers, or have some done."""
        if self.transfers is None:
            raise AdminError(NO_TRANSFERS)
        rows = await self.transfers.command_zone(request)
        return [row | self._reloader.catalogs.row(row["zone"]) for row in rows]

    async def command_status(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return what ``dnsd status`` shows; with ``few`` or a ``zone`` not all zones."""
        rows = status.rows_of(self._reloader.rows, str(request.get("zone") or ""))
        most = status.FEW if request.get("few") else None
        found = status.snapshot(self._spec, self._effective.config, self._vector, rows, most)
        problems = (
            *self._requests.problems,
            *map(str, self._reloader.odd),
            *self._reloader.catalogs.problems,
            *self._disk.problems,
            *signatures.problems(self._reloader.rows.values(), time.time()),
            *filter(None, (self.keeper.fault, self.engine.loss, self.aliases.fault)),
            *self.engine.checking.problems,
            *self.hooks.problems,
            *self.out.problems,
            *self.tap.problems,
            *(self.transfers.file_faults.values() if self.transfers else ()),
        )
        return {
            **found,
            "pools": summary(self.engine),
            "route": self._route(),
            "transfers": self.transfers.summary.states() if self.transfers else None,
            "aliases": self.aliases.status(),
            "demand": self.demand.status(time.monotonic_ns()),
            **self.tap.status(),
            "building": self._readiness.status(time.monotonic()),
            "problems": problems,
            "differences": self._convergence.told(),
        }

    def metrics_source(self) -> MetricsSource:
        """Return where metrics are read from; only a node that is asked for them loads that."""
        from dnsd.control.web.metrics import MetricsSource
        from dnsd.control.web.transfermetrics import figures

        return MetricsSource(
            self._vector,
            self._spec.started,
            self._reloader.rows.values,
            self.engine.table.pools.values,
            self.keeper.ledger,
            self.engine.peers.peers,
            self._convergence.differences,
            self.engine.checking,
            self.hooks.outboxes,
            lambda: self.engine.rates.totals,
            self.demand.status,
            self.aliases.status,
            lambda: figures(self.transfers, self._reloader.catalogs),
            self._route,
            self._builds,
            lambda: self.out.found,
            self._replaced.counts,
        )

    def _builds(self) -> BuildFigures:
        from dnsd.control.web.zonemetrics import BuildFigures

        since = self._reloader.building.since.values()
        oldest = time.monotonic() - min(since) if since else 0.0
        return BuildFigures(self._reloader.tally, len(since), oldest)

    def _route(self) -> dict[str, Any] | None:
        return None if self.plane is None else report(self.plane, self.plane.view())

    def unwell(self) -> list[str]:
        """Return what keeps the node from answering, as sentences."""
        from dnsd.control.web import health

        server = self._spec.config.server
        dead = health.problems(self._vector, server.heartbeat * server.heartbeat_miss)
        waits = filter(None, (self._readiness.waits(),))
        return [*dead, *waits, *self._convergence.sentences()]

    def notices(self) -> list[str]:
        """Return what operators should know although the node answers, as sentences."""
        return [*self._readiness.lacks(), *kept_orders(self.engine)]

    def _set(self, cell: int, value: int) -> None:
        self._vector.control[cell] = value

    def _reached(self) -> int:
        """Return the generation that every worker has got to, those too that are being started."""
        workers = (self._vector.worker(index) for index in self._vector.taken)
        return min(worker[WorkerCells.GENERATION] for worker in workers)

    def _beat_of_workers(self) -> float:
        """Return when all workers, and transfers, have got on; those apart that have not begun."""
        workers = (self._vector.worker(index) for index in self._vector.taken)
        beats = [cells[WorkerCells.HEARTBEAT] / 1e9 for cells in workers]
        # Signed answers leave by way of that process: they wait for it as for a worker.
        beats.append(self._vector.xfrd[XfrdCells.HEARTBEAT] / 1e9)
        return min((beat for beat in beats if beat), default=math.inf)

    def _ceiling(self) -> int | None:
        """Return the largest TTL that any zone ever had, None if the configuration doesn't say."""
        longest = int(self._effective.config.zones.limits.longest_ttl)
        if longest >= WEEK_S:
            return None
        # An earlier version of a zone, with more, may be served in place of one that is refused.
        return max([longest, *(one.shelved.contents.ttl for one in self.keeper.zones.values())])

    def _sweep(self) -> None:
        """Read out what workers have answered of pools."""
        self.engine.sweep()

    # -- without being asked ------------------------------------------------------------------

    async def _watch_files(self) -> None:
        """Reload what has changed on disk."""
        watching = Watching(self._watch, lambda: self._effective.config.zones)
        await keep_fresh(
            watching.changed, self._watch, self._reloader.building, self._requests.ask_planned
        )

    async def _consume_catalogs(self) -> None:
        """Have the zones that catalogs say."""

        async def ask(due: Set[str]) -> None:
            await self._requests.ask_planned(ReloadRequest(frozenset(due)))

        reloader = self._reloader
        await reloader.catalogs.run(reloader.rows, lambda: reloader.configured, ask)

    async def _converge(self) -> None:
        """Have built what keeps the workers from serving what they should."""
        while True:
            await asyncio.sleep(PERIOD_S)
            if due := await self._convergence.due():
                await self._requests.ask_planned(ReloadRequest(frozenset(due)))

    async def _look_after_disk(self) -> None:
        """Try again what the disk has refused."""
        while True:
            await asyncio.sleep(self._disk.pause)
            if taken := await self._disk.turn():
                self._reloader.welcome(taken)
                await self._requests.ask(ReloadRequest(frozenset(taken)))

    async def _beat(self) -> None:
        """Show the master that the loop turns; clear away what no worker needs any more."""
        while True:
            self._set(ControlCells.HEARTBEAT, time.monotonic_ns())
            self._publisher.sweep()
            self._replaced.look()
            await asyncio.sleep(self._spec.config.server.heartbeat)
