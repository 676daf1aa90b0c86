"""What is seen of backends: results of checks, and signs that leave no doubt. States come of it.

A refused connection, a neighbour that does not answer and a link without a carrier count at once;
the end of a kept connection is a reason to check now.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.balance.backend import BackendState
from dnsd.checks.result import Blind, FailureKind
from dnsd.checks.runner import Runner
from dnsd.control.anycast import netlink
from dnsd.control.balance.lifelines import Lifelines, TcpService
from dnsd.control.balance.nexthops import family_of
from dnsd.control.balance.targets import targets_of
from dnsd.process import log
from dnsd.process.events import Event, Fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dnsd.balance.backend import Backend
    from dnsd.checks.result import Result
    from dnsd.checks.targets import Target
    from dnsd.config import Failover
    from dnsd.control.balance.live import LiveService

_EVENTS: dict[BackendState, Event] = {
    BackendState.UNKNOWN: "backend-unknown",
    BackendState.UP: "backend-up",
    BackendState.DOWN: "backend-down",
}

LOOKS_S = (0.0, 0.05, 0.15)
"""When a service is checked whose kept connection has ended. More than once: the process that held
the connection may end before the one that listens."""


class BackendWatch:
    """Checks the backends of services; ``changed`` is called in the loop when a state has."""

    def __init__(self, changed: Callable[[], object]) -> None:
        self._changed = changed
        self._by_target: dict[Target, list[tuple[LiveService, str, str]]] = {}
        self._by_address: dict[str, list[tuple[LiveService, str]]] = {}
        self._runner = Runner(self._seen, self._unseen)
        self._lifelines = Lifelines(self._on_end)
        self._looks: set[asyncio.Task[None]] = set()
        self._unseen_why: dict[Target, str] = {}

    async def run(self) -> None:
        """Check for ever."""
        await self._runner.run()

    def assign(self, services: Iterable[LiveService], failover: Failover) -> None:
        """Have each address checked that may get packets."""
        self._by_target, self._by_address = {}, {}
        for service in services:
            for backend in service.config.backend:
                found = targets_of(service.config, backend, failover)
                for address, target in found.items():
                    self._by_address.setdefault(address, []).append((service, backend.name))
                    if target is not None:
                        place = service, backend.name, address
                        self._by_target.setdefault(target, []).append(place)
        self._runner.assign(self._by_target)
        self._lifelines.keep(self._by_place())

    def _by_place(self) -> dict[TcpService, list[Target]]:
        """Return the targets by the place that a connection of theirs goes to."""
        found: dict[TcpService, list[Target]] = {}
        for target, places in self._by_target.items():
            for service, _, address in places:
                if (place := _lifeline(service, address)) is not None:
                    found.setdefault(place, []).append(target)
        return found

    def _on_end(self, place: TcpService) -> None:
        """Check at once what may just have died."""
        for target in dict.fromkeys(self._by_place().get(place, [])):
            for delay in LOOKS_S:
                task = asyncio.create_task(self._look_at(target, delay))
                self._looks.add(task)
                task.add_done_callback(self._looks.discard)

    async def _look_at(self, target: Target, delay: float) -> None:
        """Take in a refusal; anything else is for the checks that come in their time."""
        await asyncio.sleep(delay)
        began = time.monotonic()
        with suppress(Blind):
            result = await target.check.run(target.address)
            if result.reason == FailureKind.REFUSED:
                self._seen(target, result, began, time.monotonic())

    def _seen(self, target: Target, result: Result, _began: float, ended: float) -> None:
        self._unseen_why.pop(target, None)
        places = self._by_target.get(target, [])
        for service, name, address in places:
            backend = service.backends[name]
            before = backend.state
            if result.ok:
                backend.good(address, ended)
            else:
                backend.bad(
                    address, result.detail, ended, certain=result.reason == FailureKind.REFUSED
                )
            self._tell(service, name, before)
            self._note(service, address, ok=result.ok)
        in_doubt = any(one.backends[name].in_doubt(at) for one, name, at in places)
        self._runner.hurry(target) if in_doubt else self._runner.relax(target)

    def _unseen(self, target: Target, why: str) -> None:
        if self._unseen_why.get(target) != why:
            self._unseen_why[target] = why
            told = f"balance: {target.address} could not be checked: {why}"
            log.say("backend-unchecked", told, address=target.address, reason=why)

    @property
    def blind(self) -> list[str]:
        """What could not be checked, as sentences."""
        return [
            f"{target.address} could not be checked: {why}"
            for target, why in self._unseen_why.items()
        ]

    def silent(self, address: str, link: int) -> None:
        """Take it that a neighbour does not answer on its link."""
        how = "neighbour discovery" if ":" in address else "ARP"
        self._lose(address, link, f"does not answer {how} on {netlink.name_of(link)}")

    def cut(self, link: int) -> None:
        """Take it that a link has no carrier."""
        for address in [*self._by_address]:
            self._lose(address, link, f"the link {netlink.name_of(link)} has no carrier")

    def _lose(self, address: str, link: int, why: str) -> None:
        for service, name in self._by_address.get(address, []):
            hop = service.hops.get(name, {}).get(family_of(address))
            if hop is not None and hop.link == link:
                backend: Backend = service.backends[name]
                before = backend.state
                backend.bad(address, why, time.monotonic(), certain=True)
                self._tell(service, name, before)
                self._note(service, address, ok=False)
        for target in self._by_target:
            if target.address == address:
                self._runner.hurry(target)

    def _note(self, service: LiveService, address: str, *, ok: bool) -> None:
        """Make the kept connection follow the state of a backend's address."""
        if (place := _lifeline(service, address)) is not None:
            self._lifelines.checked(place, ok=ok)

    def _tell(self, service: LiveService, name: str, before: BackendState) -> None:
        backend = service.backends[name]
        if backend.state == before:
            return
        self._changed()
        why = f": {backend.why}" if backend.why else ""
        told = f"balance: service {service.config.name}: {name} is {backend.state}{why}"
        about = Fields(service=service.config.name, backend=name, reason=backend.why)
        log.say(_EVENTS[backend.state], told, **about)


def _lifeline(service: LiveService, address: str) -> TcpService | None:
    """Return where a connection is kept to a backend's address; None if no port is known."""
    port = service.config.check_port
    return None if port is None else TcpService(address, port)
