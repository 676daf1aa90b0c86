"""The backends of a running director: checked, and given their slots in the kernel.

Checks and signs change states, at once; a turn of the loop follows each change, and comes once a
second without one. What the kernel is told goes through one thread, in order. Whatever it refuses
is told and tried again, and the slots stay what they are: the kernel forwards without this process.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from dnsd.balance.slots import Move
from dnsd.checks.result import Blind, Reason
from dnsd.checks.runner import Runner
from dnsd.control.anycast import netlink
from dnsd.control.balance import links, nftables, settings, tunnels
from dnsd.control.balance.kernel import Nexthops
from dnsd.control.balance.lifelines import Lifelines, Place
from dnsd.control.balance.links import Links
from dnsd.control.balance.live import LiveService
from dnsd.control.balance.nexthops import family_of
from dnsd.control.balance.nftables import Guarded
from dnsd.control.balance.rates import Rates
from dnsd.control.balance.targets import targets_of
from dnsd.errors import BalanceError, DnsdError
from dnsd.process import log
from dnsd.process.lasting import Lasting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dnsd.balance.backend import Backend, State
    from dnsd.checks.result import Result
    from dnsd.checks.targets import Target
    from dnsd.config import Config
    from dnsd.config.balance import Service
    from dnsd.control.balance.drains import Drains
    from dnsd.control.balance.nexthops import Hop

_T = TypeVar("_T")

TURN_S = 1.0
"""How often slots are looked at when nothing has changed."""
TURNED_S = 3.0
"""How long a turn is waited for."""
LOOKS_S = (0.0, 0.05, 0.15)
"""When a service is checked whose kept connection has ended. More than once: the process that held
the connection may end before the one that listens."""
KERNEL_S = 10.0
"""How often settings, links and rules are looked at."""


class Engine:
    """The services of ``config``; ``unused`` says of one whether no packets are expected yet."""

    def __init__(
        self, config: Config, drains: Drains, unused: Callable[[LiveService], bool]
    ) -> None:
        self.drains = drains
        self.rates = Rates()
        self.settings = settings.Settings((), (), seed=True)
        self.fault = ""
        """Why the kernel does not have what is wanted; empty if it does."""
        self.advice: tuple[str, ...] = ()
        self._config = config
        self._unused = unused
        now = time.monotonic()
        taken: set[int] = set()
        self.services = {one.name: LiveService(one, taken, now) for one in config.service}
        self._made: set[str] = set()
        self._by_target: dict[Target, list[tuple[LiveService, str, str]]] = {}
        self._by_address: dict[str, list[tuple[LiveService, str]]] = {}
        self._runner = Runner(self._seen, self._unseen)
        self._links = Links(self._silent, self._cut)
        self._lifelines = Lifelines(self._on_end)
        self._looks: set[asyncio.Task[None]] = set()
        # pyroute2 needs a thread without a running loop; one at a time, so nothing races.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="balance")
        self._kernel: Nexthops | None = None
        self._lasting = Lasting("balance")
        self._wake = asyncio.Event()
        self._turned = asyncio.Condition()
        self._turn_number = 0
        self._looked = False
        self._look_fault = ""
        self._looking = asyncio.Lock()
        self._ruled: object = None
        self._unseen_why: dict[Target, str] = {}

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as group:
            for work in (
                self._turns,
                self._look_for_ever,
                self._runner.run,
                self._links.run,
                self.drains.run,
            ):
                group.create_task(self._lasting.go_on(work, TURN_S))

    def take(self, config: Config) -> None:
        """Go on with another configuration, which has the same services, from the next look on."""
        self._config = config

    def is_made(self, name: str) -> bool:
        """Return whether the slots of a service are in the kernel."""
        return name in self._made

    def wake(self) -> None:
        """Have the slots looked at now."""
        self._wake.set()

    async def turned(self) -> None:
        """Wait for a turn that begins from now on to end, if it does so soon."""
        self.wake()
        try:
            async with asyncio.timeout(TURNED_S), self._turned:
                wanted = self._turn_number + 2  # the one that is under way began before
                await self._turned.wait_for(lambda: self._turn_number >= wanted)
        except TimeoutError:
            pass

    def leave(self) -> None:
        """Take the rules away, which would outlive their purpose; slots and routes stay."""
        try:
            nftables.apply(nftables.remove())
        except BalanceError as error:
            log.say(f"balance: {error}")

    # -- what the kernel is to have -------------------------------------------------------------

    async def _turns(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._turn()
                fault = ""
            except DnsdError as error:
                fault = str(error)
            fault = fault or self._look_fault
            if fault and fault != self.fault:
                log.say(f"balance: {fault}")
            self.fault = fault
            async with self._turned:
                self._turn_number += 1
                self._turned.notify_all()
            try:
                async with asyncio.timeout(TURN_S):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _turn(self) -> None:
        """Make what is missing, and move the slots that are due."""
        now = time.monotonic()
        if not self._looked:
            return
        for service in self.services.values():
            service.drained = self.drains.of(service.config.name).keys()
            if service.config.name not in self._made:
                await self._make(service)
            await self._move(service, time.monotonic())
        await self._measure(now)

    async def _look_for_ever(self) -> None:
        while True:
            fault = await self.look()
            if fault and fault != self._look_fault:
                log.say(f"balance: {fault}")
            self._look_fault = fault
            await asyncio.sleep(KERNEL_S if self._looked else TURN_S)

    async def look(self) -> str:
        """Look at the kernel's side, and take in the configuration; return why that failed.

        It holds up no slot that is to move.
        """
        async with self._looking:
            try:
                await self._look()
            except DnsdError as error:
                return str(error)
        self._looked = True
        self.wake()
        return ""

    async def _look(self) -> None:
        """Look at settings and links, and assign checks by what there is."""
        near = await asyncio.to_thread(links.hops_to, self._addresses("link"))
        far = await asyncio.to_thread(
            tunnels.hops_to, self._config.balance, self._addresses("vxlan")
        )
        hops = {**near, **far.hops}
        if far.made:
            self._made -= self._tunnelled()
        used = {hop.link for hop in hops.values() if hop is not None}
        for config in self._config.service:
            self._place(config, hops)
        self._assign()
        self._links.watch(hop for hop in near.values() if hop is not None)
        await asyncio.to_thread(self._set, used, far.problems)
        await self._rule(frozenset(hop.link for hop in far.hops.values() if hop is not None))

    def _addresses(self, via: str) -> set[str]:
        """Return the addresses of the backends that are reached so."""
        return {
            address
            for service in self._config.service
            for backend in service.backend
            for address in backend.address
            if backend.via == via
        }

    def _tunnelled(self) -> set[str]:
        """Return the services that have a backend behind a tunnel."""
        return {
            one.name
            for one in self._config.service
            if any(backend.via == "vxlan" for backend in one.backend)
        }

    def _place(self, config: Service, hops: dict[str, Hop | None]) -> None:
        """Give a service its backends, and the hop of each."""
        service = self.services[config.name]
        before = service.hops
        service.hops = {
            backend.name: {
                group.family: hop
                for group in service.groups
                for address in backend.address
                if (hop := hops[address]) is not None and (":" in address) == group.is_six
            }
            for backend in config.backend
        }
        known = service.config is config and service.backends
        if not known:
            service.take(config)
        for name, own in service.hops.items():
            if before.get(name, own) != own:
                # Its slots lead to where it was: they are written anew.
                service.slots.actual = [
                    "" if actual == name else actual for actual in service.slots.actual
                ]

    def _set(self, used: set[int], problems: tuple[str, ...]) -> None:
        names = [netlink.name_of(link) for link in used]
        wanted = settings.wanted(self._config.balance.hash_seed, names)
        self.settings = settings.ensure({**wanted, **links.neighbour_settings(names)})
        for sentence in self.settings.changed:
            log.say(f"balance: {sentence}")
        everything = [one.name for one in netlink.links() if one.segment]
        advice = settings.advice(everything)
        homeless = [line for one in self.services.values() for line in one.homeless()]
        told = (*self.settings.problems, *problems, *homeless, *advice)
        for sentence in told:
            if sentence not in self.advice:
                log.say(f"balance: {sentence}")
        self.advice = told

    async def _rule(self, one_way: frozenset[int]) -> None:
        """Put the rules in place that go with the services, if they are not."""
        guarded = [one for service in self.services.values() for one in _guarded(service)]
        if (guarded, one_way) != self._ruled:
            await asyncio.to_thread(nftables.apply, nftables.replace(guarded, one_way))
            self._ruled = guarded, one_way

    async def _make(self, service: LiveService) -> None:
        """Make the slots of a service, or take over those that an earlier process has left."""
        found = await self._do(lambda: self._nexthops().found(service.numbers))
        if service.inherit(found):
            log.say(
                f"balance: service {service.config.name}: the slots in the kernel are taken over"
            )
        else:
            first = service.first()
            if not first:
                return
            await self._do(self._build, service, first)
            service.slots.moved(Move(slot, name) for slot, name in enumerate(first))
        for vip in service.config.vips:
            group = next(one for one in service.groups if one.is_six == (":" in vip))
            await self._do(lambda vip=vip, group=group: self._nexthops().route(vip, group.number))
        self._made.add(service.config.name)

    def _build(self, service: LiveService, first: tuple[str, ...]) -> None:
        kernel = self._nexthops()
        moves = [Move(slot, name) for slot, name in enumerate(first)]
        for group in service.groups:
            kernel.remove([group.number])
        kernel.point(service.hops_for(moves))
        for group in service.groups:
            kernel.make_group(group.number, service.config.slots)

    async def _move(self, service: LiveService, now: float) -> None:
        """Move the slots of a service that are due."""
        if service.config.name not in self._made:
            return
        service.silent = await self._do(self._silence, service) if service.is_changing else None
        moves = service.due(now, unused=self._unused(service))
        if not moves and service.is_changing and service.silent is None:
            service.silent = await self._do(self._silence, service)
            moves = service.due(now, unused=self._unused(service))
        if not moves:
            return
        hops = service.hops
        await self._do(self._nexthops().point, service.hops_for(moves))
        if service.hops is not hops:
            self.wake()  # a backend has moved to another address meanwhile: once more
            return
        service.slots.moved(moves)
        took = (time.monotonic() - now) * 1000
        log.say(f"balance: service {service.config.name}: {_counted(moves)} in {took:.0f} ms")

    def _silence(self, service: LiveService) -> list[float]:
        """Return for how long each slot has been silent, over all families."""
        kernel = self._nexthops()
        found = [kernel.silent(group.number, service.config.slots) for group in service.groups]
        return [min(each) for each in zip(*found, strict=True)]

    async def _measure(self, now: float) -> None:
        """Count packets, now and then."""
        if not self.rates.is_due(now):
            return
        for service in self.services.values():
            if service.config.name in self._made:
                counted = await self._do(self._packets, service)
                self.rates.take(now, service.config.name, counted)

    def _packets(self, service: LiveService) -> dict[str, int]:
        """Return how many packets the slots that each backend has now have carried so far."""
        found: dict[str, int] = dict.fromkeys(service.backends, 0)
        for group in service.groups:
            for number, count in self._nexthops().packets(group.number).items():
                name = service.slots.actual[number - group.number - 1]
                found[name] = found.get(name, 0) + count
        return found

    def _nexthops(self) -> Nexthops:
        if self._kernel is None:
            self._kernel = Nexthops()
        return self._kernel

    async def _do(self, work: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    # -- what is seen ---------------------------------------------------------------------------

    def _assign(self) -> None:
        """Have each address checked that may get packets."""
        self._by_target, self._by_address = {}, {}
        for service in self.services.values():
            for backend in service.config.backend:
                found = targets_of(service.config, backend, self._config.failover)
                for address, target in found.items():
                    self._by_address.setdefault(address, []).append((service, backend.name))
                    if target is not None:
                        place = service, backend.name, address
                        self._by_target.setdefault(target, []).append(place)
        self._runner.assign(self._by_target)
        self._lifelines.keep(self._by_place())

    def _by_place(self) -> dict[Place, list[Target]]:
        """Return the targets by the place that a connection of theirs goes to."""
        found: dict[Place, list[Target]] = {}
        for target, places in self._by_target.items():
            for service, _, address in places:
                if (place := _lifeline(service, address)) is not None:
                    found.setdefault(place, []).append(target)
        return found

    def _on_end(self, place: Place) -> None:
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
            if result.reason == Reason.REFUSED:
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
                backend.bad(address, result.detail, ended, certain=result.reason == Reason.REFUSED)
            self._tell(service, name, before)
            self._note(service, address, ok=result.ok)
        in_doubt = any(one.backends[name].in_doubt(at) for one, name, at in places)
        self._runner.hurry(target) if in_doubt else self._runner.relax(target)

    def _unseen(self, target: Target, why: str) -> None:
        if self._unseen_why.get(target) != why:
            self._unseen_why[target] = why
            log.say(f"balance: {target.address} could not be checked: {why}")

    @property
    def blind(self) -> list[str]:
        """What could not be checked, as sentences."""
        return [
            f"{target.address} could not be checked: {why}"
            for target, why in self._unseen_why.items()
        ]

    def _silent(self, address: str, link: int) -> None:
        """Take it that a neighbour does not answer on its link."""
        how = "neighbour discovery" if ":" in address else "ARP"
        self._lose(address, link, f"does not answer {how} on {netlink.name_of(link)}")

    def _cut(self, link: int) -> None:
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
        """Have the kept connection follow what is known of a backend's address."""
        if (place := _lifeline(service, address)) is not None:
            self._lifelines.checked(place, ok=ok)

    def _tell(self, service: LiveService, name: str, before: State) -> None:
        backend = service.backends[name]
        if backend.state == before:
            return
        self.wake()
        why = f": {backend.why}" if backend.why else ""
        log.say(f"balance: service {service.config.name}: {name} is {backend.state}{why}")


def _lifeline(service: LiveService, address: str) -> Place | None:
    """Return where a connection is kept to a backend's address; None if the service takes none."""
    port = service.config.check_port
    takes = port is not None and "tcp" in service.config.protocols
    return Place(address, port) if takes and port is not None else None


def _guarded(service: LiveService) -> Iterable[Guarded]:
    for vip in service.config.vips:
        group = next(one for one in service.groups if one.is_six == (":" in vip))
        found = (service.hops[one.name].get(group.family) for one in service.config.backend)
        hops = tuple(hop for hop in found if hop is not None)
        yield Guarded(vip, hops, service.config.protocols, service.config.ports)


def _counted(moves: Iterable[Move]) -> str:
    """Return how many slots went where."""
    counts: dict[str, int] = {}
    for move in moves:
        counts[move.backend] = counts.get(move.backend, 0) + 1
    return ", ".join(f"{count} slots to {name}" for name, count in sorted(counts.items()))
