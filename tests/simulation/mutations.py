"""Faults put into the plane, each of which a law must find: none of them is ever in dnsd."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest

from dnsd.announce.announcer import Announcer, Situation, Wanted
from dnsd.announce.damping import HoldDown, Past
from dnsd.control.anycast.addresses import Addresses
from dnsd.control.anycast.birdloop import BirdLoop
from dnsd.control.anycast.carrierorder import CarrierOrder
from dnsd.control.anycast.keeper import BirdReconciler
from dnsd.control.anycast.orderbook import OrderBook
from dnsd.control.anycast.pastkeeper import PastKeeper
from dnsd.daemon.carrier import Carrier
from dnsd.image.keepsake import Keepsake
from tests.simulation.world import Event


class Mutation(NamedTuple):
    """A fault, a story that shows it, and what the broken law says."""

    make: Any
    story: list[Event]
    says: str


def _the_master_never_takes_the_carrier(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Carrier, "_is_alive", lambda *_: True)


def _a_look_that_fails_takes_the_route_away(patch: pytest.MonkeyPatch) -> None:
    async def look(self: Addresses) -> str:
        try:
            self.survey = await self._vips.survey()
            await self._repair(self.survey)
        except Exception as error:
            return str(error)
        return ""

    patch.setattr(Addresses, "_look", look)


def _a_hold_down_never_ends(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HoldDown, "left", lambda self, _now: 1.0 if self._until > 0 else 0.0)


def _an_order_is_acknowledged_unwritten(patch: pytest.MonkeyPatch) -> None:
    async def write(self: OrderBook) -> None:
        self.fault = ""

    patch.setattr(OrderBook, "write", write)


def _an_order_that_the_disk_refuses_is_left_to_no_successor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Keepsake, "put", lambda *_: None)


def _the_past_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PastKeeper, "read", lambda *_: Past())


def _bird_is_told_once(patch: pytest.MonkeyPatch) -> None:
    init = BirdReconciler.__init__

    def forget(self: BirdReconciler, *arguments: Any) -> None:
        init(self, *arguments)
        self._pending = False

    patch.setattr(BirdReconciler, "__init__", forget)
    patch.setattr("dnsd.control.anycast.keeper._is_marked_wrongly", lambda *_: False)


def _a_lost_interface_is_not_made_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CarrierOrder, "again", CarrierOrder.put)
    patch.setattr(Carrier, "_replaced", lambda _: None)


def _the_mark_goes_with_the_route(patch: pytest.MonkeyPatch) -> None:
    wanted = Announcer._wanted

    def without(self: Announcer, seen: Situation) -> Wanted:
        found = wanted(self, seen)
        return found._replace(drain=found.drain and found.carrier)

    patch.setattr(Announcer, "_wanted", without)


def _one_other_node_is_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("dnsd.announce.reach.ENOUGH", 1)


def _lost_orders_are_no_orders(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("dnsd.control.anycast.pastkeeper.exists", lambda _: False)


def _the_protocol_is_not_enabled_again(patch: pytest.MonkeyPatch) -> None:
    repair = BirdReconciler._repair

    async def without(self: BirdReconciler, wanted: Wanted) -> bool:
        enabled = not (await self._bird.protocol("vip")).disabled
        return await repair(self, wanted._replace(enabled=enabled and wanted.enabled))

    patch.setattr(BirdReconciler, "_repair", without)


def _bird_is_looked_at_only_when_something_else_is_wanted(patch: pytest.MonkeyPatch) -> None:
    async def wait(self: BirdLoop, wanted: Wanted) -> None:
        await self._changed.wait_for(lambda: self.wanted != wanted)

    patch.setattr(BirdLoop, "_until_different", wait)


def _what_the_disk_has_refused_is_not_written_again(patch: pytest.MonkeyPatch) -> None:
    async def run(self: OrderBook) -> None:
        self.on_disk.set()
        await asyncio.sleep(1e9)

    patch.setattr(OrderBook, "run", run)


UP = Event(1.0, "foreign")
"""Nothing to speak of, so that the node is announced by then."""

MUTATIONS = {
    "the mark of an order goes with the route": Mutation(
        _the_mark_goes_with_the_route,
        [
            Event(5.0, "drain"),
            Event(3.0, "kill_node", 1.0),
            Event(1.5, "bird_hangs", 20.0),
            Event(20.0, "foreign"),
        ],
        "preferred although a drain was acknowledged",
    ),
    "the master never takes the carrier": Mutation(
        _the_master_never_takes_the_carrier,
        [Event(3.0, "hang_all", 5.0), Event(0.2, "kill_control")],
        "gets on",
    ),
    "a look that fails takes the route away": Mutation(
        _a_look_that_fails_takes_the_route_away,
        [Event(20.0, "netlink_fails", 5.0), Event(5.0, "foreign")],
        "off the route for no reason",
    ),
    "a hold-down never ends": Mutation(
        _a_hold_down_never_ends, [UP, Event(1.0, "kill_node", 1.0)], "off the route for no reason"
    ),
    "an order is acknowledged unwritten": Mutation(
        _an_order_is_acknowledged_unwritten,
        [UP, Event(1.0, "withdraw"), Event(3.0, "kill_node", 0.1), Event(20.0, "foreign")],
        "withdrawal was acknowledged",
    ),
    "an order that the disk refuses is left to no successor": Mutation(
        _an_order_that_the_disk_refuses_is_left_to_no_successor,
        [UP, Event(0.0, "disk_full", 9.0), Event(1.0, "drain"), Event(4.0, "kill_control")],
        "drain: None in place",
    ),
    "the past is forgotten": Mutation(
        _the_past_is_forgotten,
        [UP, *[Event(5.0, "kill_node", 0.1) for _ in range(10)]],
        "changes of the route",
    ),
    "BIRD is told once": Mutation(
        _bird_is_told_once,
        [UP, Event(0.0, "bird_refuses", 3.0), Event(0.5, "drain"), Event(0.5, "kill_control")],
        "drain",
    ),
    "one other node is believed": Mutation(
        _one_other_node_is_believed,
        [Event(20.0, "one_denies", 30.0), Event(25.0, "foreign")],
        "drained for no reason",
    ),
    "lost orders are no orders": Mutation(
        _lost_orders_are_no_orders,
        [UP, Event(1.0, "drain"), Event(5.0, "lose_orders", 1.0), Event(20.0, "foreign")],
        "preferred although a drain|drain: None in place",
    ),
    "the protocol is not enabled again": Mutation(
        _the_protocol_is_not_enabled_again,
        [UP, Event(1.0, "hang_all", 2.0)],
        "does not heal: only .* are exported",
    ),
    "BIRD is looked at only when something else is wanted": Mutation(
        _bird_is_looked_at_only_when_something_else_is_wanted,
        [UP, Event(1.0, "bird_stops", 5.0), Event(0.1, "drain")],
        "does not heal: .*cannot be reached",
    ),
    "what the disk has refused is not written again": Mutation(
        _what_the_disk_has_refused_is_not_written_again,
        [UP, Event(1.0, "disk_full", 5.0), Event(1.0, "drain"), Event(7.0, "foreign")],
        "does not heal: the orders cannot be saved",
    ),
    "a lost interface is not made again": Mutation(
        _a_lost_interface_is_not_made_again, [UP, Event(1.0, "delete_link")], "off the route"
    ),
}
