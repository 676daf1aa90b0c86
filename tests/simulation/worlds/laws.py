"""The laws of failover and horizon, judged by what caches get and hold.

No node is asked what it thinks of itself.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from tests.simulation.laws import Broken
from tests.simulation.worlds import judge, zones

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.simulation.worlds.caches import Key
    from tests.simulation.worlds.judge import Asked
    from tests.simulation.worlds.machine import Machine
    from tests.simulation.worlds.world import World

ROUNDED_S = 1e-3
INF = float("inf")
LATE_S = 3.0
"""So late what is planned may begin on a node that is well."""


class Claim(NamedTuple):
    """That no cache holds an address, of one node or (None) of any, and none gets it any more."""

    target: str
    node: int | None


class Order(NamedTuple):
    """What was ordered of a member on one node, since when it counts, and until when.

    ``slept`` is for how long the machine stood still meanwhile: it may end so much later.
    """

    out: bool
    since: float
    until: float = INF
    durable: bool = True
    slept: float = 0.0


class Planned(NamedTuple):
    """What is planned of a member on one node: it takes the place of every order before it."""

    out: bool
    start: float
    until: float = INF
    durable: bool = True


class Laws:
    """What must hold in ``world``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.claims: dict[Claim, float] = {}
        self.orders: dict[tuple[int, str], Order] = {}
        self.open: dict[tuple[int, str], set[float]] = defaultdict(set)
        """Members that may be out, although no order says so, by those without an answer (yet).

        It is when these were asked for. One that takes a member in may not be in force.
        """
        self.plans: dict[tuple[int, str], Planned] = {}
        self.vague: set[tuple[int, str]] = set()
        """Of whom nobody knows any more when what is planned begins, or whether it does."""
        self.returning: dict[str, int] = defaultdict(int)
        """How many edits are under way that may bring an address back."""
        self.returned: dict[str, float] = defaultdict(float)
        """When something last happened that may bring an address back."""
        self.lost: dict[int, float] = {}
        """Nodes whose orders are gone, since when, if no order has been acknowledged since."""
        self.ordered_since: set[int] = set()
        """Nodes that may have obeyed an order since then: who gives one may hear nothing of it."""
        self.judged = 0
        self.safe = 0
        self._failures: dict[tuple[int, str], list[float]] = defaultdict(list)
        self._successes: dict[tuple[int, str], list[float]] = defaultdict(list)

    # -- what is known to come ------------------------------------------------------------------

    def may_return(self, target: str) -> None:
        """Note that from now on ``target`` may be given out again."""
        self.returned[target] = self._world.loop.now
        for claim in [one for one in self.claims if one.target == target]:
            del self.claims[claim]

    def may_return_for_ever(self, targets: Iterable[str]) -> None:
        """Note that from now on no SAFE counts about ``targets``."""
        for target in targets:
            self.returning[target] += 1
            self.may_return(target)

    def doubt_plans(self, machine: Machine) -> None:
        """Note that what is planned on a machine may begin at another time: a clock was set."""
        for key in [one for one in self.plans if one[0] == machine.index]:
            self.vague.add(key)
            del self.plans[key]

    def answered(self, key: tuple[int, str], asked: float) -> None:
        """Note that the order that was ``asked`` for then counts, and none from before."""
        self.open[key] = {one for one in self.open[key] if one > asked}

    def meet_plan(self, key: tuple[int, str], asked: float) -> None:
        """Note that an order, ``asked`` for then, was obeyed: it counts, or what was planned."""
        plan = self.plans.get(key)
        if plan is None or self._world.loop.now < plan.start:
            return
        del self.plans[key]
        if asked <= plan.start:
            self.vague.add(key)  # nobody knows which of them came first

    def sleep(self, machine: Machine, seconds: float) -> None:
        """Note that a machine has stood still: orders with an end may end later."""
        for key, order in tuple(self.orders.items()):
            if key[0] == machine.index:
                self.orders[key] = order._replace(slept=order.slept + seconds)

    def pass_time(self, machine: Machine, well_for: float) -> None:
        """Have orders end, and plans take their place, once the node was well for a while."""
        now = self._world.loop.now
        for key, order in tuple(self.orders.items()):
            over = now - order.until - order.slept > LATE_S
            if key[0] == machine.index and over and well_for > LATE_S:
                del self.orders[key]
        for key, plan in tuple(self.plans.items()):
            if key[0] == machine.index and now - plan.start > LATE_S and well_for > LATE_S:
                self.begin_plan(key)

    def begin_plan(self, key: tuple[int, str]) -> None:
        """Have what is planned take the place of the order, if anything is."""
        if plan := self.plans.pop(key, None):
            self.orders[key] = Order(plan.out, self._world.loop.now, plan.until, plan.durable)

    @contextmanager
    def bringing_back(self, targets: Iterable[str]) -> Iterator[None]:
        """Note that what happens in the body may bring ``targets`` back, now or until it ends."""
        targets = tuple(targets)
        for target in targets:
            self.returning[target] += 1
            self.may_return(target)
        try:
            yield
        finally:
            for target in targets:
                self.returning[target] -= 1
                self.may_return(target)

    def forced_back(self, machine: Machine) -> frozenset[str]:
        """Return who is answered again because perhaps all members are out on ``machine``."""
        if not self._all_out(machine):
            return frozenset()
        return frozenset(target for content in machine.contents for target in content.members)

    def is_out(self, node: int, target: str) -> bool:
        """Return whether ``target`` must not be given out by a node, as a member."""
        key = (node, target)
        order, plan = self.orders.get(key), self.plans.get(key)
        now = self._world.loop.now
        if key in self.vague:
            return False
        if plan and now >= (plan.until if plan.out else plan.start):
            return False
        return order is not None and order.out and order.since < now < order.until

    # -- answers --------------------------------------------------------------------------------

    def composed(self, machine: Machine, name: str, addresses: frozenset[str]) -> None:
        """Judge what a worker composes from what it reads now."""
        if name != zones.POOL or not addresses:
            return
        wrong = [one for one in addresses if self.is_out(machine.index, one)]
        if wrong and not machine.unruled and not self._all_out(machine):
            raise Broken(f"order: node {machine.name} answers {wrong[0]}, which it has taken out")

    def _all_out(self, machine: Machine) -> bool:
        """Return whether perhaps all members are taken out: an RRset is never empty."""
        return any(
            all(self.may_be_out(machine.index, one) for one in content.members)
            for content in machine.contents
        )

    def may_be_out(self, node: int, target: str) -> bool:
        """Return whether a node may have taken ``target`` out, be it too early or too late."""
        key = (node, target)
        if key in self.vague or self.open[key]:
            return True
        return any(
            one is not None and one.out for one in (self.orders.get(key), self.plans.get(key))
        )

    def delivered(self, key: Key) -> None:
        """Judge what a cache gets."""
        for target in key.addresses:
            for node in (None, key.node):
                if (at := self.claims.get(Claim(target, node))) is not None:
                    ago = self._world.loop.now - at
                    raise Broken(
                        f"safe: a cache gets {target} of node {'abc'[key.node]}, "
                        f"{ago:.3f} s after it was SAFE"
                    )

    # -- verdicts -------------------------------------------------------------------------------

    def verdict(self, target: str, asked: Asked, since: float) -> None:
        """Judge a verdict about an address at all nodes, asked for at ``since``."""
        self.judged += 1
        if asked.safe:
            self._look_at_lost(target, since)
        if asked.safe and self._counts(target, since):
            self.safe += 1
            now = self._world.loop.now
            self._claim(Claim(target, None))
            if asked.floored is not None and asked.floored <= asked.now:
                for key, hold in self._world.caches.holding(target):
                    if hold.floored > now + ROUNDED_S:
                        raise Broken(
                            f"floor: {target} of node {'abc'[key.node]} is held for "
                            f"{hold.floored - now:.3f} s more by caches with a floor"
                        )

    def _look_at_lost(self, target: str, since: float) -> None:
        """Judge that nothing is SAFE by a node that has pools, and has lost their orders."""
        for index, at in self.lost.items():
            machine = self._world.machines[index]
            if index in self.ordered_since or (machine.declared_dead and machine.life is None):
                continue  # it misses nothing any more, or nobody is led anywhere by it
            known = machine.contents and not machine.unruled and machine.changed < since
            if known and at < since:
                raise Broken(f"lost: {target} is SAFE, and node {machine.name} has lost its orders")

    def drained(self, machine: Machine, target: str, since: float) -> None:
        """Judge that a node says of a member that it is drained and SAFE."""
        self.judged += 1
        if self._counts(target, since):
            self.safe += 1
            self._claim(Claim(target, machine.index))

    def _counts(self, target: str, since: float) -> bool:
        return not self.returning[target] and self.returned[target] < since

    def _claim(self, claim: Claim) -> None:
        now = self._world.loop.now
        for key, hold in self._world.caches.holding(claim.target, claim.node):
            if hold.until > now + ROUNDED_S:
                raise Broken(
                    f"safe: {claim.target} of node {'abc'[key.node]} is SAFE, and a cache holds it "
                    f"for {hold.until - now:.3f} s more"
                )
        self.claims.setdefault(claim, now)

    def name_safe(self, name: str, given: frozenset[frozenset[str]], since: float) -> None:
        """Judge that no cache has another answer for ``name`` than those ``given`` by all.

        It was asked for at ``since``: what was given out from then on may be news.
        """
        self.judged += 1
        self.safe += 1
        now = self._world.loop.now
        for key, hold in self._world.caches.held.items():
            other = key.name == name and key.addresses not in given and hold.composed < since
            if other and hold.until > now + ROUNDED_S:
                raise Broken(
                    f"name: {name} is SAFE, and a cache holds {sorted(key.addresses)} of node "
                    f"{'abc'[key.node]} for {hold.until - now:.3f} s more"
                )

    # -- crashes --------------------------------------------------------------------------------

    def account(self, machine: Machine) -> None:
        """Judge that the disk of a machine, as it is now, knows of all that caches hold of it."""
        now = self._world.loop.now
        for key, hold in self._world.caches.held.items():
            if key.node != machine.index or hold.until <= now:
                continue
            for target in key.addresses:
                left = judge.durable_left(machine, target)
                if left is not None and left < hold.until - now - ROUNDED_S:
                    raise Broken(
                        f"account: the disk of node {machine.name} knows of {target} for "
                        f"{left:.3f} s, and a cache holds it for {hold.until - now:.3f} s"
                    )

    # -- votes ----------------------------------------------------------------------------------

    def checked(self, node: int, address: str, *, ok: bool) -> None:
        """Note what a check of a node finds."""
        found = self._successes if ok else self._failures
        found[node, address].append(self._world.loop.now)

    def agreed(self, node: int, address: str, state: str, window: float) -> None:
        """Judge that a node has changed what is agreed on a member."""
        found = self._successes if state == "up" else self._failures
        since = self._world.loop.now - window
        voters = [
            one
            for one in range(self._world.size)
            if any(at >= since for at in found[one, address][-50:])
        ]
        if len(voters) < self._world.need:
            raise Broken(
                f"quorum: node {'abc'[node]} has agreed that {address} is {state}, and only "
                f"{len(voters)} nodes have seen that"
            )
