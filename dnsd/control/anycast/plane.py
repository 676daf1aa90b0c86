"""The anycast plane of a running node: looks, decides, acts, and looks again.

Three loops that never wait for each other: the decisions, from memory and a few times in a
second's tenth; the addresses, by netlink; BIRD. What is true of the route is the carrier of the
VIPs' interface, which the master gives and takes at once; BIRD follows it.

Whatever fails in one of them is told, and tried again: it ends neither control nor another loop.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from dnsd.announce.announcer import Announcer, Situation, State, Wanted
from dnsd.announce.health import Health
from dnsd.control import log
from dnsd.control.anycast.bird import Bird
from dnsd.control.anycast.keeper import BirdView, Keeper, shortened
from dnsd.control.anycast.linkevents import LinkEvents
from dnsd.control.anycast.observe import Observer
from dnsd.control.anycast.orderbook import OrderBook
from dnsd.control.anycast.pastkeeper import PastKeeper
from dnsd.control.anycast.selfcheck import SelfCheck
from dnsd.control.anycast.statefile import read_state
from dnsd.control.anycast.vip import Vips
from dnsd.control.lasting import Lasting
from dnsd.errors import VipError
from dnsd.image.state import ControlCells, MasterCells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dnsd.announce.health import Verdict
    from dnsd.config import Config
    from dnsd.control.anycast.vip import Survey
    from dnsd.control.keepsake import Keepsake
    from dnsd.control.table import Row
    from dnsd.image.state import StateVector

DECIDE_S = 0.05
"""How often the node decides: as often as workers show that they are alive."""
LOOK_S = 1.0
"""How often addresses and BIRD are looked at when nothing has changed."""
ADVICE_S = 10.0
"""How often the kernel's settings are looked at: they change seldom."""
CONFLICTS_S = 60.0
"""How often a node that is announced asks its neighbours whether one of them has a VIP."""
BREATH_S = 0.02
"""Pause between two looks at the addresses: a flood of events must not become one of looks."""
REPAIR_S = 2.0
"""For so long after a repair silence is put down to what was repaired."""
WRITE_S = 1.0
"""How long a stop waits for the disk to take what a successor has to know."""
SETTLE_S = 5.0
"""How long BIRD may take to read the mark of a drain before the node goes on without."""


class View(NamedTuple):
    """What the plane knows; times are monotonic seconds.

    ``obstacle`` is why the addresses cannot be had, ``blind`` why they could not be looked at.
    """

    state: State
    since: float
    why: tuple[str, ...]
    wanted: Wanted
    carrier: bool
    held: float
    verdict: Verdict | None
    survey: Survey | None
    obstacle: str
    blind: str
    advice: tuple[str, ...]
    bird: BirdView


