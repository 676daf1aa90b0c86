"""The slots of services in the kernel: made, moved and counted, by one thread, in order.

Whatever the kernel refuses is an error, and the slots stay what they are.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from dnsd.balance.slots import SlotMove
from dnsd.control.balance.kernel import Nexthops
from dnsd.control.balance.rates import BackendRates
from dnsd.process import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dnsd.control.balance.live import LiveService
    from dnsd.control.balance.nexthops import BackendHop

_T = TypeVar("_T")

MOST_SILENT = 128
"""Silent slots that move in one turn: some 30 ms, in which a death would have to wait."""


class SlotWriter:
    """The slots in the kernel; ``rates`` are the packets that it has counted."""

    def __init__(self) -> None:
        self.rates = BackendRates()
        self._made: set[str] = set()
        self._kernel: Nexthops | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="balance")

    def is_made(self, name: str) -> bool:
        """Return whether the slots of a service are in the kernel."""
        return name in self._made

    def forget(self, names: Iterable[str]) -> None:
        """Have these services made again, or taken over if they are whole all the same."""
        self._made -= {*names}

    async def inspect(self, service: LiveService) -> None:
        """Forget a service of which the kernel has removed something, as it does with a link."""
        name = service.config.name
        if name not in self._made:
            return
        found = await self._do(lambda: self._nexthops().found(one.number for one in service.groups))
        if not service.has_groups(found):
            self._made.discard(name)
            told = f"balance: service {name}: the kernel has lost its slots"
            log.say("slots-lost", told, service=name)

    async def make(self, service: LiveService) -> None:
        """Make the slots of a service, or take over those that an earlier process has left."""
        name = service.config.name
        if name in self._made:
            return
        found = await self._do(lambda: self._nexthops().found(service.numbers))
        if service.inherit(found):
            told = f"balance: service {name}: reusing the slots in the kernel"
            log.say("slots-inherited", told, service=name)
        else:
            first = service.first()
            if not first:
                return
            moves = [SlotMove(slot, backend) for slot, backend in enumerate(first)]
            await self._do(self._build, service, service.hops_for(moves))
            service.slots.moved(moves)
        for vip in service.config.vips:
            group = service.group_of(vip).number
            await self._do(lambda vip=vip, group=group: self._nexthops().route(vip, group))
        self._made.add(name)

    def _build(self, service: LiveService, hops: dict[int, BackendHop]) -> None:
        kernel = self._nexthops()
        kernel.remove(group.number for group in service.groups)
        kernel.point(hops)
        for group in service.groups:
            kernel.make_group(group.number, service.config.slots)

    async def move(self, service: LiveService, now: float, *, unused: bool) -> bool:
        """Move the slots of a service that are due; return whether to call it again soon.

        ``unused``: no packets are expected yet.
        """
        if service.config.name not in self._made:
            return False
        service.silent = await self._do(self._silence, service) if service.is_changing else None
        moves = service.due(now, unused=unused)
        if not moves and service.is_changing and service.silent is None:
            service.silent = await self._do(self._silence, service)
            moves = service.due(now, unused=unused)
        if not moves:
            return False
        hops = service.hops
        done = await self._do(self._point, [(one, service.hops_for([one])) for one in moves])
        if service.hops is not hops:
            return True  # a backend has moved to another address meanwhile
        service.slots.moved(done)
        if done:
            took = (time.monotonic() - now) * 1000
            told = f"balance: service {service.config.name}: {_counted(done)} in {took:.0f} ms"
            log.say("slots-moved", told, service=service.config.name)
        return 0 < len(done) < len(moves)

    def _point(self, moves: Sequence[tuple[SlotMove, dict[int, BackendHop]]]) -> list[SlotMove]:
        """Make ``moves``, the urgent ones first; return those that were made."""
        kernel = self._nexthops()
        urgent = [(move, hops) for move, hops in moves if not move.silent]
        kernel.point({number: hop for _, hops in urgent for number, hop in hops.items()})
        done = [move for move, _ in urgent]
        others = [(move, hops) for move, hops in moves if move.silent]
        for move, hops in others[:MOST_SILENT]:
            if kernel.point_silent(hops, move.silent):
                done.append(move)
        return done

    def _silence(self, service: LiveService) -> list[float]:
        """Return for how long each slot has been silent, over all families."""
        kernel = self._nexthops()
        found = [kernel.silent(group.number, service.config.slots) for group in service.groups]
        return [min(each) for each in zip(*found, strict=True)]

    async def measure(self, services: Iterable[LiveService], now: float) -> None:
        """Count packets, now and then."""
        if not self.rates.is_due(now):
            return
        for service in services:
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


def _counted(moves: Iterable[SlotMove]) -> str:
    """Return how many slots went where."""
    counts: dict[str, int] = {}
    for move in moves:
        counts[move.backend] = counts.get(move.backend, 0) + 1
    return ", ".join(f"{count} slots to {name}" for name, count in sorted(counts.items()))
