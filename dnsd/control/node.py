"""Control at work: what asks for reloads, who waits for them, and the signs of life.

Reloads run one at a time; those that are asked for meanwhile become one. Nothing here takes
long: files are read and zones built in threads and processes beside the event loop.
"""

from __future__ import annotations

import asyncio
import socket
import time
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from dnsd.config import cookie_secrets, origins
from dnsd.control import limited, log, status
from dnsd.control.builders import build_all
from dnsd.control.converge import PERIOD_S, Convergence
from dnsd.control.disk import Disk
from dnsd.control.failover.engine import Engine
from dnsd.control.failover.peers import Peers
from dnsd.control.failover.report import summary
from dnsd.control.horizon.ask import Horizon
from dnsd.control.horizon.keeper import Keeper
from dnsd.control.horizon.memory import LedgerMemory
from dnsd.control.inforce import InForce
from dnsd.control.keepsake import Keepsake, Keepsakes
from dnsd.control.publish import Publisher
from dnsd.control.reload import CONFIGURATION, DIRECTORY, EVERYTHING, Reloader
from dnsd.control.report import GOOD, ReloadReport, followed, log_lines, narrow
from dnsd.control.watch import Watch
from dnsd.control.web import health
from dnsd.control.web.metrics import Source
from dnsd.control.writers import Writers, ends
from dnsd.errors import AdminError, ConfigError
from dnsd.image import secrets
from dnsd.image.journal import IMAGES
from dnsd.image.memory import Memory
from dnsd.image.state import ControlCells, WorkerCells
from dnsd.image.stock import Stock

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from dnsd.config import Config
    from dnsd.control.anycast.plane import Plane
    from dnsd.control.build import BuildResult
    from dnsd.control.images import Job
    from dnsd.control.spec import ControlSpec
    from dnsd.control.table import Row
    from dnsd.image.state import StateVector

    NotedBuild = Callable[[Sequence[Job], Callable[[int], None]], Awaitable[list[BuildResult]]]

ACKNOWLEDGE_S = 15.0
"""How long workers may take to apply a generation before a reload is said to have failed.

Ten times what the master waits before it replaces one that is stuck."""
ACKNOWLEDGE_POLL_S = 0.005
GAPS_S = 2.0
"""How long a reload waits for what a worker cannot put in place: it tries again, and what is
missing or damaged is built again meanwhile. What takes longer is told, and goes on."""
RETRY_S = 2.0
"""Pause of the watch after a reload that had problems, not with a zone but in itself."""
LOOK_SHARE = 20
"""Looking at files may take a twentieth of the time: ten thousand of them are looked at
less often."""


class Order(NamedTuple):
    """What a reload is to do: the arguments of :meth:`Reloader.run`."""

    due: frozenset[str]
    named: frozenset[str] = frozenset()
    forced: frozenset[str] = frozenset()

    @classmethod
    def together(cls, orders: Iterable[Order]) -> Order:
        """Return one that does all of ``orders``."""
        return cls(*(frozenset().union(*each) for each in zip(*orders, strict=True)))


class Request(NamedTuple):
    """A reload (see :meth:`Reloader.run`), and where to put the result."""

    order: Order
    done: Future[ReloadReport]


