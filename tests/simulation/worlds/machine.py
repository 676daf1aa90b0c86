"""One machine with a node on it: the real control and the real hot path, one life after the other.

The master is a few words: it makes what is shared, starts control, and starts it again. A worker
is the real follower and the real (Python) hot path, asked with real packets.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dnsd.config import Config, Options
from dnsd.control.failover import statefile
from dnsd.control.horizon import ledgerfile
from dnsd.control.node import Node
from dnsd.daemon.specs import Shared, control_spec
from dnsd.hotpath._python import PythonHotPath
from dnsd.hotpath.api import Client, Settings, Transport
from dnsd.image.memory import Memory
from dnsd.image.state import ControlCells, WorkerCells
from dnsd.image.stock import Stock
from dnsd.metrics import counters
from dnsd.process.statedir import IMAGES
from dnsd.serve.follow import Follower, Seat
from tests.simulation.processes import Killed, Process
from tests.simulation.worlds import commands, zones

if TYPE_CHECKING:
    from asyncio import events
    from collections.abc import Callable, Coroutine

    from dnsd.control.admin import Command
    from dnsd.hotpath.api import HotPath
    from dnsd.image.selection import Cells
    from dnsd.image.store import Image
    from tests.simulation.worlds.world import World

WORKERS = 2
CONTROL_START_S = 0.2
BEAT_S = 0.25
_CLIENT = Client(Transport.UDP, "203.0.113.7")


class Running(Process):
    """A process of a machine; while it is stopped, what it is to do is held."""

    def __init__(self, machine: Machine, then: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.then = then
        self.machine = machine
        machine.world.running.append(self)
        self.stopped = False
        self._held: list[events.Handle] = []
        self._work: list[asyncio.Task[Any]] = []
        self._asked: set[asyncio.Future[Any]] = set()

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Keep ``task``, so that it ends nowhere but where it stands when the process dies."""
        self._work.append(task)

    def asked(self, work: Coroutine[Any, Any, Any]) -> asyncio.Future[Any]:
        """Have it do ``work`` for somebody outside, who hears it when it dies before."""
        answer: asyncio.Future[Any] = self.machine.world.loop.create_future()
        self._asked.add(answer)

        def tell(task: asyncio.Task[Any]) -> None:
            self._asked.discard(answer)
            error = None if task.cancelled() else task.exception()
            if answer.done() or task.cancelled():
                return
            if error is None:
                answer.set_result(task.result())
            else:
                answer.set_exception(error)

        self.begin(work).add_done_callback(tell)
        return answer

    def holds(self, handle: events.Handle) -> bool:
        """Return whether ``handle`` must not run now, or never."""
        if self.machine.world.over or not (self.dead or self.stopped):
            return False
        self._held.append(handle)
        return True

    def go_on(self) -> None:
        """End the stop; if the world is over, run what the dead have left, which hurts nobody."""
        self.stopped = False
        if self.dead and not self.machine.world.over:
            return
        held, self._held = self._held, []
        self.machine.world.loop.go_on(held)

    def kill(self) -> None:
        """End it, as SIGKILL does: nothing of it runs any more, be it to tidy up."""
        if not self.dead:
            self.machine.world.jobs.finish_some(self)
            self.dead = True
            for answer in self._asked:
                if not answer.done():
                    answer.set_exception(ConnectionResetError(errno.ECONNRESET, "reset by peer"))
            self.then()


