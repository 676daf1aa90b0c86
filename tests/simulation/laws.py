"""The laws of the plane, and the accounts by which they are judged.

The accounts are kept from what happens to the node, never from what the node thinks of it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dnsd.announce.damping import LONGEST_S
from tests.simulation.machine import TICK_S

if TYPE_CHECKING:
    from tests.simulation.machine import Node
    from tests.simulation.world import World

HOLD_S = 2.0
SILENCE_S = 0.3
"""A route without a worker that gets on must not last longer."""
START_S = 15.0
"""A node that is well is announced in this time, waits of the damping apart."""
REPAIR_S = 3.0
"""What dnsd can put right itself is right in this time."""
_ROUNDED_S = 1e-6


class Broken(AssertionError):
    """A law is broken."""


class Laws:
    """What must hold, for a node that began at ``now``.

    ``may`` holds what may have been ordered: both, while an order has no answer or its end is near.
    """

    def __init__(self, now: float) -> None:
        self.began = now
        self.may: dict[str, set[bool]] = {"drain": {False}, "withdraw": {False}}
        self.orders = self.changes = 0
        self.off_until = now + START_S
        self.bird_trouble_at = now
        self.soft = False
        self._may_be_marked_until = now + START_S
        self._orders_lost = False
        self._ends: dict[str, float] = {}
        self._latest: dict[str, int] = {}
        self._obeyed: set[str] = set()
        self._not_on_disk: dict[str, bool] = {}
        self._failures, self._repairs = 1, 0
        self._silent = False
        self._route = (False, False)

    # -- accounts -----------------------------------------------------------------------------

    def fail(self, now: float) -> None:
        """Note a failure: the node may be off the route for as long as it is held down."""
        self._failures += 1
        self.excuse(now, HOLD_S * 2.0 ** (self._failures - 1))

    def repair(self, now: float) -> None:
        """Note that something is to be put right: only from the second time on it may take long."""
        self._repairs += 1
        again = HOLD_S * 2.0 ** (self._repairs - 2) if self._repairs > 1 else 0.0
        self.excuse(now, again, REPAIR_S)

    def excuse(self, now: float, held: float = 0.0, grace: float = START_S) -> None:
        """Note that the node may be off the route until it has started, and was held down."""
        self.off_until = max(self.off_until, now + grace + min(LONGEST_S, held))

    def ask(self, name: str, wanted: bool, *, ends: bool) -> int:
        """Note that an order is given; return its number."""
        self.orders += 1
        self.may[name] = self.may[name] | {wanted} | ({False} if ends else set())
        self._ends.pop(name, None)
        self._latest[name] = self.orders
        self._obeyed.discard(name)
        return self.orders

    def acknowledge(
        self, name: str, wanted: bool, number: int, until: float, *, obeyed: bool
    ) -> None:
        """Note that an order was answered; it counts unless another one has come since.

        One that is not ``obeyed`` is in force, but BIRD has not done what is left to it.
        """
        if self._latest[name] == number:
            self.may[name] = {wanted}
            if obeyed:
                self._obeyed.add(name)
            self._ends[name] = until

    def keep(self, name: str, wanted: bool, *, on_disk: bool) -> None:
        """Note whether the node said that the order outlives it."""
        if on_disk:
            self._not_on_disk.pop(name, None)
        else:
            self._not_on_disk[name] = not wanted

    def forget(self) -> None:
        """Note that all processes have ended: what is not on disk may be forgotten."""
        for name, forgotten in self._not_on_disk.items():
            self.may[name] |= {forgotten}

    def lose_orders(self, *, known: bool) -> None:
        """Note that the file of orders is gone: drained, then, if it is ``known`` that one was."""
        self.orders += 1
        self._orders_lost = True
        self.may = {"drain": self.may["drain"] | {True}, "withdraw": {False}}
        if not known:
            self.may["drain"] |= {False}
        self._not_on_disk.clear()
        self._ends.clear()

    @property
    def last_end(self) -> float:
        """When the last order ends that ends by itself."""
        return max((until for until in self._ends.values() if until < float("inf")), default=0.0)

    # -- judgement ----------------------------------------------------------------------------

    def judge(self, world: World) -> None:
        """Raise Broken if a law is broken now."""
        now, node = world.now, world.node
        for name, until in tuple(self._ends.items()):
            if now >= until - TICK_S:
                self.may[name] = {False} if now > until + 1.0 else {True, False}
        if node is not None:
            self._look(now, node, world.carried)
        if not world.has("given"):
            self._count(now, world)
        if world.carried and not world.has("given"):
            self._judge_announced(now, node)
        if not world.carried and self.may["withdraw"] == {False} and now > self.off_until:
            why = node.plane.view().why if node and node.plane else ()
            raise Broken(f"off the route for no reason: {why}")
        self._judge_mark(now, world)
        wrong = self.may["drain"] == {True} and world.exported() and not world.router.mark
        if wrong and ("drain" in self._obeyed or now > self.bird_trouble_at + START_S):
            raise Broken("preferred although a drain was acknowledged")

    def _look(self, now: float, node: Node, carried: bool) -> None:
        """See what excuses that the node is off the route."""
        nobody = not any(worker.gets_on(now) for worker in node.workers)
        silent = nobody and (not carried or now - node.progressed > SILENCE_S - 2 * TICK_S)
        if silent:
            self.excuse(now)
        if silent and not self._silent:
            self.fail(now)
        self._silent = silent
        if not carried and node.plane is None:
            self.excuse(now)

    def _judge_announced(self, now: float, node: Node | None) -> None:
        silent = now - (node.progressed if node else float("-inf"))
        if silent > SILENCE_S + _ROUNDED_S:
            raise Broken(f"announced for {silent:.3f} s without a worker that gets on")
        if self.may["withdraw"] == {True}:
            raise Broken("announced although a withdrawal was acknowledged")

    def _judge_mark(self, now: float, world: World) -> None:
        """Nothing but orders and soft faults drains a node; BIRD may take its time to hear."""
        if self.soft or True in self.may["drain"]:
            self._may_be_marked_until = now + START_S
        heard = max(self._may_be_marked_until, self.bird_trouble_at + START_S)
        if now > heard and world.exported() and world.router.mark:
            raise Broken("drained for no reason")

    def _count(self, now: float, world: World) -> None:
        on = bool(world.node and world.node.carrier.up)
        route = on, on and world.router.mark
        self.changes += route != self._route
        self._route = route
        # One away and one back for each wait of a series, if there was cause for the series.
        causes = (self._failures > 1) + (self._repairs > 0) + self.soft
        wait = _waits(now - self.began)
        most = 1 + 2 * wait * causes + 2 * (self._repairs > 0) + 3 * self.orders
        if self.changes > most:
            raise Broken(f"{self.changes} changes of the route in {now - self.began:.0f} s")

    def shortfall(self, world: World) -> str:
        """Return in what the node is not as it is to be; empty if it is."""
        node = world.node
        if node is None or not node.healthy or node.plane is None:
            return "it does not run"
        orders, view = node.plane.orders.at(time.time()), node.plane.view()
        for name, one in (("drain", orders.drain), ("withdraw", orders.withdraw)):
            if (one is not None) not in self.may[name]:
                raise Broken(f"{name}: {one} in place of {self.may[name]}")
        exported = world.exported()
        if orders.withdraw is not None:
            return f"{exported} are exported, but withdrawn by order" if exported else ""
        if exported != list(world.kernel.vips):
            return f"only {exported} are exported: {view}"
        if world.router.mark != (orders.drain is not None):
            return f"the mark is {world.router.mark}, and {orders.drain} ordered"
        if node.plane.orders.fault and not self._orders_lost:
            return node.plane.orders.fault
        return "" if view.bird.well else f"{view.bird}"


def _waits(seconds: float) -> int:
    """Return how many waits of one series can begin within so many seconds."""
    count, length, at = 1, HOLD_S, 0.0
    while at + length <= seconds:
        at, length, count = at + length, min(2 * length, LONGEST_S), count + 1
    return count
