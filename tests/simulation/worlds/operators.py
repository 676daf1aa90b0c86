"""What operators do: orders, edits, and questions whether it is safe now."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

from dnsd.errors import AdminError
from tests.simulation.worlds import judge, zones
from tests.simulation.worlds.laws import INF, Order, Planned

if TYPE_CHECKING:
    from tests.simulation.worlds.machine import Machine
    from tests.simulation.worlds.world import World

ORDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "force_down": ("force", {"forced": "down"}),
    "force_down_for": ("force", {"forced": "down"}),
    "force_up": ("force", {"forced": "up"}),
    "auto": ("force", {"forced": "auto"}),
    "drain": ("drain_member", {}),
    "drain_direct": ("drain_member", {"direct": True}),
    "undrain": ("undrain_member", {}),
    "fail_back": ("failback", {}),
}
PLANS: dict[str, tuple[str, dict[str, Any]]] = {
    "force_down_at": ("force", {"forced": "down"}),
    "force_down_at_for": ("force", {"forced": "down", "for": 6.0}),
    "force_up_at": ("force", {"forced": "up"}),
    "drain_at": ("drain_member", {}),
}
"""Orders with a beginning."""
NAMES_PAUSE = 4
"""So much less often it is asked about a name than about what it leads to."""
AHEAD = 3
"""What is planned begins so many times later than other things last: SAFE comes before."""
AGAIN_S = 1.0
LATER_S = (0.5, 2.0, 4.0)
NEAR_S = 40.0
JUST_S = (0.001, 0.001, 0.05, 0.5)
"""So soon after it is to be safe somebody asks again."""
MOST_ASKED = 4
PATIENCE = 20
"""Times that it is asked about what has been taken out."""


class Operators:
    """Everybody who has a console on one of the machines."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self._work: set[asyncio.Task[Any]] = set()

    def begin(self, work: Any) -> None:
        """Have somebody do ``work`` beside all else."""
        task = self._world.loop.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._work.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._world.fail("an operator has met a fault", error)

    @property
    def _pool(self) -> dict[str, Any]:
        return {"name": zones.POOL, "type": "CNAME" if self._world.kind.named else "A"}

    async def declare_past(self, machine: Machine) -> None:
        """Say that a node of a new site has given out nothing before."""
        while True:
            with suppress(OSError, AdminError):
                await self._world.net.ask(machine, machine, "declare_past", ttl=0)
                return
            await asyncio.sleep(AGAIN_S)

    # -- orders ---------------------------------------------------------------------------------

    async def order(self, what: str, machine: Machine, target: str, amount: float) -> None:
        """Order something of a member on one node."""
        world, laws = self._world, self._world.laws
        command, request = ORDERS[what]
        out = what.startswith("force_down")
        limited = what.endswith("_for")
        asked = world.loop.now
        key = (machine.index, target)
        back = {target} if limited or (not out and what != "drain_direct") else set()  # then or now
        before = laws.orders.get(key)
        leaves = out or what.startswith("drain")
        if leaves or laws.may_be_out(*key):  # or it is not brought back yet
            laws.open[key].add(asked)
        if not out or before is None:
            laws.orders.pop(key, None)
        with_time = {"for": amount} if limited else {}
        about = {**self._pool, "force": True, "member": target}
        laws.ordered_since.add(machine.index)
        try:
            with laws.bringing_back(back | laws.forced_back(machine)):
                asking = world.net.ask(machine, machine, command, **about, **request, **with_time)
                found = await asking
        except AdminError:
            laws.open[key].discard(asked)
            if before is not None and key not in laws.orders:
                laws.orders[key] = before  # nothing was ordered
            return
        except OSError:
            return  # no answer: it may be in force
        laws.meet_plan(key, asked)
        laws.answered(key, asked)
        laws.lost.pop(machine.index, None)
        if out and not limited:
            self.begin(self.wait(self._random.choice(world.machines), target, PATIENCE))
        durable = not found["unwritten"]
        until = asked + amount if limited else INF
        laws.orders[key] = Order(out, world.loop.now, until, durable)
        if what.startswith("drain"):
            laws.open[key].add(asked)
            await self._drained(machine, target, machine.life)

    async def plan(self, what: str, machine: Machine, target: str, amount: float) -> None:
        """Plan a change of a member on one node, or cancel what is planned."""
        world, laws = self._world, self._world.laws
        command, request = PLANS[what]
        key, asked = (machine.index, target), world.loop.now
        start = asked + AHEAD * amount
        until = start + request["for"] if "for" in request else INF
        out = what != "force_up_at"
        back = {target} if not out or until < INF else set()
        if out:
            laws.open[key].add(asked)
        about = {**self._pool, "force": True, "member": target}
        at = zones.EPOCH + start + machine.wall
        laws.ordered_since.add(machine.index)
        try:
            with laws.bringing_back(back | laws.forced_back(machine)):
                found = await world.net.ask(machine, machine, command, **about, **request, at=at)
        except AdminError:
            laws.open[key].discard(asked)
            return  # something is planned already, and stays so
        except OSError:
            laws.vague.add(key)  # no answer: it may be in force
            return
        laws.open[key].discard(asked)
        laws.lost.pop(machine.index, None)
        laws.begin_plan(key)  # an earlier one has begun, or this one would have been refused
        laws.plans[key] = Planned(out, start, until, not found["unwritten"])

    async def cancel(self, machine: Machine, target: str) -> None:
        """Take back what is planned of a member on one node."""
        laws, key = self._world.laws, (machine.index, target)
        plan = laws.plans.pop(key, None)
        if plan is not None:
            laws.vague.add(key)  # until it is known
        with suppress(AdminError, OSError):
            about = {**self._pool, "force": True, "member": target}
            await self._world.net.ask(machine, machine, "cancel_plan", **about)
            if plan is not None and self._world.loop.now < plan.start:
                laws.vague.discard(key)

    async def declare_dead(self, machine: Machine, other: Machine) -> None:
        """Say on one machine that the node on another one is dead, if it is."""
        if other.life is not None or other is machine:
            return
        other.declared_dead = True
        ago = self._world.loop.now - other.ended_at
        with suppress(OSError, AdminError):
            await self._world.net.ask(machine, machine, "declare_dead", node=other.name, ago=ago)

    async def _drained(self, machine: Machine, target: str, life: object) -> None:
        """Look how a drain gets on, as ``dnsd drain member`` does."""
        world, laws = self._world, self._world.laws
        key = (machine.index, target)
        order = laws.orders[key]
        while machine.life is life and laws.orders.get(key) in (order, None):
            asked = world.loop.now
            try:
                about = {**self._pool, "member": target}
                found = await world.net.ask(machine, machine, "drained", **about)
            except (AdminError, OSError):
                return
            if laws.orders.get(key) != order:
                return
            phases = {step["phase"] for step in found["steps"]}
            if order.out is False and phases <= {"waiting", "safe"}:
                order = Order(True, world.loop.now, INF, order.durable)
                laws.orders[key] = order
            if found["safe"]:
                laws.drained(machine, target, asked)
                return
            await asyncio.sleep(AGAIN_S)

    # -- edits ----------------------------------------------------------------------------------

    async def edit(self, machine: Machine, content: zones.Content | None) -> None:
        """Put other files on one machine, and have them loaded."""
        laws = self._world.laws
        before = machine.contents[-1].addresses if machine.contents else frozenset()
        was_unruled = machine.unruled
        coming = set(content.addresses - before) if content else set()
        if content and content.terms is None:
            coming |= content.addresses  # no order is about records without a policy
        coming = {
            one
            for one in coming
            if was_unruled
            or content is None
            or content.terms is None
            or not laws.is_out(machine.index, one)
        }
        machine.edit(content)
        with laws.bringing_back(coming | laws.forced_back(machine)):
            await self._reloaded(machine, content, machine.edits)
            for target in sorted(before - (content.addresses if content else frozenset())):
                self.begin(self.wait(self._random.choice(self._world.machines), target, PATIENCE))

    async def _reloaded(self, machine: Machine, content: zones.Content | None, number: int) -> None:
        """Have the files loaded, however often that takes."""
        while True:
            with suppress(OSError, AdminError):
                report = await self._world.net.ask(machine, machine, "reload", force=True)
                if report.ok:
                    if machine.edits == number:  # else other files lie there by now
                        machine.contents = machine.contents[-1:] if content else []
                        machine.changed = self._world.loop.now
                    return
            await asyncio.sleep(AGAIN_S)

    # -- questions ------------------------------------------------------------------------------

    async def ask_for_ever(self) -> None:
        """Ask again and again, about one thing or another, at one node or another."""
        while True:
            await asyncio.sleep(self._random.expovariate(1 / self._world.pause))
            target = self._random.choice((*self._world.members, *zones.HOSTS))
            machine = self._random.choice(self._world.machines)
            self.begin(self.wait(machine, target, self._random.randrange(1, MOST_ASKED)))

    async def ask_about_names_for_ever(self) -> None:
        """Ask again and again whether all caches have the present answer to a name."""
        random, pause = Random(self._random.getrandbits(32)), NAMES_PAUSE * self._world.pause
        while True:
            await asyncio.sleep(random.expovariate(1 / pause))
            work = self._ask_about(random.choice(self._world.machines), random.choice(zones.NAMES))
            self.begin(work)

    async def _ask_about(self, machine: Machine, name: str) -> None:
        since = self._world.loop.now
        question = judge.about(name=name)
        asked = await judge.Asker(self._world, machine).ask(question, self._world.floor)
        if asked is not None and asked.safe:
            self._world.laws.name_safe(name, asked.given, since)

    async def wait(self, machine: Machine, target: str, times: int) -> None:
        """Ask until it is safe, as ``dnsd horizon --wait`` does, but only so many times."""
        question = judge.about(target=target)
        asker = judge.Asker(self._world, machine)
        for _ in range(times):
            since = self._world.loop.now
            asked = await asker.ask(question, self._world.floor)
            if asked is None:
                return
            self._world.laws.verdict(target, asked, since)
            if asked.safe:
                return
            await asyncio.sleep(self._pause(asked.verdict.until, asked.now))

    def _pause(self, until: float | None, now: float) -> float:
        """Return when to ask again: in the moment that was told, if one was and it is near."""
        if until is not None and until - now < NEAR_S:
            return max(0.0, until - now) + self._random.choice(JUST_S)
        return self._random.choice(LATER_S)