class _Served:
    """The origins of the zones that are served; worked out once for each generation."""

    def __init__(self, vector: StateVector, rows: Callable[[], Iterable[Row]]) -> None:
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

    ``doorbell`` wakes the master, ``rows`` are the zones and how they are. ``unsettled`` says
    why the node must not begin to announce them yet; empty, it may. ``cut_off`` says why it seems
    to be cut off from what its answers lead to, ``unserved`` what workers do not serve as they
    should.
    """

    def __init__(  # noqa: PLR0913 - what it is told of the node
        self,
        config: Config,
        vector: StateVector,
        doorbell: int,
        rows: Callable[[], Iterable[Row]],
        unsettled: Callable[[], str] = str,
        *,
        cut_off: Callable[[], str] = str,
        unserved: Callable[[], tuple[str, ...]] = tuple,
        keepsake: Keepsake | None = None,
    ) -> None:
        self.config = config.anycast
        self.orders = OrderBook(config.server.state_directory, keepsake)
        self._vector = vector
        self._doorbell = doorbell
        self._unsettled = unsettled
        now = time.monotonic()
        self._past = PastKeeper(vector, config.server.state_directory)
        self._announcer = Announcer(self.config, self._inherited(), now, self._past.read(now))
        self._health = Health(self.config)
        self._selfcheck = SelfCheck(self.config, _Served(vector, rows))
        directory = config.server.state_directory
        self._observer = Observer(self.config, vector, directory, rows, cut_off, unserved)
        self._bird = Bird(self.config.bird)
        self._keeper = Keeper(self.config, self._bird)
        self._vips = Vips(self.config.interface, self.config.vips)
        self._wanted = Wanted(carrier=False, drain=False, enabled=True)
        self._verdict: Verdict | None = None
        inherited = self._announcer.state != State.INIT
        self._obstacle = "" if inherited else "the addresses have not been looked at yet"
        self._blind = ""
        self._survey: Survey | None = None
        self._order_seen = 0
        self._advice: tuple[str, ...] = ()
        self._advice_due = float("-inf")
        self._events = LinkEvents()
        self._repaired = float("-inf")
        self._conflicts: tuple[str, ...] = ()
        self._conflicts_due = float("-inf")
        self._bird_view = BirdView(error="BIRD has not been asked yet")
        self._told_bird = ""
        self._changed = asyncio.Condition()
        self._lasting = Lasting("anycast")

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as group:
            for work in (
                self._selfcheck.run,
                self._observer.run,
                self.orders.run,
                self._decide_for_ever,
                self._keep_addresses,
                self._keep_bird,
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
        repairing = bool(self._ordered() and now - self._repaired < REPAIR_S)
        verdict = self._health.observe(seen._replace(repairing=repairing))
        self._verdict = verdict if self._health.settled else None
        wanted = self._announcer.step(self._situation(now))
        if self._announcer.state != before:
            reasons = "; ".join(self._announcer.why) or "the node answers well"
            log.say(f"anycast: {before} → {self._announcer.state}: {reasons}")
        changed = wanted != self._wanted
        self._wanted = wanted
        # Before anything is waited for: meanwhile something else may have been decided.
        if not wanted.carrier or not wanted.drain or self._is_marked(now):
            self._order(wanted.carrier)
        self._past.keep(self._announcer.past)
        if self._announcer.state == State.STOPPED:
            await self._past.written(WRITE_S)
            self._vector.control[ControlCells.STOPPED] = 1
            self._ring()
        if changed:
            async with self._changed:
                self._changed.notify_all()

    def _situation(self, now: float) -> Situation:
        silenced = self._is_silenced()
        miss = self.config.heartbeat_miss * 1000
        return Situation(
            now=now,
            obstacle=self._obstacle or self._unready(),
            silenced=f"no worker had shown a sign of life for {miss:.0f} ms" if silenced else "",
            verdict=self._verdict,
            orders=self.orders.at(time.time()),
            stopping=bool(self._vector.master[MasterCells.STOPPING]),
        )

    def _unready(self) -> str:
        """Return why a node that is not on the route must not go there yet."""
        return "" if self._ordered() else self._unsettled()

    def _is_marked(self, now: float) -> bool:
        """Return whether a drained node may be on the route: BIRD knows, or never will."""
        seen = self._bird_view
        if self._ordered() or (seen.marked and seen.wanted is not None and seen.wanted.drain):
            return True
        return now - self._announcer.since > SETTLE_S

    def _inherited(self) -> State:
        """Return the state that a predecessor of this process has left in force."""
        if not self._ordered() or not self._vector.master[MasterCells.CARRIER]:
            return State.INIT
        return State.DRAINED if read_state(self.config.bird.state_file) else State.ANNOUNCED

    def _is_silenced(self) -> bool:
        """Return whether the master has taken the carrier away in spite of the order."""
        order = self._vector.control[ControlCells.CARRIER]
        return bool(order and self._vector.master[MasterCells.SILENCED] == order)

    def _ordered(self) -> bool:
        return bool(self._vector.control[ControlCells.CARRIER] & 1)

    def _order(self, carrier: bool) -> None:
        if carrier != self._ordered():
            self._order_anew(carrier)

    def _order_anew(self, carrier: bool) -> None:
        number = (self._vector.control[ControlCells.CARRIER] >> 1) + 1
        self._vector.control[ControlCells.CARRIER] = number << 1 | carrier
        self._ring()

    def _ring(self) -> None:
        os.eventfd_write(self._doorbell, 1)

    # -- addresses ----------------------------------------------------------------------------

    async def _keep_addresses(self) -> None:
        try:
            self._events.open()
        except OSError as error:
            log.say(f"anycast: the kernel tells of no changes ({error.strerror}): looks are timed")
        try:
            while True:
                await self._keep_addresses_once()
                await asyncio.sleep(BREATH_S)
                await self._events.wait(LOOK_S)
        finally:
            self._events.close()

    async def _keep_addresses_once(self) -> None:
        obstacle = await self._look_at_addresses()
        if obstacle and obstacle != self._obstacle:
            log.say(f"anycast: {obstacle}")
        self._obstacle = obstacle
        await self._take_advice()

    async def _look_at_addresses(self) -> str:
        """See that the VIPs are on their interface; return why they cannot be, if they cannot.

        That the kernel does not tell is no reason to give up a route that is announced.
        """
        try:
            survey = await self._vips.survey()
        except Exception as error:
            before, self._blind = self._blind, self._sentence(error)
            if self._ordered():
                if not before:
                    log.say(f"anycast: {self._blind}")
                return self._obstacle
            return self._blind
        self._blind = ""
        self._survey = survey
        try:
            await self._repair(survey)
        except Exception as error:
            return self._sentence(error)
        return ""

    def _sentence(self, error: Exception) -> str:
        return str(error) if isinstance(error, VipError) else self._lasting.tell(error)

    async def _repair(self, survey: Survey) -> None:
        """Put right what ``survey`` shows to be wrong; VipError if it cannot be.

        Whose the VIPs are is asked before they are taken. While they are announced, what was
        this node's is repaired first: then a mistake elsewhere is shown, but must not take the
        node away.
        """
        if not survey.exists:
            self._order_anew(carrier=False)  # the master makes it again when it does it
            raise VipError(
                f"the interface {self.config.interface} is gone: somebody has deleted it; "
                "dnsd makes it again"
            )
        whole = survey.up and survey.addresses >= set(self.config.vips)
        if not whole or survey.addresses != set(self.config.vips):
            announced = self._ordered()
            if not announced and (conflicts := await self._vips.conflicts()):
                raise VipError("; ".join(conflicts))
            await self._vips.establish()
            if announced and not whole:
                self._note_repair(survey)
            survey = self._survey = await self._vips.survey()
        self._see_to_carrier(survey)

    def _note_repair(self, survey: Survey) -> None:
        """Tell what was put right while the route was announced: clients have felt it."""
        missing = sorted(set(self.config.vips) - survey.addresses)
        what = f"{', '.join(missing)} had gone from" if missing else "the link was down:"
        log.say(f"anycast: {what} {self.config.interface}; dnsd has put it right")
        self._repaired = time.monotonic()
        self._announcer.repaired(self._repaired)

    def _see_to_carrier(self, survey: Survey) -> None:
        """Give an order again that has been in force since the last look, and is not true.

        An interface that the master has had to make again has no carrier, and anybody who may
        can give or take it.
        """
        order = self._vector.control[ControlCells.CARRIER]
        lasting = order == self._order_seen and not self._is_silenced()
        if lasting and survey.carrier != self._ordered():
            there = "a" if survey.carrier else "no"
            log.say(
                f"anycast: {self.config.interface} has {there} carrier against what was ordered"
            )
            self._order_anew(self._ordered())
        self._order_seen = self._vector.control[ControlCells.CARRIER]

    async def _take_advice(self) -> None:
        """Look at the kernel's settings; advice is told once while it stays the same."""
        now = time.monotonic()
        if self._survey is None or now < self._advice_due:
            return
        self._advice_due = now + ADVICE_S
        try:
            before, self._advice = self._advice, await self._vips.advice()
        except VipError:
            return  # what cannot be seen now, may be next time
        await self._look_for_conflicts(now)
        self._advice += self._conflicts
        for line in self._advice:
            if line not in before:
                log.say(f"anycast: {line}")

    async def _look_for_conflicts(self, now: float) -> None:
        """Ask now and then whose the VIPs are besides; it changes nothing, but is shown."""
        if now < self._conflicts_due or not self._ordered():
            return
        self._conflicts_due = now + CONFLICTS_S
        with suppress(VipError):
            self._conflicts = await self._vips.conflicts()

    # -- BIRD ---------------------------------------------------------------------------------

    async def _keep_bird(self) -> None:
        while True:
            wanted = self._wanted
            try:
                view = await self._keeper.turn(wanted)
            except Exception as error:
                view = BirdView(error=self._lasting.tell(error), wanted=wanted)
            self._tell_bird(view)
            async with self._changed:
                self._bird_view = view
                self._changed.notify_all()
                await self._until_different(wanted)

    async def _until_different(self, wanted: Wanted) -> None:
        """Wait for something else to be wanted, or for the next look."""
        try:
            async with asyncio.timeout(LOOK_S):
                await self._changed.wait_for(lambda: self._wanted != wanted)
        except TimeoutError:
            pass

    def _tell_bird(self, view: BirdView) -> None:
        """Log what has changed about BIRD."""
        told = view.error or "; ".join(shortened(view.problems))
        if view.booted != self._bird_view.booted and view.booted and self._bird_view.booted:
            log.say(f"anycast: BIRD was started again ({view.booted})")
        if told != self._told_bird:
            self._told_bird = told
            log.say(f"anycast: {told}" if told else "anycast: BIRD does what is wanted of it")

    # -- what others ask ----------------------------------------------------------------------

    def forgive(self) -> None:
        """End a hold-down."""
        self._announcer.forgive(time.monotonic())

    def forgive_drain(self) -> None:
        """End the wait of a node that was drained for a soft fault."""
        self._announcer.forgive_drain(time.monotonic())

    async def settled(self, seconds: float) -> View:
        """Wait until the last decision is carried out, or ``seconds`` are over; return the view."""
        await self._decide(time.monotonic())
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(self._is_settled)
        except TimeoutError:
            pass
        return self.view()

    def _is_settled(self) -> bool:
        return self._bird_view.wanted == self._wanted

    def view(self) -> View:
        """Return what the plane knows now."""
        return View(
            state=self._announcer.state,
            since=self._announcer.since,
            why=self._announcer.why,
            wanted=self._wanted,
            carrier=bool(self._vector.master[MasterCells.CARRIER]),
            held=self._announcer.held(time.monotonic()),
            verdict=self._verdict,
            survey=self._survey,
            obstacle=self._obstacle,
            blind=self._blind,
            advice=self._advice,
            bird=self._bird_view,
        )