class Node:
    """Everything control does, as tasks of one event loop."""

    def __init__(
        self, spec: ControlSpec, vector: StateVector, build: NotedBuild = build_all
    ) -> None:
        self._spec = spec
        self._vector = vector
        self._cells = vector.control
        self._build_all = build
        kept = Keepsakes(spec.kept_fd, vector)
        self._force = InForce(spec.config, spec.options, kept.config)
        if self._cells[ControlCells.EPOCH]:
            self._force.recover()
        else:
            self._force.keep()
        config = self._force.config
        node = config.server.server_id or socket.gethostname()
        directory = config.server.state_directory
        stock = Stock(directory / IMAGES, Memory(spec.images_fd))
        self.keeper = Keeper(node, directory, stock, self._reached, keepsake=kept.ledger)
        self.horizon = Horizon(self.keeper, self._sweep, lambda: self.engine.file.fault)
        memory = LedgerMemory(self.keeper, self.horizon)
        peers = Peers(node, config.failover)
        self.engine = Engine(
            vector,
            directory,
            memory,
            peers=peers,
            failover=config.failover,
            keepsake=kept.pools,
        )
        self._publisher = Publisher(stock, spec.journal_fd, vector, self.engine.release)
        self._watch = Watch(config.zones.settle, ends)
        self._reloader = Reloader(
            config, self._publisher, self._watch, self._build, self.engine, self.keeper
        )
        self._convergence = Convergence(vector, self._publisher, self._reloader)
        self._disk = Disk(directory, stock, self._reloader.rows.values)
        self._requests: list[Request] = []
        self._wake = asyncio.Event()
        self._problems: tuple[str, ...] = ()
        self._pending: tuple[str, ...] = ()
        self.plane: Plane | None = None
        if spec.doorbell is not None:
            rows = self._reloader.rows.values
            self.plane = _plane(
                spec, vector, rows, self.engine, self._convergence, keepsake=kept.orders
            )

    async def run(self) -> None:
        """Load all zones, publish them, and keep them fresh for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            group.create_task(self.engine.run())
            if self.plane is not None:
                group.create_task(self.plane.run())
            await self._first_load()
            self.engine.loaded()
            group.create_task(self._serve_requests())
            group.create_task(self._watch_files())
            group.create_task(self._converge())
            group.create_task(self.keeper.run())
            group.create_task(limited.tell(self._vector))
            group.create_task(self._look_after_disk())

    async def _build(self, jobs: Sequence[Job]) -> list[BuildResult]:
        """Build ``jobs``, and let the master see how far it has come."""
        self._set(ControlCells.BUILT, 0)
        self._set(ControlCells.TO_BUILD, len(jobs))
        try:
            return await self._build_all(jobs, lambda built: self._set(ControlCells.BUILT, built))
        finally:
            self._set(ControlCells.TO_BUILD, 0)

    # -- what others ask for ------------------------------------------------------------------

    def on_hangup(self) -> None:
        """Reload for a SIGHUP, and let the master know when it is done."""
        asked = time.monotonic_ns()
        done = self._ask(Order(frozenset({CONFIGURATION, EVERYTHING})))
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
        report = await self._ask(Order(wanted | {CONFIGURATION}, frozenset(zones), forced))
        return narrow(report, zones) if zones else report

    async def command_status(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """Return what ``dnsd status`` shows."""
        rows = self._reloader.rows.values()
        found = status.snapshot(self._spec, self._force.config, self._vector, rows)
        pending = (one for one in self._pending if one not in self._problems)
        account = [self.keeper.fault] if self.keeper.fault else []
        problems = (
            *self._problems,
            *pending,
            *map(str, self._reloader.odd),
            *self._disk.problems,
            *account,
        )
        return {
            **found,
            "pools": summary(self.engine),
            "problems": problems,
            "differences": self._convergence.told(),
        }

    def metrics_source(self) -> Source:
        """Return where metrics are read from."""
        return Source(
            self._vector,
            self._spec.started,
            self._reloader.rows.values,
            self.engine.table.pools.values,
            self.keeper.ledger,
            self.engine.peers.peers,
            self._convergence.differences,
        )

    def unwell(self) -> list[str]:
        """Return what keeps the node from answering, as sentences."""
        server = self._spec.config.server
        dead = health.problems(self._vector, server.heartbeat * server.heartbeat_miss)
        return [*dead, *self._convergence.sentences()]

    def _ask(self, order: Order) -> Future[ReloadReport]:
        done: Future[ReloadReport] = asyncio.get_running_loop().create_future()
        self._requests.append(Request(order, done))
        self._wake.set()
        return done

    def _set(self, cell: int, value: int) -> None:
        self._cells[cell] = value

    # -- reloads ------------------------------------------------------------------------------

    async def _first_load(self) -> None:
        report = await self._reload(Order(frozenset({DIRECTORY, EVERYTHING})))
        # What is as it should be stands in the ready line, as a number.
        bad = tuple(zone for zone in report.zones if zone.outcome not in GOOD)
        _tell(msgspec.structs.replace(report, zones=bad))
        self._publisher.retire_leftovers()

    async def _serve_requests(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            requests, self._requests = self._requests, []
            report = await self._reload(Order.together(one.order for one in requests))
            _tell(report)
            for request in requests:
                if not request.done.done():  # who asked may have gone
                    request.done.set_result(report)

    async def _reload(self, order: Order) -> ReloadReport:
        """Do a reload; whatever happens, there is a report."""
        try:
            report = await self._reload_as_configured(order)
        except ConfigError as error:
            report = ReloadReport(ok=False, problems=error.problems)
        except Exception as error:
            log.write(traceback.format_exc().rstrip())
            problem = f"dnsd failed to reload: {type(error).__name__}: {error}"
            report = ReloadReport(ok=False, problems=(problem,))
        self._problems = report.problems
        return report

    async def _reload_as_configured(self, order: Order) -> ReloadReport:
        if CONFIGURATION in order.due:
            self._pending = self._reread()
        report = await self._until_served(await self._reloader.run(*order))
        notices = (self.keeper.fault,) if self.keeper.fault else ()
        problems = self._not_served()
        pending = self._pending if CONFIGURATION in order.due else ()
        return msgspec.structs.replace(
            report,
            ok=report.ok and not problems and not pending,
            problems=(*report.problems, *problems, *pending),
            notices=notices,
        )

    def _reread(self) -> tuple[str, ...]:
        """Read the configuration again; return what of it cannot be applied, as sentences."""
        changed = self._force.reread()
        config = self._force.config
        self._reloader.config = config
        self._watch.settle = config.zones.settle
        restart = (
            f"restart needed: {key} has changed, and a running dnsd keeps the old value"
            for key in changed
        )
        return (*restart, *self._hand_out_secrets(config))

    def _hand_out_secrets(self, config: Config) -> tuple[str, ...]:
        """Give the workers the cookie secrets, if they are not those that they were given last.

        Returns why they have none but the old ones.
        """
        try:
            fresh = cookie_secrets(config)
        except ConfigError as error:
            return tuple(f"{one}; the old secrets stay in use" for one in error.problems)
        given = secrets.read(self._vector.secrets)
        none_yet = self._spec.config.server.cookie_secret_file is None and given == (0, ())
        if (given is None or given[0] == 0 or given[1] != fresh) and (fresh or not none_yet):
            secrets.write(self._vector.secrets, fresh)
        return ()

    async def _until_served(self, report: ReloadReport) -> ReloadReport:
        """Wait until what is published is served, and have built what that takes.

        Returns ``report`` with what became of that.
        """
        began = mended = time.monotonic()
        while self._publisher.behind(self._publisher.generation) or self._old_secrets():
            now = time.monotonic()
            unread = self._publisher.unread(self._publisher.generation)
            gaps_only = not unread and not self._old_secrets()
            if now - began > ACKNOWLEDGE_S or (gaps_only and now - mended > GAPS_S):
                break
            if gaps_only and (due := await self._convergence.due()):
                report = followed(report, await self._reloader.run(due))
                mended = time.monotonic()
            await asyncio.sleep(ACKNOWLEDGE_POLL_S)
        self.keeper.settle()
        return report

    def _not_served(self) -> tuple[str, ...]:
        """Return sentences about the workers that do not serve what is published."""
        generation = self._publisher.generation
        unread = self._publisher.unread(generation)
        late = [
            f"worker {index} has not taken over the new data within {ACKNOWLEDGE_S:.0f} s"
            for index in unread
        ]
        now = time.monotonic()
        found = self._convergence.differences() if self._publisher.behind(generation) else ()
        gaps = (one.told(now) for one in found if one.worker not in unread)
        cookies = (f"worker {index} uses old cookie secrets" for index in self._old_secrets())
        return (*late, *gaps, *cookies)

    def _old_secrets(self) -> list[int]:
        """Return the workers that answer and do not use the cookie secrets that there are."""
        return self._publisher.below(WorkerCells.SECRETS, secrets.version(self._vector.secrets))

    def _reached(self) -> int:
        """Return the generation that every worker has got to, those too that are being started."""
        workers = (self._vector.worker(index) for index in range(self._vector.workers))
        return min(worker[WorkerCells.GENERATION] for worker in workers)

    def _sweep(self) -> None:
        """Read out what workers have answered of pools."""
        self.engine.table.sweep(time.monotonic())

    # -- without being asked ------------------------------------------------------------------

    async def _watch_files(self) -> None:
        """Reload what has changed on disk."""
        writers = Writers()
        cost = 0.0
        while True:
            await asyncio.sleep(max(self._force.config.zones.poll, LOOK_SHARE * cost))
            if not self._force.config.zones.watch:
                continue
            began = time.monotonic()
            stamps, signs = await asyncio.to_thread(writers.look, self._watch.paths())
            cost = time.monotonic() - began
            due = self._watch.look(time.monotonic(), stamps, signs)
            order = Order(frozenset(due), self._watch.suspects(due))
            if due and (await self._ask(order)).problems:
                await asyncio.sleep(RETRY_S)

    async def _converge(self) -> None:
        """Have built what keeps the workers from serving what they should."""
        while True:
            await asyncio.sleep(PERIOD_S)
            if due := await self._convergence.due():
                await self._ask(Order(frozenset(due)))

    async def _look_after_disk(self) -> None:
        """Try again what the disk has refused."""
        while True:
            await asyncio.sleep(self._disk.pause)
            if taken := await self._disk.turn():
                self._reloader.welcome(taken)
                await self._ask(Order(frozenset(taken)))

    async def _beat(self) -> None:
        """Show the master that the loop turns; clear away what no worker needs any more."""
        while True:
            self._set(ControlCells.HEARTBEAT, time.monotonic_ns())
            self._publisher.sweep()
            await asyncio.sleep(self._spec.config.server.heartbeat)


def _plane(
    spec: ControlSpec,
    vector: StateVector,
    rows: Callable[[], Iterable[Row]],
    engine: Engine,
    convergence: Convergence,
    *,
    keepsake: Keepsake,
) -> Plane:
    """Return the anycast plane; only a node that has one loads pyroute2 and pexpect."""
    from dnsd.control.anycast.plane import Plane

    assert spec.doorbell is not None
    return Plane(
        spec.config,
        vector,
        spec.doorbell,
        rows,
        engine.unsettled,
        cut_off=engine.cut_off,
        unserved=convergence.sentences,
        keepsake=keepsake,
    )


def _tell(report: ReloadReport) -> None:
    for line in log_lines(report):
        log.line(line)
