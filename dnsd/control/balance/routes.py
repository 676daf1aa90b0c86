"""The routes of a director: each service's VIPs are announced while enough backends are up.

What decides, what holds the VIPs on their interface, and what has BIRD follow are those of a DNS
node. Each service has an announcer and an interface of its own; the mark of a drain is for all of
them, as the operator's orders are.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from dnsd.announce.announcer import ON_THE_ROUTE, Announcer, RouteState, Situation, Wanted
from dnsd.config.balancerules import announced, of_service
from dnsd.control.anycast.addresses import Addresses
from dnsd.control.anycast.bird import Bird
from dnsd.control.anycast.birdloop import BirdLoop
from dnsd.control.anycast.carrierorder import CarrierOrder, carried_out
from dnsd.control.anycast.keeper import BirdReconciler
from dnsd.control.anycast.orderbook import OrderBook
from dnsd.control.anycast.routeevents import ROUTE_EVENTS
from dnsd.control.anycast.statefile import read_state
from dnsd.control.balance.farvips import FarVips
from dnsd.control.balance.pasts import Pasts
from dnsd.image.state import CarrierCells, ControlCells, MasterCells
from dnsd.process import log
from dnsd.process.events import Fields
from dnsd.process.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.announce.damping import Past
    from dnsd.announce.health import NodeHealth
    from dnsd.announce.orders import Orders
    from dnsd.config import Anycast, Config
    from dnsd.control.anycast.keeper import BirdView
    from dnsd.image.keepsake import Keepsakes
    from dnsd.image.state import StateVector

    Judge = Callable[[str, float], NodeHealth | None]

DECIDE_S = 0.05
"""How often the director decides."""
AGAIN_S = 1.0
WRITE_S = 1.0
"""How long a stop waits for the disk to take what a successor has to know."""
MARK_S = 5.0
"""How long BIRD may take to read the mark of a drain before the director goes on without."""


class RouteView(NamedTuple):
    """The state of one service's route; ``since`` is monotonic seconds."""

    state: RouteState
    since: float
    why: tuple[str, ...]
    carrier: bool
    held: float
    problems: tuple[str, ...]
    standing: frozenset[str]
    """The VIPs that stand on the interface."""


class ServiceRoute:
    """The route of one service, called ``name``."""

    def __init__(
        self,
        name: str,
        settings: Anycast,
        order: CarrierOrder,
        lasting: Supervisor,
        past: Past,
        *,
        drained: bool,
    ) -> None:
        self.name = name
        self.settings = settings
        self.order = order
        self.wanted = Wanted(carrier=False, drain=False, enabled=True)
        inherited = RouteState.DRAINED if drained else RouteState.ANNOUNCED
        state = inherited if order.on and order.done else RouteState.INIT
        self.announcer = Announcer(settings, state, time.monotonic(), past)
        vips = FarVips(settings.interface, settings.vips)
        self.addresses = Addresses(settings, order, self.announcer.repaired, lasting, vips)
        if state == RouteState.INIT:
            self.addresses.obstacle = "the VIPs have not been checked yet"

    def decide(self, situation: Situation) -> None:
        """Decide; what follows for the carrier is the caller's."""
        before = self.announcer.state
        self.wanted = self.announcer.step(situation)
        if self.announcer.state != before:
            reasons = "; ".join(self.announcer.why) or "enough backends are up"
            told = f"anycast: {self.name}: {before} → {self.announcer.state}: {reasons}"
            about = Fields(service=self.name, was=before, now=self.announcer.state, reason=reasons)
            log.say(ROUTE_EVENTS[self.announcer.state], told, **about)

    def view(self, now: float) -> RouteView:
        """Return what is known now."""
        survey = self.addresses.survey
        return RouteView(
            state=self.announcer.state,
            since=self.announcer.since,
            why=self.announcer.why,
            carrier=self.order.done,
            held=self.announcer.held(now),
            problems=tuple(filter(None, (self.addresses.obstacle, self.addresses.blind))),
            standing=survey.addresses if survey else frozenset(),
        )


