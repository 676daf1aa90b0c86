"""Keeps the VIPs on their interface: looks when the kernel tells of a change, and now and then.

What was this node's is put right at once. That something is wrong elsewhere, or that the kernel
does not tell, is shown, and never takes an announced node off the route.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.control.anycast.linkevents import LinkEvents
from dnsd.control.anycast.vip import LOOPBACK, Vips
from dnsd.errors import VipError
from dnsd.process import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.config import Anycast
    from dnsd.control.anycast.carrierorder import CarrierOrder
    from dnsd.control.anycast.vip import VipSurvey
    from dnsd.process.supervisor import Supervisor

LOOK_S = 1.0
"""How often addresses are looked at when nothing has changed."""
BREATH_S = 0.02
"""Pause between two looks: a flood of events must not become one of looks."""
ADVICE_S = 10.0
"""How often the kernel's settings are looked at: they change seldom."""
CONFLICTS_S = 60.0
"""How often a node that is announced asks its neighbours whether one of them has a VIP."""
REPAIR_S = 2.0
"""For so long after a repair silence is put down to what was repaired."""


class Addresses:
    """The VIPs of ``config`` on their interface.

    ``obstacle`` says why they are not there, ``blind`` why they could not be looked at; empty if
    neither is so. ``survey`` is the last look, ``advice`` what else operators should know.
    ``repaired`` is called with the time (monotonic seconds) of a repair that clients noticed.
    ``vips`` are the addresses, if they are not this machine's own.
    """

    def __init__(
        self,
        config: Anycast,
        order: CarrierOrder,
        repaired: Callable[[float], None],
        lasting: Supervisor,
        vips: Vips | None = None,
    ) -> None:
        self.obstacle = ""
        self.blind = ""
        self.survey: VipSurvey | None = None
        self.advice: tuple[str, ...] = ()
        self._config = config
        self._order = order
        self._repaired = repaired
        self._lasting = lasting
        self._vips = vips or Vips(config.interface, config.vips)
        self._events = LinkEvents()
        self._order_seen = 0
        self._repaired_at = float("-inf")
        self._advice_due = float("-inf")
        self._conflicts: tuple[str, ...] = ()
        self._conflicts_due = float("-inf")

    def is_repairing(self, now: float) -> bool:
        """Return whether the VIPs were off their interface a moment ago."""
        return self._order.on and now - self._repaired_at < REPAIR_S

    @property
    def unasked(self) -> str:
        """Why the node cannot ask itself, a sentence; empty if it can, as far as is known."""
        if self.survey is None or self.survey.loopback:
            return ""
        return (
            f"the interface {LOOPBACK} is down, so the node cannot ask itself whether it answers: "
            f"`ip link set {LOOPBACK} up`"
        )

    async def run(self) -> None:
        """Look for ever."""
        try:
            self._events.open()
        except OSError as error:
            log.say(
                "watch-blind",
                f"anycast: the kernel does not report changes ({error.strerror}): dnsd "
                f"checks at intervals instead",
            )
        try:
            while True:
                await self._turn()
                await asyncio.sleep(BREATH_S)
                await self._events.wait(LOOK_S)
        finally:
            self._events.close()

    async def _turn(self) -> None:
        obstacle = await self._look()
        if obstacle and obstacle != self.obstacle:
            log.say("addresses-fault", f"anycast: {obstacle}")
        self.obstacle = obstacle
        await self._take_advice()

    async def _look(self) -> str:
        """See that the VIPs are on their interface; return why they cannot be, if they cannot.

        That the kernel does not tell is no reason to give up a route that is announced.
        """
        try:
            survey = await self._vips.survey()
        except Exception as error:
            before, self.blind = self.blind, self._sentence(error)
            if not self._order.on:
                return self.blind
            if not before:
                log.say("addresses-fault", f"anycast: {self.blind}")
            return self.obstacle
        self.blind = ""
        self.survey = survey
        try:
            await self._repair(survey)
        except Exception as error:
            return self._sentence(error)
        return ""

    def _sentence(self, error: Exception) -> str:
        return str(error) if isinstance(error, VipError) else self._lasting.tell(error)

    async def _repair(self, survey: VipSurvey) -> None:
        """Put right what ``survey`` shows to be wrong; VipError if it cannot be.

        Whose the VIPs are is asked before they are taken. While they are announced, what was
        this node's is repaired first: then a mistake elsewhere is shown, but must not take the
        node away.
        """
        if not survey.exists:
            self._order.again(carrier=False)  # the master makes the interface when it does it
            raise VipError(
                f"the interface {self._config.interface} has been deleted; dnsd recreates it"
            )
        vips = set(self._config.vips)
        if not survey.up or survey.addresses != vips:
            announced = self._order.on
            if not announced and (conflicts := await self._vips.conflicts()):
                raise VipError("; ".join(conflicts))
            await self._vips.establish()
            if announced and not (survey.up and survey.addresses >= vips):
                self._note_repair(survey)
            survey = self.survey = await self._vips.survey()
        self._see_to_carrier(survey)

    def _note_repair(self, survey: VipSurvey) -> None:
        """Tell what was put right while the route was announced: clients have felt it."""
        missing = sorted(set(self._config.vips) - survey.addresses)
        what = f"{', '.join(missing)} had disappeared from" if missing else "the link was down:"
        told = f"anycast: {what} {self._config.interface}; dnsd has repaired it"
        log.say("interface-repaired", told)
        self._repaired_at = time.monotonic()
        self._repaired(self._repaired_at)

    def _see_to_carrier(self, survey: VipSurvey) -> None:
        """Give an order again that has been in force since the last look, and is not true.

        An interface that the master has had to make again has no carrier, and other programs
        can give or take it.
        """
        lasting = self._order.number == self._order_seen and not self._order.silenced
        if lasting and survey.carrier != self._order.on:
            there = "a" if survey.carrier else "no"
            interface = self._config.interface
            told = f"anycast: {interface} has {there} carrier, which is not what was ordered"
            log.say("carrier-mismatch", told)
            self._order.again(self._order.on)
        self._order_seen = self._order.number

    async def _take_advice(self) -> None:
        """Look at the kernel's settings; advice is logged once while it stays the same."""
        now = time.monotonic()
        if self.survey is None or now < self._advice_due:
            return
        self._advice_due = now + ADVICE_S
        before = self.advice
        try:
            advice = await self._vips.advice()
        except VipError:
            return  # what cannot be seen now, may be next time
        await self._look_for_conflicts(now)
        self.advice = advice + self._conflicts
        for line in self.advice:
            if line not in before:
                log.say("advice", f"anycast: {line}")

    async def _look_for_conflicts(self, now: float) -> None:
        """Ask now and then whose the VIPs are besides; it changes nothing, but is shown."""
        if now < self._conflicts_due or not self._order.on:
            return
        self._conflicts_due = now + CONFLICTS_S
        with suppress(VipError):
            self._conflicts = await self._vips.conflicts()
