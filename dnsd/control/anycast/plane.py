"""The anycast plane of a running node: looks, decides, acts, and looks again.

Three loops that never wait for each other: the decisions, from memory, every 50 ms; the
addresses, by netlink; BIRD. The truth about the route is the carrier of the VIPs' interface, which
the master gives and takes at once; BIRD follows it.

A failure in one of them is logged and tried again: it ends neither control nor another loop.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from dnsd.announce.announcer import Announcer, RouteState, Situation, Wanted
from dnsd.announce.health import Health
from dnsd.control.anycast import pastkeeper
from dnsd.control.anycast.addresses import Addresses
from dnsd.control.anycast.bird import Bird
from dnsd.control.anycast.birdloop import BirdLoop
from dnsd.control.anycast.carrierorder import CarrierOrder, carried_out
from dnsd.control.anycast.fleet import FleetGuard
from dnsd.control.anycast.keeper import BirdReconciler, BirdView
from dnsd.control.anycast.observe import Observer
from dnsd.control.anycast.orderbook import OrderBook
from dnsd.control.anycast.pastkeeper import PastKeeper
from dnsd.control.anycast.probes import Probes
from dnsd.control.anycast.routeevents import ROUTE_EVENTS
from dnsd.control.anycast.selfcheck import SelfCheck
from dnsd.control.anycast.statefile import read_state
from dnsd.control.hooks.news import news
from dnsd.control.nothing import no_items, no_reason
from dnsd.image.state import ControlCells, MasterCells
from dnsd.process import log
from dnsd.process.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dnsd.announce.health import NodeHealth
    from dnsd.config import Config
    from dnsd.control.anycast.vip import VipSurvey
    from dnsd.control.hooks.news import News
    from dnsd.control.zones.table import ZoneRow
    from dnsd.image.keepsake import Keepsake
    from dnsd.image.state import StateVector

DECIDE_S = 0.05
"""How often the node decides: as often as workers show that they are alive."""
LOOK_S = 1.0
"""How often BIRD is looked at when nothing has changed."""
WRITE_S = 1.0
"""How long a stop waits for the disk to take what a successor has to know."""
MARK_S = 5.0
"""How long BIRD may take to read the mark of a drain before the node goes on without."""


class PlaneView(NamedTuple):
    """What the plane knows; times are monotonic seconds.

    ``obstacle`` is why the addresses cannot be had, ``blind`` why they could not be looked at,
    ``unasked`` why the node cannot ask itself.
    """

    state: RouteState
    since: float
    why: tuple[str, ...]
    wanted: Wanted
    carrier: bool
    held: float
    verdict: NodeHealth | None
    survey: VipSurvey | None
    obstacle: str
    blind: str
    unasked: str
    advice: tuple[str, ...]
    bird: BirdView


class _Served:
    """The origins of the zones that are served; worked out once for each generation."""

    def __init__(self, vector: StateVector, rows: Callable[[], Iterable[ZoneRow]]) -> None:
        self._cells = vector.control
        self._rows = rows
        self._generation = -1
        self._origins: frozenset[str] = frozenset()

    def __call__(self) -> frozenset[str]:
        generation = self._cells[ControlCells.GENERATION]
        if generation != self._generation:
            self._generation = generation
            self._origins = frozenset(row.origin for row in self._rows() if row.served)
        return self._origins


class Plane:
    """Announces the VIPs of ``config`` while the node answers well.

    ``doorbell`` wakes the master, ``rows`` are the zones and how they are. ``not_ready`` says
    why the node must not begin to announce them yet; empty, it may. ``cut_off`` says why it seems
    to be cut off from what its answers lead to, ``unserved`` what workers do not serve as they
    should, ``probes`` what other nodes say of it.
    """

    def __init__(  # noqa: PLR0913 - what it is told of the node
        self,
        config: Config,
        vector: StateVector,
        doorbell: int,
        rows: Callable[[], Iterable[ZoneRow]],
        not_ready: Callable[[], str] = no_reason,
        *,
        cut_off: Callable[[], str] = no_reason,
        unserved: Callable[[], tuple[str, ...]] = no_items,
        probes: Probes | None = None,
        keepsake: Keepsake | None = None,
    ) -> None:
        self.config = config.anycast
        directory = config.server.state_directory
        self.probes = probes or Probes("", config)
        self.orders = OrderBook(directory, keepsake, has_past=pastkeeper.exists(directory))
        self._vector = vector
        self._carrier = CarrierOrder(vector, doorbell)
        self._not_ready = not_ready
        now = time.monotonic()
        self._past = PastKeeper(vector, directory, self.orders.on_disk.wait)
        self._announcer = Announcer(self.config, self._inherited(), now, self._past.read(now))
        self._health = Health(self.config)
        self._selfcheck = SelfCheck(self.config, _Served(vector, rows))
        self._observer = Observer(
            self.config,
            vector,
            directory,
            rows,
            cut_off,
            unserved,
            unreached=self.probes.fault,
        )
        self._bird = Bird(self.config.bird)
        self._keeper = BirdReconciler(self.config, self._bird)
        self.publish: Callable[[News], object] = len
        """Called with each change."""
        self._lasting = Supervisor("anycast")
        self._bird_loop = BirdLoop(self._keeper, self._lasting)
        self._addresses = Addresses(
            self.config, self._carrier, self._announcer.repaired, self._lasting
        )
        if self._announcer.state == RouteState.INIT:
            self._addresses.obstacle = "the addresses have not been checked yet"
        self._verdict: NodeHealth | None = None
        self.fleet = FleetGuard(self.config.vips, self._announced_state, self.probes.pages)
        self.probes.announced = self.fleet.announced

    def _announced_state(self) -> str:
        """Return the state, "" while BIRD does not do as it is wanted, or does not say."""
        bird = self._bird_loop.view
        return "" if bird.error or bird.problems else self._announcer.state

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as group:
            for work in (
                self._selfcheck.run,
                self._observer.run,
                self.orders.run,
                self._decide_for_ever,
                self._addresses.run,
                self._bird_loop.run,
            ):
                group.create_task(self._lasting.go_on(work, LOOK_S))

    # -- decisions ----------------------------------------------------------------------------

    async def _decide_for_ever(self) -> None:
        while True:
            now = time.monotonic()
            await self._decide(now)
            await asyncio.sleep(DECIDE_S)

    async def _decide(self, now: float) -> None:
        """Decide, and order what follows; the carrier goes at once, and comes when BIRD is set."""
        before = self._announcer.state
        seen = self._observer.look(now, self._selfcheck.take())
        seen = seen._replace(
            repairing=self._addresses.is_repairing(now), unasked=self._addresses.unasked
        )
        verdict = self._health.observe(seen)
        self._verdict = verdict if self._health.is_conclusive else None
        wanted = self._announcer.step(self._situation(now))
        # Before anything is waited for: meanwhile something else may have been decided.
        if not wanted.carrier or not wanted.drain or self._is_marked(now):
            self._carrier.put(wanted.carrier)
        await self._bird_loop.want(wanted)
        if self._announcer.state != before:
            reasons = "; ".join(self._announcer.why) or "the node answers well"
            state = self._announcer.state
            told = f"anycast: {before} → {state}: {reasons}"
            log.say(ROUTE_EVENTS[state], told, was=before, now=state, reason=reasons)
            self.publish(
                news("route", was=before, now=self._announcer.state, why=self._announcer.why)
            )
        self._past.keep(self._announcer.past)
        if self._announcer.state == RouteState.STOPPED:
            await self._past.written(WRITE_S)
            self._vector.control[ControlCells.STOPPED] = 1
            self._carrier.ring()

    def _situation(self, now: float) -> Situation:
        silenced = self._carrier.silenced
        miss = self.config.heartbeat_miss * 1000
        return Situation(
            now=now,
            obstacle=self._addresses.obstacle or self._unready(),
            silenced=f"no worker had shown a sign of life for {miss:.0f} ms" if silenced else "",
            verdict=self._verdict,
            orders=self.orders.at(time.time()),
            stopping=bool(self._vector.master[MasterCells.STOPPING]),
        )

    def _unready(self) -> str:
        """Return why a node that is not on the route must not go there yet."""
        return "" if self._carrier.on else self._not_ready()

    def _is_marked(self, now: float) -> bool:
        """Return whether a drained node may be on the route: BIRD knows, or never will."""
        seen = self._bird_loop.view
        if self._carrier.on or (seen.marked and seen.wanted is not None and seen.wanted.drain):
            return True
        return now - self._announcer.since > MARK_S

    def _inherited(self) -> RouteState:
        """Return the state that a predecessor of this process has left in force."""
        if not self._carrier.on or not self._carrier.done:
            return RouteState.INIT
        return (
            RouteState.DRAINED if read_state(self.config.bird.state_file) else RouteState.ANNOUNCED
        )

    # -- what others ask ----------------------------------------------------------------------

    def forgive(self) -> None:
        """End a hold-down."""
        self._announcer.forgive(time.monotonic())

    def forgive_drain(self) -> None:
        """End the wait of a node that was drained for a soft fault."""
        self._announcer.forgive_drain(time.monotonic())

    async def carried_out(self, seconds: float) -> PlaneView:
        """Wait until the last decision is carried out, or ``seconds`` are over; return the view.

        BIRD may be sooner than the master.
        """
        until = time.monotonic() + seconds
        await self._decide(time.monotonic())
        await self._bird_loop.carried_out(seconds)
        await carried_out((self._carrier,), until)
        return self.view()

    def view(self) -> PlaneView:
        """Return what the plane knows now."""
        return PlaneView(
            state=self._announcer.state,
            since=self._announcer.since,
            why=self._announcer.why,
            wanted=self._bird_loop.wanted,
            carrier=self._carrier.done,
            held=self._announcer.held(time.monotonic()),
            verdict=self._verdict,
            survey=self._addresses.survey,
            obstacle=self._addresses.obstacle,
            blind=self._addresses.blind,
            unasked=self._addresses.unasked,
            advice=self._addresses.advice,
            bird=self._bird_loop.view,
        )