class Routes:
    """The routes of all services.

    ``judge`` says how well a service is, ``ready`` why the kernel does not forward it yet; empty,
    it does.
    """

    def __init__(
        self,
        config: Config,
        vector: StateVector,
        doorbell: int,
        judge: Judge,
        ready: Callable[[str], str],
        kept: Keepsakes,
    ) -> None:
        self.config = announced(config)
        directory = config.server.state_directory
        self.orders = OrderBook(directory, kept.orders)
        self._pasts = Pasts(directory, time.monotonic(), kept.ledger)
        self._vector = vector
        self._judge = judge
        self._ready = ready
        lasting = self._lasting = Supervisor("anycast")
        drained = bool(read_state(self.config.bird.state_file))
        self.routes = {
            service.name: ServiceRoute(
                service.name,
                of_service(config, service),
                CarrierOrder(vector, doorbell, CarrierCells.of_service(number)),
                lasting,
                self._pasts.of(service.name),
                drained=drained,
            )
            for number, service in enumerate(config.service)
        }
        self._loop = BirdLoop(BirdReconciler(self.config, Bird(self.config.bird)), lasting)

    async def run(self) -> None:
        """Work for ever."""
        works = [self.orders.run, self._decide_for_ever, self._loop.run]
        works += [route.addresses.run for route in self.routes.values()]
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(self._lasting.go_on(work, AGAIN_S))

    async def _decide_for_ever(self) -> None:
        while True:
            await self.decide()
            await asyncio.sleep(DECIDE_S)

    async def decide(self) -> None:
        """Decide on each route, and order what follows."""
        now = time.monotonic()
        orders = self.orders.at(time.time())
        for route in self.routes.values():
            route.decide(self._situation(route, orders, now))
            wanted = route.wanted
            if not wanted.carrier or not wanted.drain or self._is_marked(route, now):
                route.order.put(wanted.carrier)
        self._pasts.keep({name: one.announcer.past for name, one in self.routes.items()})
        if all(one.announcer.state == RouteState.STOPPED for one in self.routes.values()):
            await self._pasts.written(WRITE_S)
            self._vector.control[ControlCells.STOPPED] = 1
            next(iter(self.routes.values())).order.ring()
        await self._loop.want(self._wanted())

    def _situation(self, route: ServiceRoute, orders: Orders, now: float) -> Situation:
        unready = "" if route.order.on else self._ready(route.name)
        silenced = "control had been silent for too long" if route.order.silenced else ""
        return Situation(
            now=now,
            obstacle=route.addresses.obstacle or unready,
            silenced=silenced,
            verdict=self._judge(route.name, now),
            orders=orders,
            stopping=bool(self._vector.master[MasterCells.STOPPING]),
        )

    def _wanted(self) -> Wanted:
        """Return what BIRD shall do; it has one protocol and one mark for all services."""
        routes = self.routes.values()
        away = {vip for one in routes if not one.wanted.carrier for vip in one.settings.vips}
        return Wanted(
            carrier=any(one.wanted.carrier for one in routes),
            drain=any(one.wanted.drain for one in routes),
            enabled=any(one.wanted.enabled for one in routes),
            away=frozenset(away),
        )

    def _is_marked(self, route: ServiceRoute, now: float) -> bool:
        """Return whether a drained service may be on the route: BIRD knows, or never will."""
        seen = self._loop.view
        if route.order.on or (seen.marked and seen.wanted is not None and seen.wanted.drain):
            return True
        return now - route.announcer.since > MARK_S

    # -- what others ask ------------------------------------------------------------------------

    def is_on(self, name: str) -> bool:
        """Return whether the VIPs of a service are announced, or may still be."""
        route = self.routes[name]
        return route.order.on or route.order.done or route.announcer.state in ON_THE_ROUTE

    def forgive(self) -> None:
        """End all hold-downs."""
        for route in self.routes.values():
            route.announcer.forgive(time.monotonic())

    def forgive_drain(self) -> None:
        """End the waits of what was drained; a director is drained by orders only."""

    @property
    def bird(self) -> BirdView:
        """What was seen of BIRD."""
        return self._loop.view

    async def carried_out(self, seconds: float) -> None:
        """Wait until the last decision is carried out, or ``seconds`` are over."""
        until = time.monotonic() + seconds
        await self.decide()
        await self._loop.carried_out(seconds)
        await carried_out([route.order for route in self.routes.values()], until)
