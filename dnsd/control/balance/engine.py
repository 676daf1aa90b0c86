"""The backends of a running director: their states, and the slots that follow from them.

    watch     checks and signs, which change states
    host      links, settings and rules, which slots stand on
    writer    the slots in the kernel

A turn of the loop makes and moves slots, after each change and once a second without one. A
failure is logged and tried again: the kernel forwards without this process.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.control.balance.backendwatch import BackendWatch
from dnsd.control.balance.hostsetup import HostSetup
from dnsd.control.balance.links import Links
from dnsd.control.balance.live import LiveService
from dnsd.control.balance.slotwriter import SlotWriter
from dnsd.errors import DnsdError
from dnsd.process import log
from dnsd.process.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.config import Config
    from dnsd.control.balance.drains import Drains

TURN_S = 1.0
"""How often slots are looked at when nothing has changed."""
TURNED_S = 3.0
"""How long a turn is waited for."""
KERNEL_S = 10.0
"""How often the ground is looked at when nothing is known to have changed."""


class BalanceEngine:
    """The services of ``config``; ``unused`` says of one whether no packets are expected yet."""

    def __init__(
        self, config: Config, drains: Drains, unused: Callable[[LiveService], bool]
    ) -> None:
        self.drains = drains
        self.fault = ""
        """Why the kernel does not have what is wanted; empty if it does."""
        self.watch = BackendWatch(self.wake)
        self.host = HostSetup()
        self.writer = SlotWriter()
        self._config = config
        self._unused = unused
        now = time.monotonic()
        taken: set[int] = set()
        self.services = {one.name: LiveService(one, taken, now) for one in config.service}
        self._stirred = asyncio.Event()
        self._links = Links(self.watch.silent, self._cut, self._stirred.set)
        self._lasting = Supervisor("balance")
        self._wake = asyncio.Event()
        self._turned = asyncio.Condition()
        self._turn_number = 0
        self._looked = False
        self._look_fault = ""
        self._looking = asyncio.Lock()

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as group:
            for work in (
                self._turns,
                self._look_for_ever,
                self.watch.run,
                self._links.run,
                self.drains.run,
            ):
                group.create_task(self._lasting.go_on(work, TURN_S))

    def take(self, config: Config) -> None:
        """Go on with another configuration, which has the same services, from the next look on."""
        self._config = config

    def wake(self) -> None:
        """Have the slots looked at now."""
        self._wake.set()

    async def turned(self) -> None:
        """Wait for a turn that begins from now on to end, if it does so soon."""
        self.wake()
        with suppress(TimeoutError):
            async with asyncio.timeout(TURNED_S), self._turned:
                wanted = self._turn_number + 2  # the one that is under way began before
                await self._turned.wait_for(lambda: self._turn_number >= wanted)

    def _cut(self, link: int) -> None:
        """Take it that a link has no carrier: the kernel has removed the slots that led over it."""
        self.watch.cut(link)
        self.writer.forget(
            name for name, service in self.services.items() if service.is_using(link)
        )

    async def _turns(self) -> None:
        while True:
            self._wake.clear()
            fault = self._look_fault
            try:
                if self._looked:
                    await self._turn()
            except DnsdError as error:
                fault = str(error)
            if fault and fault != self.fault:
                log.say("balance-fault", f"balance: {fault}")
            self.fault = fault
            async with self._turned:
                self._turn_number += 1
                self._turned.notify_all()
            await _within(self._wake, TURN_S)

    async def _turn(self) -> None:
        """Make what is missing, and move the slots that are due."""
        now = time.monotonic()
        for service in self.services.values():
            service.drained = self.drains.of(service.config.name).keys()
            await self.writer.make(service)
            if await self.writer.move(service, time.monotonic(), unused=self._unused(service)):
                self.wake()
        await self.writer.measure(self.services.values(), now)

    async def _look_for_ever(self) -> None:
        while True:
            self._stirred.clear()
            fault = await self.look()
            if fault and fault != self._look_fault:
                log.say("balance-fault", f"balance: {fault}")
            self._look_fault = fault
            await asyncio.sleep(TURN_S)  # what changes once often changes again
            if self._looked:
                await _within(self._stirred, KERNEL_S)

    async def look(self) -> str:
        """Look at the ground, and take in the configuration; return why that failed."""
        async with self._looking:
            try:
                neighbours = await self.host.look(self._config, self.services)
                for service in self.services.values():
                    await self.writer.inspect(service)
            except DnsdError as error:
                return str(error)
            self.watch.assign(self.services.values(), self._config.failover)
            self._links.watch(neighbours)
        self._looked = True
        self.wake()
        return ""


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Wait for ``event``, but no longer than ``seconds``."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
