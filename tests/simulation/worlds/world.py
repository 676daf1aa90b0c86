"""The world of several nodes: what may happen to them, and the story of it."""

from __future__ import annotations

import asyncio
import errno
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from dnsd.errors import ImageError
from dnsd.failover.stored import Moment
from tests.simulation import processes
from tests.simulation.laws import Broken
from tests.simulation.processes import Jobs, Killed
from tests.simulation.worlds import commands, judge, zones
from tests.simulation.worlds.caches import FLOOR_S, Caches
from tests.simulation.worlds.laws import Laws, Order
from tests.simulation.worlds.machine import Machine, Running
from tests.simulation.worlds.net import Net
from tests.simulation.worlds.operators import ORDERS, PLANS, Operators
from tests.simulation.worlds.zones import Content, Terms

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.simulation.worlds.clock import WorldLoop

LOOK_S = 0.5
FIRST_S = 8.0
"""So long nothing happens, unless the world is another kind."""
LAST_S = 3.0
"""So long what happened last may show, before all is made well."""
HEAL_S = 90.0
DEAD_S = 50.0
"""So long is dead who dies: longer than any answer of it is kept."""


class Event(NamedTuple):
    """``what`` happens ``after`` so many seconds, for ``amount`` seconds, to the node ``where``."""

    after: float
    what: str
    amount: float = 1.0
    where: int = 0


class Kind(NamedTuple):
    """What one world is like; so many answers are ``late``, though nothing makes them so.

    If it is ``named``, its members are names that a CNAME leads to.
    """

    size: int = 2
    terms: Terms = Terms()
    ttl: int = 15
    members: int = 3
    pause: float = 0.5
    first: float = FIRST_S
    last: float = LAST_S
    late: float = 0.0
    named: bool = False
    signed: bool = False