class Machine:
    """Where a node lives; ``content`` is what lies in its directory of zones."""

    def __init__(self, world: World, index: int) -> None:
        self.world = world
        self.index = index
        self.name = "abc"[index]
        self.home = zones.root() / self.name
        self.zones = self.home / "zones"
        self.state = self.home / "state"
        self.monotonic = 1000.0 * index
        """How far its clocks are ahead of the world's, in seconds."""
        self.wall = 0.0
        self.contents: list[zones.Content] = []
        """What may be served: what lies there now, the last, and what it takes the place of."""
        self.edits = 0
        self.changed = 0.0
        """When something was last edited, or loaded."""
        self.suspended = False
        self.life: Life | None = None
        self.boots = 0
        self.ended_at = 0.0
        """When its last process ended."""
        self.declared_dead = self.redeployed = False
        self._well: tuple[Node | None, float] = (None, 0.0)

    def prepare(self) -> Config:
        """Make its directories, and return its configuration."""
        self.zones.mkdir(parents=True, exist_ok=True)
        self.lose_state()
        return commands.configuration(self)

    def lose_state(self) -> None:
        """Have nothing left of what the node knew."""
        shutil.rmtree(self.state, ignore_errors=True)
        (self.state / IMAGES).mkdir(mode=0o700, parents=True)

    def lose_orders(self) -> tuple[bool, bool]:
        """Have the orders be gone; return whether there were any, and whether a ledger says so.

        Only where the disk has never taken a ledger, nothing says so.
        """
        path = self.state / statefile.FILE
        there = path.exists()
        path.unlink(missing_ok=True)
        ledgers = (self.state / one for one in (ledgerfile.NAME, ledgerfile.WITHDRAWN))
        return there, there and any(one.exists() for one in ledgers)

    def edit(self, content: zones.Content | None) -> None:
        """Put other files into the directory."""
        self.edits += 1
        self.changed = self.world.loop.now
        self.contents = [*self.contents, *([content] if content else [])]
        zones.edit(self.zones, content)

    @property
    def address(self) -> str:
        """Where it is asked."""
        return commands.address(self.index)

    @property
    def clock(self) -> float:
        """What its monotonic clock says."""
        return self.world.loop.now + self.monotonic

    @property
    def unruled(self) -> bool:
        """Whether the pool may be answered as records like all others."""
        return any(one.terms is None for one in self.contents)

    def start(self) -> None:
        """Start the node."""
        assert self.life is None
        self.life = Life(self)

    def kill(self) -> None:
        """End all of its processes."""
        if self.life is not None:
            self.life.end()
            self.life = None
            self.ended_at = self.world.loop.now

    def look(self) -> float:
        """Return for how long its node has been well, as far as anybody has looked."""
        node, now = self.node, self.world.loop.now
        control = self.control
        is_well = node is not None and node.keeper.ready and control and not control.stopped
        if not is_well or node is not self._well[0] or self.world.has("disk_slow", self.index):
            self._well = node, now
        return now - self._well[1]

    @property
    def control(self) -> Running | None:
        """The control process, if it lives."""
        control = None if self.life is None else self.life.control
        return control if control and not control.dead else None

    @property
    def node(self) -> Node | None:
        """What control is made of, if it lives."""
        return None if self.life is None else self.life.node


