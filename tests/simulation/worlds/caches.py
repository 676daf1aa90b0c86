"""Caches that ask nodes, and keep what they get for as long as they are told.

Each question comes from a cache that has nothing yet, so at any time some cache holds whatever
was given out within its TTL. Half of them keep everything for at least ``FLOOR_S``.
"""

from __future__ import annotations

from functools import cache, partial
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from dnsd.wire import name as names
from tests.simulation.worlds import zones

if TYPE_CHECKING:
    from random import Random

    from tests.simulation.worlds.machine import Answered, Life, Machine, Worker
    from tests.simulation.worlds.world import World

FLOOR_S = 30.0
QUICK_S = 0.1
SOON_S = 0.6
A, CNAME, SOA, NSEC = 1, 5, 6, 47
_DO = b"\0\0\x29\x04\xd0\0\0\x80\0\0\0"
"""An OPT record with the flag DO."""
_HEADER = Struct(">6H")
_RECORD = Struct(">HHIH")


class Key(NamedTuple):
    """What a cache may hold: an answer about ``name``, of which node; no address: there is none."""

    node: int
    name: str
    addresses: frozenset[str]


class Hold(NamedTuple):
    """Until when caches hold it, those that keep to TTLs and those with a floor."""

    until: float
    floored: float
    composed: float = 0.0
    """When a node last composed it."""


class Caches:
    """Asks the machines; ``pause`` is the mean time between two questions to one of them."""

    def __init__(self, world: World, random: Random, pause: float) -> None:
        self._world = world
        self._random = random
        self._pause = pause
        self.held: dict[Key, Hold] = {}
        self.answers = 0
        self.stop_next: dict[int, float] = {}
        """For how long the next worker that answers on a machine stops between read and note."""
        self.hold_next: dict[int, float] = {}
        """For how long the next one stops between its look at the clock and the system call."""
        self.late_until = 0.0
        """Until when answers may be as late as they can be."""

    def begin(self) -> None:
        """Ask for ever."""
        for machine in self._world.machines:
            self._plan(machine)

    def _plan(self, machine: Machine) -> None:
        self._world.loop.plan(self._random.expovariate(1 / self._pause), lambda: self._ask(machine))

    def _ask(self, machine: Machine) -> None:
        if self._world.over:
            return
        self._plan(machine)
        name = zones.HOST if self._random.random() < 0.25 else zones.POOL
        self.ask(machine, name)

    def hurry(self) -> None:
        """Have caches ask for all there is, now and very soon: something is about to happen."""
        for seconds in (0.0, *(self._random.uniform(0.0, SOON_S) for _ in range(2))):
            for machine in self._world.machines:
                for name in (zones.POOL, zones.HOST):
                    self._world.loop.plan(seconds, partial(self.ask, machine, name))

    def ask(self, machine: Machine, name: str) -> None:
        """Have a cache ask a node for the addresses of ``name``."""
        life = machine.life
        if life is None or machine.suspended:
            return
        workers = life.serving
        if not workers:
            return
        worker = self._random.choice(workers)
        packet = _query(name, self._random.getrandbits(16), validates=self._world.kind.signed)
        answered = worker.answer(packet)
        if answered is None:
            return
        self.answers += 1
        found = _read(answered.packet)
        if found is not None:
            self._world.laws.composed(machine, name, found[0])
        seconds = self.stop_next.pop(machine.index, 0.0)
        if seconds:
            worker.stopped = True
            self._world.loop.plan(
                seconds, lambda: self._go_on(machine, life, worker, name, answered)
            )
        elif held := self.hold_next.pop(machine.index, 0.0):
            worker.note(answered)
            worker.stopped = True
            self._world.loop.plan(held, lambda: self._let_go(machine, life, worker, name, answered))
        else:
            worker.note(answered)
            self._send(machine, name, answered)

    def _let_go(
        self, machine: Machine, life: Life, worker: Worker, name: str, answered: Answered
    ) -> None:
        if not life.ended:
            worker.stopped = False
            self._send(machine, name, answered)

    def _go_on(
        self, machine: Machine, life: Life, worker: Worker, name: str, answered: Answered
    ) -> None:
        if life.ended:
            return
        worker.stopped = False
        worker.note(answered)
        self._send(machine, name, answered)

    def _send(self, machine: Machine, name: str, answered: Answered) -> None:
        found = _read(answered.packet)
        if found is None:
            return
        late = (
            self._world.loop.now < self.late_until or self._random.random() < self._world.kind.late
        )
        seconds = self._random.uniform(0.001, QUICK_S)
        if late:  # as late as can be, or less
            seconds += self._world.delivery * self._random.choice((1.0, self._random.random()))
        key = Key(machine.index, name, found[0])
        self._world.loop.plan(seconds, lambda: self._deliver(key, found[1], answered.at))

    def _deliver(self, key: Key, ttl: int, composed: float) -> None:
        now = self._world.loop.now
        before = self.held.get(key, Hold(0.0, 0.0))
        self.held[key] = Hold(
            max(before.until, now + ttl),
            max(before.floored, now + max(ttl, FLOOR_S)),
            max(before.composed, composed),
        )
        self._world.laws.delivered(key)

    def holding(self, target: str, node: int | None = None) -> list[tuple[Key, Hold]]:
        """Return what caches hold, or have held, that leads to ``target``."""
        return [
            (key, hold)
            for key, hold in self.held.items()
            if target in key.addresses and node in (None, key.node)
        ]


@cache
def _question(name: str) -> bytes:
    return names.from_text(name) + A.to_bytes(2, "big") + b"\0\1"


def _query(name: str, ident: int, *, validates: bool) -> bytes:
    head = _HEADER.pack(ident, 0, 1, 0, 0, int(validates))
    return head + _question(name) + (_DO if validates else b"")


def _read(packet: bytes) -> tuple[frozenset[str], int] | None:
    """Return where it leads and for how long it is kept; None: nothing that caches keep.

    What is denied by an NSEC record is denied for as long as that is kept, too (RFC 8198).
    """
    _, flags, _, answers, authority, _ = _HEADER.unpack_from(packet)
    if flags & 15 not in (0, 3):
        return None
    at = _skip(packet, _HEADER.size) + 4
    addresses: set[str] = set()
    ttls: list[int] = []
    denied: list[int] = []
    for number in range(answers + authority):
        at = _skip(packet, at)
        rtype, _, ttl, size = _RECORD.unpack_from(packet, at)
        at += _RECORD.size
        if rtype == A and number < answers:
            addresses.add(".".join(map(str, packet[at : at + 4])))
            ttls.append(ttl)
        elif rtype == CNAME and number < answers:
            addresses.add(names.to_text(packet[at : at + size]))
            ttls.append(ttl)
        elif rtype == SOA and not answers:
            ttls.append(min(ttl, int.from_bytes(packet[at + size - 4 : at + size], "big")))
        elif rtype == NSEC and not answers:
            denied.append(ttl)
        at += size
    return (frozenset(addresses), max(min(ttls), *denied, 0)) if ttls else None


def _skip(packet: bytes, at: int) -> int:
    while packet[at]:
        if packet[at] >= 0xC0:
            return at + 2
        at += 1 + packet[at]
    return at + 1