class World:
    """Some nodes and all around them."""

    def __init__(self, loop: WorldLoop, kind: Kind, seed: int) -> None:
        self.loop = loop
        self.kind = kind
        self.size = kind.size
        self.random = Random(seed)
        self.over = False
        self.running: list[Running] = []
        self.pause = 2.0
        self.floor = FLOOR_S
        self.delivery = judge.DELIVERY_S
        self.members = zones.members(kind.members, named=kind.named)
        self.need = kind.size // 2 + 1 if kind.terms.scope != "local" else 1
        self.jobs = Jobs(loop, seed)
        self.jobs.delay = self._disk_delay
        self.fetching = judge.Fetching()
        self.laws = Laws(self)
        self.net = Net(self, Random(seed + 1))
        self.caches = Caches(self, Random(seed + 2), kind.pause)
        self.operators = Operators(self, Random(seed + 3))
        self.machines = [Machine(self, index) for index in range(kind.size)]
        self.configs = [machine.prepare() for machine in self.machines]
        self.latest = Content(
            self.members, kind.ttl, zones.HOSTS[0], kind.ttl // 3, kind.terms, kind.signed
        )
        """What the zone had when there was one last."""
        self.faults: list[str] = []
        self._until: dict[tuple[str, int], float] = {}
        self._write_trap: dict[int, int] = {}
        self._filled: set[int] = set()
        """Machines whose disk was full: it may have taken a ledger, and no orders."""
        self._agreed: dict[tuple[int, str], tuple[object, object]] = {}

    # -- what stands for the system ---------------------------------------------------------------

    def monotonic(self) -> float:
        """Return what the monotonic clock of the machine says that asks."""
        if self.fetching.clock is not None:
            return self.fetching.clock
        process: Any = processes.current()
        return self.loop.now + (0.0 if process is None else process.machine.monotonic)

    def wall(self) -> float:
        """Return what the clock of the day says there."""
        process: Any = processes.current()
        return zones.EPOCH + self.loop.now + (0.0 if process is None else process.machine.wall)

    def moment(self) -> Moment:
        """Return now by the clocks that outlive a process there."""
        process: Any = processes.current()
        name = "" if process is None else f"machine {process.machine.index}"
        return Moment(self.wall(), name, self.loop.now)

    def replace(self, path: Path, data: bytes) -> None:
        """Write as :func:`dnsd.process.durablefile.replace` does, on the disk of a machine."""
        process: Any = processes.current()
        machine = process.machine
        if process.dead:
            raise Killed
        if not self.jobs.at_work:
            self.loop.block(0.001 + (1.0 if self.has("disk_slow", machine.index) else 0.0))
        trap = self._write_trap.get(machine.index, 0)
        if trap:
            self._write_trap[machine.index] = trap - 1
        if trap == 1:
            written = self.random.random() < 0.5
            if written and not self.has("disk_full", machine.index):
                path.write_bytes(data)
            self._end_some(machine, process)
            raise Killed
        if self.has("disk_full", machine.index):
            raise OSError(errno.ENOSPC, "No space left on device")
        path.write_bytes(data)

    def _end_some(self, machine: Machine, process: Running) -> None:
        """End control, or all of the node."""
        if self.random.random() < 0.5 and machine.life and machine.life.control is process:
            machine.life.kill_control()
        else:
            self._crash(machine, 1.0)

    def save_image(self, path: Path, image: bytes) -> None:
        """Write as :func:`dnsd.image.store.save` does."""
        process: Any = processes.current()
        if process is not None and self.has("disk_full", process.machine.index):
            raise ImageError(f"cannot write the image {path}: No space left", errno.ENOSPC)
        path.write_bytes(image)

    def _disk_delay(self, kind: str) -> float:
        process: Any = processes.current()
        slow = process is not None and self.has("disk_slow", process.machine.index)
        return 2.0 if slow and kind in _ON_DISK else 0.0

    def has(self, fault: str, where: int) -> bool:
        """Return whether a machine has this fault now."""
        return self.loop.now < self._until.get((fault, where), 0.0)

    def fail(self, sentence: str, error: BaseException) -> None:
        """Note that something ended that must not."""
        self._broken = Broken(f"{sentence}: {type(error).__name__}: {error}")
        self._broken.__cause__ = error
        if isinstance(error, Broken):
            self._broken = error

    _broken: Broken | None = None

    # -- events -----------------------------------------------------------------------------------

    def happen(self, event: Event) -> None:
        """Have ``event`` happen."""
        self.caches.hurry()
        machine = self.machines[event.where % self.size]
        target = self.members[event.where // 4 % len(self.members)]
        what = event.what
        if what in ORDERS:
            self.operators.begin(self.operators.order(what, machine, target, event.amount))
        elif what in PLANS:
            self.operators.begin(self.operators.plan(what, machine, target, event.amount))
        elif what == "cancel":
            self.operators.begin(self.operators.cancel(machine, target))
        elif what == "declare_dead":
            other = self.machines[(machine.index + 1) % self.size]
            self.operators.begin(self.operators.declare_dead(machine, other))
        elif what in EDITS:
            self._edit(EDITS[what](self, target), machine if event.where % 7 == 6 else None)
        elif what.startswith("member_"):
            how = _ILL[what]
            if how:
                self.net.ill[target] = how
            else:
                self.net.ill.pop(target, None)
        else:
            getattr(self, f"_{what}")(machine, event.amount)

    def _edit(self, content: Content | None, only: Machine | None) -> None:
        self.latest = content or self.latest
        for machine in self.machines if only is None else [only]:
            self.operators.begin(self.operators.edit(machine, content))

    def _kill_control(self, machine: Machine, _: float) -> None:
        if machine.life:
            machine.life.kill_control()

    def _kill_control_at(self, _: Machine, amount: float) -> None:
        self.jobs.trap = 1 + int(4 * amount)

    def _kill_in_write(self, machine: Machine, amount: float) -> None:
        self._write_trap[machine.index] = 1 + int(2 * amount)

    def _crash(self, machine: Machine, amount: float) -> None:
        """End all of a node at once; it is started again later."""
        if machine.life is None:
            return
        machine.kill()
        self.laws.account(machine)
        self._forget(machine, lost=False)
        self.loop.plan(amount, lambda: self._start(machine))

    def _die(self, machine: Machine, amount: float) -> None:
        """End all of a node for long."""
        self._crash(machine, DEAD_S + amount)

    def _redeploy(self, machine: Machine, amount: float) -> None:
        if machine.life is None:
            return
        machine.kill()
        machine.lose_state()
        machine.redeployed = True
        self.laws.lost.pop(machine.index, None)
        self._forget(machine, lost=True)
        self.loop.plan(amount, lambda: self._start(machine))

    def _lose_orders(self, machine: Machine, amount: float) -> None:
        """End a node; before it is started again, the file with its orders is gone."""
        if machine.life is None:
            return
        self._crash(machine, amount)
        there, is_known = machine.lose_orders()
        if there:
            self._forget(machine, lost=True)
        if is_known:
            self.laws.lost[machine.index] = self.loop.now
            self.laws.ordered_since.discard(machine.index)

    def _stop_node(self, machine: Machine, amount: float) -> None:
        """Stop a node as the service manager does; it is started again later."""
        life = machine.life
        if life is None or machine.suspended:
            return
        node, control = life.node, machine.control
        if node is not None and control is not None and not control.stopped:
            try:
                control.run(lambda: commands.stop(node))
            except Killed:
                return
        self._crash(machine, amount)

    def _forget(self, machine: Machine, *, lost: bool) -> None:
        """Note what orders a node may have forgotten."""
        for key, order in tuple(self.laws.orders.items()):
            if key[0] == machine.index and (lost or not order.durable):
                del self.laws.orders[key]
                self.laws.open[key].add(order.since)  # or it was written down later
                self.laws.may_return(key[1]) if lost else None
        for key, plan in tuple(self.laws.plans.items()):
            if key[0] == machine.index and (lost or not plan.durable):
                del self.laws.plans[key]
                self.laws.vague.add(key)
        if lost:
            for target in self.members:
                self.laws.open.pop((machine.index, target), None)

    def _start(self, machine: Machine) -> None:
        if machine.life is None and not self.over:
            if machine.declared_dead:  # against what was declared, it answers again
                self.laws.may_return_for_ever((*self.members, *zones.HOSTS))
            machine.boots += 1
            machine.start()

    def _stop_control(self, machine: Machine, amount: float) -> None:
        """Send SIGSTOP to control, and SIGCONT later."""
        control = machine.control
        if control is None or control.stopped:
            return
        control.stopped = True
        self.loop.plan(amount, control.go_on)

    def _stop_worker(self, machine: Machine, amount: float) -> None:
        self.caches.stop_next[machine.index] = min(amount, 1.0) / 2

    def _stop_sender(self, machine: Machine, amount: float) -> None:
        self.caches.hold_next[machine.index] = amount

    def _worker_lags(self, machine: Machine, amount: float) -> None:
        if machine.life:
            machine.life.workers[0].lags_until = self.loop.now + amount

    def _suspend(self, machine: Machine, amount: float) -> None:
        """Stop the whole machine: its monotonic clock stands still meanwhile."""
        if machine.suspended:
            return
        machine.suspended = True
        self.laws.doubt_plans(machine)
        life = machine.life
        stopped = [machine.control] if machine.control and not machine.control.stopped else []
        for control in stopped:
            control.stopped = True

        def resume() -> None:
            machine.suspended = False
            self.laws.sleep(machine, amount)
            machine.monotonic -= amount
            for control in stopped:
                control.go_on()

        if life is not None:
            life.sleep(amount)
        self.loop.plan(amount, resume)

    def _cut(self, machine: Machine, amount: float) -> None:
        self.net.cut[machine.index] = self.loop.now + amount

    def _blind(self, machine: Machine, amount: float) -> None:
        self.net.blind[machine.index] = self.loop.now + amount

    def _lossy(self, _: Machine, amount: float) -> None:
        self.net.lossy_until = self.loop.now + amount

    def _late(self, _: Machine, amount: float) -> None:
        self.caches.late_until = self.loop.now + amount

    def _disk_full(self, machine: Machine, amount: float) -> None:
        self._filled.add(machine.index)
        self._until["disk_full", machine.index] = self.loop.now + amount

    def _disk_slow(self, machine: Machine, amount: float) -> None:
        self._until["disk_slow", machine.index] = self.loop.now + amount

    def _clock_forward(self, machine: Machine, amount: float) -> None:
        machine.wall += 60 * amount
        self.laws.doubt_plans(machine)

    def _clock_back(self, machine: Machine, amount: float) -> None:
        machine.wall -= 60 * amount
        self.laws.doubt_plans(machine)

    # -- the story ----------------------------------------------------------------------------

    async def play(self, story: list[Event]) -> None:
        """Live through ``story``, and until all is well again; Broken if a law is broken."""
        for machine in self.machines:
            machine.contents = [self.latest]
            machine.edit(self.latest)
            machine.contents = [self.latest]
            machine.start()
            self.operators.begin(self.operators.declare_past(machine))
        self.caches.begin()
        self.operators.begin(self.operators.ask_for_ever())
        self.operators.begin(self.operators.ask_about_names_for_ever())
        try:
            await self._live(self.kind.first)
            for event in story:
                await self._live(event.after)
                self.happen(event)
            await self._live(self.kind.last)
            await self._heal()
        finally:
            for machine in self.machines:
                machine.kill()
            self.over = True
            for process in self.running:
                process.go_on()

    async def _live(self, seconds: float) -> None:
        until = self.loop.now + seconds
        while self.loop.now < until:
            await asyncio.sleep(min(LOOK_S, until - self.loop.now))
            self._look()

    def _look(self) -> None:
        if fault := self._broken or self.loop.fault:
            raise fault
        for machine in self.machines:
            self._look_at_orders(machine)
            self.laws.pass_time(machine, machine.look())
            if self.need > 1:
                self._look_at_agreements(machine)

    def _look_at_orders(self, machine: Machine) -> None:
        """Judge that no node misses orders that it has never lost."""
        missed = machine.node is not None and machine.node.engine.loss
        if machine.redeployed:
            return  # another node may have told it
        if missed and machine.index not in self.laws.lost and machine.index not in self._filled:
            raise Broken(f"lost: node {machine.name} has lost nothing, and says: {missed}")

    def _look_at_agreements(self, machine: Machine) -> None:
        node = machine.node
        if node is None:
            return
        window = 3 * self.kind.terms.interval + 3.0
        for pool in node.engine.table.pools.values():
            for address, member in pool.state.members.items():
                key = machine.index, address
                known, before = self._agreed.get(key, (None, None))
                self._agreed[key] = node, member.agreed
                if known is node and before not in (None, member.agreed) and member.agreed:
                    self.laws.agreed(machine.index, address, str(member.agreed), window)

    async def _heal(self) -> None:
        """End all faults, and wait until all is as it should be."""
        self.net.heal()
        self._until.clear()
        self._write_trap.clear()
        self.jobs.trap = 0
        self.caches.late_until = 0.0
        until = self.loop.now + HEAL_S
        wrong = "nothing was looked at"
        while self.loop.now < until:
            await self._live(2.0)
            wrong = self.shortfall()
            if not wrong:
                return
        raise Broken(f"heal: {wrong}")

    def shortfall(self) -> str:
        """Return in what a node is not as it is to be; empty if all are."""
        return next(filter(None, map(self._shortfall, self.machines)), "")

    def _shortfall(self, machine: Machine) -> str:
        node = machine.node
        if node is None:
            return f"node {machine.name} does not run"
        if any(row.trouble for row in node._reloader.rows.values()):
            return f"node {machine.name} has trouble with a zone"
        content = machine.contents[-1] if machine.contents else None
        if len(machine.contents) > 1:
            return f"node {machine.name} has not loaded its zone"
        if content is None or content.terms is None:
            return ""
        for pool in node.engine.table.pools.values():
            for address, member in pool.state.members.items():
                if member.order is not None or self.kind.terms.failback == "manual":
                    continue
                if member.state != "up":
                    return f"node {machine.name}: {address} is {member.state}"
                if pool.state.is_shared and member.agreed != "up":
                    return f"node {machine.name}: {address} is agreed to be {member.agreed}"
        return ""


def _without(world: World, target: str) -> Content | None:
    content = world.latest
    rest = tuple(one for one in content.members if one != target)
    return content._replace(members=rest or content.members)


def _with(world: World, target: str) -> Content | None:
    content = world.latest
    kept = {*content.members, target}
    return content._replace(members=tuple(one for one in world.members if one in kept))


def _changed(**changes: Any) -> Callable[[World, str], Content | None]:
    def edit(world: World, _target: str) -> Content | None:
        return world.latest._replace(**changes)

    return edit


EDITS: dict[str, Callable[[World, str], Content | None]] = {
    "edit_away": _without,
    "edit_back": _with,
    "edit_ttl_up": _changed(ttl=25, host_ttl=10),
    "edit_ttl_down": _changed(ttl=8, host_ttl=5),
    "edit_host": _changed(host=zones.HOSTS[1]),
    "edit_host_back": _changed(host=zones.HOSTS[0]),
    "edit_host_gone": _changed(host=""),
    "edit_no_policy": _changed(terms=None),
    "edit_policy": lambda world, _: world.latest._replace(terms=world.kind.terms),
    "edit_zone_gone": lambda *_: None,
    "edit_zone_back": lambda world, _: world.latest,
}
FAULTS = (
    "kill_control", "kill_control_at", "kill_in_write", "crash", "die", "redeploy", "lose_orders",
    "stop_node", "stop_control", "stop_worker", "stop_sender", "worker_lags", "suspend", "cut",
    "blind", "lossy", "late", "disk_full", "disk_slow", "clock_forward", "clock_back",
)  # fmt: skip
_ILL = {"member_down": "refuses", "member_hangs": "hangs", "member_up": ""}
KINDS = sorted((*FAULTS, *EDITS, *ORDERS, *PLANS, *_ILL, "cancel", "declare_dead"))
_ON_DISK = frozenset({"_write", "_put", "prepare", "_prepare", "build"})
__all__ = ["EDITS", "FAULTS", "KINDS", "Event", "Kind", "Order", "World"]