class Life:
    """One life of the master."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._world = machine.world
        self._started = int(machine.clock * 1e9)
        self.shared = Shared.create(WORKERS)
        self.vector = self.shared.vector
        self.workers = [Worker(self, index) for index in range(WORKERS)]
        self.control: Running | None = None
        self.node: Node | None = None
        self.commands: dict[str, Command] = {}
        self.ended = False
        self._start_control()

    @property
    def serving(self) -> list[Worker]:
        """The workers that answer now."""
        return [one for one in self.workers if not one.stopped]

    def sleep(self, seconds: float) -> None:
        """Have the workers stand still, as the machine does."""
        for worker in self.workers:
            worker.asleep_until = self._world.loop.now + seconds

    def end(self) -> None:
        """End all processes."""
        self.ended = True
        self.kill_control()
        for worker in self.workers:
            worker.process.kill()

    def kill_control(self) -> None:
        """End control; the master starts another one."""
        if self.control is not None:
            self.control.kill()

    def _on_killed(self) -> None:
        self.node = None
        self.commands = {}
        self._world.loop.plan(CONTROL_START_S, self._start_control)

    def _start_control(self) -> None:
        if self.ended:
            return
        control = self.control = Running(self.machine, self._on_killed)
        config = self.machine.world.configs[self.machine.index]
        spec = control_spec(config, Options(), self.shared, self._started)

        async def run() -> None:
            self.node = node = Node(spec, self.vector, self._build)
            self.commands = commands.of(node)
            await node.run()

        task = control.begin(run())
        task.add_done_callback(self._on_end)

    def _on_end(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, Killed):
                return
            self._world.fail(f"control of {self.machine.name} has ended", error)

    async def _build(self, jobs: Any, deliver: Callable[[Any], object]) -> None:
        for job in jobs:
            deliver([await asyncio.to_thread(zones.build, job)])


class Answered(NamedTuple):
    """A response that a worker has composed, and how it is noted."""

    packet: bytes
    notes: tuple[tuple[memoryview, int, int], ...]
    at: float


class Worker:
    """Answers what it is asked; it may be stopped between what it reads and what it notes."""

    def __init__(self, life: Life, index: int) -> None:
        self._life = life
        self.index = index
        self.process = Running(life.machine)
        self.stopped = False
        self.asleep_until = 0.0
        self.lags_until = 0.0
        """Until when it answers, and does not see what control has published."""
        vector = life.vector
        self._head = vector.worker(index)
        self._control = vector.control
        config = life.machine.world.configs[life.machine.index]
        stock = Stock(config.server.state_directory / IMAGES, Memory(life.shared.images))
        self._path = _Noting(PythonHotPath(Settings(), counters.fresh()))
        seat = Seat(vector.control, self._head, vector.cells(index), vector.gaps(index))
        self._follower = Follower(
            stock, life.shared.journal, seat, self._path, self._later, lambda: None
        )
        self._seen = -1
        self._head[WorkerCells.LISTENING] = 1
        self._head[WorkerCells.PID] = os.getpid()
        life.machine.world.loop.plan(BEAT_S * (1 + index) / WORKERS, self._beat)

    def catch_up(self) -> None:
        """See what control has published."""
        generation = self._control[ControlCells.GENERATION]
        if self._seen != generation or self._head[WorkerCells.GENERATION] != generation:
            self._seen = generation
            self.process.context.run(self._follower.beat)

    def answer(self, packet: bytes) -> Answered | None:
        """Compose the answer to ``packet`` from what it reads now; None: there is none."""
        now = self._life.machine.world.loop.now
        response = self.process.context.run(self._path.answer, packet, now, _CLIENT)
        return None if response is None else Answered(response, self._path.noted(), now)

    def note(self, answered: Answered) -> None:
        """Note it as late as it is."""
        late = ceil(self._life.machine.world.loop.now) - ceil(answered.at)
        for notes, cell, until in answered.notes:
            notes[cell] = max(notes[cell], until + late)

    def _beat(self) -> None:
        if self._life.ended:
            return
        now = self._life.machine.world.loop.now
        if not self.stopped and now >= self.asleep_until:
            self._head[WorkerCells.HEARTBEAT] = int(self._life.machine.clock * 1e9)
            if now >= self.lags_until:
                self.catch_up()
        self._life.machine.world.loop.plan(BEAT_S, self._beat)

    def _later(self, work: Callable[[], None]) -> None:
        self._life.machine.world.loop.plan(0.0, lambda: self.process.context.run(work))


class _Noting:
    """A hot path whose notes are taken down elsewhere at first."""

    def __init__(self, path: HotPath) -> None:
        self._path = path
        self._cells: dict[bytes, tuple[Cells, Cells]] = {}
        self.answer = path.answer
        self.use_secrets = path.use_secrets
        self.expire_zone = path.expire_zone

    def put_zone(self, apex: bytes, image: Image | None, cells: Cells | None = None) -> None:
        draft = None
        self._cells.pop(apex, None)
        if cells is not None:
            draft = cells._replace(
                cache_until=memoryview(bytearray(cells.cache_until.nbytes)).cast("I")
            )
            self._cells[apex] = cells, draft
        self._path.put_zone(apex, image, draft)

    def drop_zone(self, apex: bytes) -> None:
        self._cells.pop(apex, None)
        self._path.drop_zone(apex)

    def noted(self) -> tuple[tuple[memoryview, int, int], ...]:
        """Return what the last answer has noted: where, and until when."""
        found = []
        for cells, draft in self._cells.values():
            if any(draft.cache_until):
                found += [
                    (cells.cache_until, at, one) for at, one in enumerate(draft.cache_until) if one
                ]
                draft.cache_until[:] = memoryview(bytes(draft.cache_until.nbytes)).cast("I")
        return tuple(found)


def state_of(machine: Machine, name: str) -> Path:
    """Return a file of the node's state."""
    return machine.state / name
