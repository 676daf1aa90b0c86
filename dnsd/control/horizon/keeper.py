"""Keeps the node's ledger: declares zones before they are served, and retires them afterwards.

A zone is declared as a whole, so that ten thousand of them cost little; what is in one is looked
up in its image when it is asked for. When a zone has changed, only what differs is noted, once
every worker answers from the new image. What pools give out is told by who decides on them.

The ledger is written to disk before anything is answered that is not declared there, and within
a second of every change that a crash would make us forget. A bound of
something declared that grows needs no write: after a crash, the start bounds all of it.
"""

from __future__ import annotations

import asyncio
import time
from math import inf
from typing import TYPE_CHECKING

from dnsd.caches.ledger import SAVE_EVERY_S, Ledger, declarations, owner_of
from dnsd.control.horizon import ledgerlog
from dnsd.control.horizon.awaited import AwaitedZones
from dnsd.control.horizon.coverage import Coverage
from dnsd.control.horizon.declared import DeclaredZone, ZoneChange, version_of
from dnsd.control.horizon.leaving import DelayWatch
from dnsd.control.horizon.ondisk import LedgerOnDisk
from dnsd.control.horizon.poolbook import PoolBook, accounts_in
from dnsd.control.horizon.served import ServedSearch
from dnsd.control.horizon.shelf import Shelf
from dnsd.errors import AdminError, StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence, Set

    from dnsd.caches.changes import CachedFor
    from dnsd.caches.version import CacheQuestion
    from dnsd.control.horizon.ledgerfile import LedgerFile
    from dnsd.image.stock import Stock

FORGET_EVERY_S = 60.0


class LedgerKeeper:
    """The ledger of ``node``, in ``file``, about the images in ``stock``.

    ``reached`` returns the generation that every worker has reached; ``clock`` is monotonic.
    ``meet`` notes in the ledger which nodes were heard, and returns whether one is new; ``beat``
    returns the earliest of the workers' last heartbeats (:class:`DelayWatch`).
    """

    def __init__(
        self,
        node: str,
        file: LedgerFile,
        stock: Stock,
        reached: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        *,
        meet: Callable[[Ledger], bool] = lambda _: False,
        beat: Callable[[], float] = lambda: inf,
    ) -> None:
        self.ledger = Ledger(node, clock())
        self.leaving = DelayWatch(self.ledger, beat)
        self._meet = meet
        self.pools = PoolBook(self.ledger)
        self.zones: dict[str, DeclaredZone] = {}
        self.shelf = Shelf(stock)
        self._awaited = AwaitedZones(self.ledger, self.shelf)
        self.ready = False
        """Whether it has taken in the earlier account, and everything that is served."""
        self.fault = ""
        """Why the account is not on disk: then nothing is SAFE by it. Empty if it is."""
        self.clock = clock
        self.served = ServedSearch(self.shelf)
        self._file = file
        self._answered_before = self.shelf.is_used()
        self._reached = reached
        self._changes: list[ZoneChange] = []
        self.coverage = Coverage()
        self._began = asyncio.Event()
        self._writing = asyncio.Lock()
        self._waiting: list[Callable[[], object]] = []
        self._writer: asyncio.Task[None] | None = None
        self._dump_number = 0
        self._on_disk = -1
        self._dirty = True
        self._forget_at = clock() + FORGET_EVERY_S

    # -- over a restart -----------------------------------------------------------------------

    def recover(self, zones: Mapping[str, DeclaredZone], generation: int) -> None:
        """Continue the account of an earlier process of the same node.

        Workers serve ``zones``, or will once they reach ``generation``.
        """
        for apex, held in self._resume(zones).items():
            zone = zones.get(apex)
            self._changes.append(ZoneChange(apex, None, zone, held, generation))
        self._began.set()
        self.served.come({apex: zone.shelved for apex, zone in zones.items()})
        self._declare_all(zones)
        self.ready = True

    def _resume(
        self, zones: Mapping[str, DeclaredZone], awaited: Set[str] = frozenset()
    ) -> dict[str, tuple[CachedFor, ...]]:
        """Take up what is on disk; ``zones`` are served, or about to be; ``awaited`` come later.

        Return what caches may hold of zones that were served before, and no longer are.
        """
        held: dict[str, tuple[CachedFor, ...]] = {}
        now = self.clock()
        try:
            data = self._file.read()
            if data is not None:
                held = self._continue(data, zones, awaited, now)
                if not self._file.is_last():
                    raise StateError("the ledger does not cover the end of the last run")
                if (owner := owner_of(data)[0]) != self.ledger.node:
                    raise StateError(f"the ledger is that of node {owner}, renamed or copied")
                if self._file.kept() == data:
                    self.coverage.found(accounts_in(data))
            elif self._answered_before:
                raise StateError("the ledger is missing, but the node has answered before")
        except StateError as error:
            self.ledger.distrust(now)
            ledgerlog.distrusted(error)
        return held

    def _continue(
        self, data: bytes, zones: Mapping[str, DeclaredZone], awaited: Set[str], now: float
    ) -> dict[str, tuple[CachedFor, ...]]:
        declared = declarations(data)
        served = {version_of(apex, zone) for apex, zone in zones.items()}
        later = [one for one in declared if one.owner in awaited and one.owner not in zones]
        told: dict[str, tuple[CachedFor, ...]] = {}
        known = served.union(later)
        for version in [one for one in declared if one not in known]:
            zone = zones.get(version.owner)
            held = self._awaited.held_since(
                version, declared[version], zone.shelved if zone else None
            )
            told[version.owner] = (*told.get(version.owner, ()), *held)
        self.ledger.resume(data, now, unchanged=declared.keys())
        self._awaited.wait_for({version: declared[version] for version in later})
        for held in told.values():
            self._note(held, now)
        return told

    # -- zones --------------------------------------------------------------------------------

    async def declare(
        self, zones: Mapping[str, DeclaredZone | None], awaited: Set[str] = frozenset()
    ) -> None:
        """Write down that ``zones`` (by apex) are about to be served; None: the zone no longer is.

        Zones that are not named stay as they are. The first call says which zones are ``awaited``;
        :meth:`complete` ends that. :meth:`published` or :meth:`undo` must follow.

        If the ledger cannot be written, the zones are served nonetheless, and the account is in
        doubt (``fault``) until it can be. The exception: while a restart would believe the ledger
        on disk, a zone that it does not declare must wait.
        """
        coming = {apex: zone for apex, zone in zones.items() if zone is not None}
        is_first = not self._began.is_set()
        if is_first:
            await asyncio.to_thread(self._resume, coming, awaited)
            self._began.set()
        changes = await asyncio.to_thread(self._compare, zones)
        await self._come(zones)
        self._changes += changes  # whatever has been retired meanwhile stays so
        shelved = {apex: zone.shelved for apex, zone in coming.items()}
        await asyncio.to_thread(self.served.come, shelved)
        self._declare_all(coming)
        for apex, zone in zones.items():
            if zone is None:
                self.zones.pop(apex, None)
        self.ready = not awaited and (self.ready or is_first)
        await self.save()
        if self.fault and not await asyncio.to_thread(self._is_declared_on_disk, zones):
            await self._disbelieved()

    async def complete(self) -> None:
        """End the wait for zones: those that have not come are gone."""
        await self._come(dict.fromkeys(self._awaited.names()))
        self.ready = True
        await self.save()

    def _is_declared_on_disk(self, zones: Mapping[str, DeclaredZone | None]) -> bool:
        """Return whether a restart that believes the ledger on disk knows all of ``zones``.

        If so, they need not wait: a node that starts on a read-only disk answers at once.
        """
        known = LedgerOnDisk(self._file.kept())
        return all(zone is not None and known.declares(apex, zone) for apex, zone in zones.items())

    def is_stuck(self) -> bool:
        """Return whether new answers must wait: the disk lets no ledger be written or removed."""
        return self._file.is_stuck()

    def undeclared(self, zones: Mapping[str, DeclaredZone]) -> set[str]:
        """Return which of ``zones`` must wait in that case."""
        known = LedgerOnDisk(self._file.kept())
        return {apex for apex, zone in zones.items() if not known.declares(apex, zone)}

    def _compare(self, zones: Mapping[str, DeclaredZone | None]) -> list[ZoneChange]:
        changes = []
        for apex, new in zones.items():
            old = self.zones.get(apex)
            held: tuple[CachedFor, ...] = ()
            if old is not None:
                held = self.shelf.differences(apex, old.shelved, new.shelved if new else None)
            changes.append(ZoneChange(apex, old, new, held))
        return changes

    async def _come(self, zones: Mapping[str, DeclaredZone | None]) -> None:
        """Retire what ``zones`` had before the start and no longer have, unless that is done."""
        now = {apex: zone.shelved if zone else None for apex, zone in zones.items()}
        self._note(await asyncio.to_thread(self._awaited.held, now), self.clock())
        for apex, zone in zones.items():
            self._awaited.has_come(apex, version_of(apex, zone) if zone else None)

    def _declare_all(self, zones: Mapping[str, DeclaredZone]) -> None:
        for apex, zone in zones.items():
            self.zones[apex] = zone
            self.ledger.serve(version_of(apex, zone), zone.shelved.contents.ttl)
            for meta in zone.pools:
                self.pools.expect(meta, self.clock())

    def undo(self) -> None:
        """Undo the last :meth:`declare`: the zones were not published."""
        undone = [one for one in self._changes if one.generation is None]
        self._changes = [one for one in self._changes if one.generation is not None]
        changing = {one.apex for one in self._changes}
        for change in reversed(undone):
            if change.new is not None:
                self._undeclare(change.apex, change.new, change.old)
            if change.old is None:
                self.zones.pop(change.apex, None)
            else:
                self._declare_all({change.apex: change.old})
            if change.apex not in changing:
                self._forget_replaced(change.apex)

    def published(self, generation: int) -> None:
        """Note that what was declared last is published as ``generation``."""
        self._changes = [
            one if one.generation is not None else one._replace(generation=generation)
            for one in self._changes
        ]

    def is_changing(self, question: CacheQuestion) -> bool:
        """Return whether an edit of the answer to ``question`` has not reached every worker yet."""
        ending = (held.version for change in self._changes for held in change.held)
        return any(question.concerns(one) for one in (*ending, *self.pools.leaving()))

    def swept(self, now: float) -> None:
        """Note that all notes of the workers have just been read."""
        self.pools.swept(now)
        self._dirty |= self.leaving.look(now)

    def retire(self) -> None:
        """Retire the versions from which no worker answers any more."""
        if not self._changes:
            return
        now, reached = self.clock(), self._reached()
        changes, self._changes = self._changes, []
        done: list[ZoneChange] = []
        for one in changes:
            is_done = one.generation and one.generation <= reached
            (done if is_done else self._changes).append(one)
        changing = {one.apex for one in self._changes}
        for change in done:
            self._note(change.held, now)
            zone = self.zones.get(change.apex)
            if change.apex not in changing:
                self._forget_replaced(change.apex)
            if change.old is not None:
                self._undeclare(change.apex, change.old, zone)
                for meta in change.old.pools:
                    self.pools.left(meta, change.new.pools if change.new else (), now)

    def _forget_replaced(self, apex: str) -> None:
        """Forget the former version of a zone: no worker answers from it any more."""
        zone = self.zones.get(apex)
        self.served.forget_others(apex, zone.shelved.image if zone else "")

    def _undeclare(self, apex: str, zone: DeclaredZone, served: DeclaredZone | None) -> None:
        """End the declaration of ``zone``, unless ``served`` is the same."""
        version = version_of(apex, zone)
        if served is None or version != version_of(apex, served):
            self.ledger.undeclare(version)
            self._dirty = True

    def _note(self, held: Sequence[CachedFor], now: float) -> None:
        for one in held:
            self.ledger.note(one.version, now, one.ttl)
        self._dirty = self._dirty or bool(held)

    # -- on disk ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the ledger up to date, for ever."""
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            if self._began.is_set():
                await self.turn()

    async def turn(self) -> None:
        """Do the periodic work, once a second."""
        self.retire()
        if self.clock() >= self._forget_at:
            self._forget_at = self.clock() + FORGET_EVERY_S
            self.ledger.forget(self.clock())
            self._dirty = True
        await self.save()
        if not self.fault:
            await asyncio.to_thread(self._file.vouch)

    async def save(self) -> None:
        """Write the ledger if it has changed, or could not be written before.

        One write at a time: a failed one withdraws the file, and no older account may follow it.
        """
        async with self._writing:
            self._dirty |= self._meet(self.ledger)
            if self._began.is_set() and self._is_new():
                dumped = self._dumped()
                self._note_fault(await asyncio.to_thread(self._write, *dumped))

    async def _disbelieved(self) -> None:
        """Wait until no earlier ledger on disk contradicts what could not be written."""
        if self.fault and (left := self._file.believed_for()) > 0:
            ledgerlog.waits(left)
        while self.fault and (left := self._file.believed_for()) > 0:
            await self._file.wait(min(left, SAVE_EVERY_S))
            await self.save()

    async def save_declared(self) -> None:
        """Write an operator's declaration to disk; AdminError if that fails."""
        self._dirty = True
        await self.save()
        if self.fault:
            raise AdminError(f"it is in force, but a restart forgets it: {self.fault}")

    def save_soon(self, then: Callable[[], object]) -> None:
        """Write the ledger, and call ``then`` when the disk has taken or refused it."""
        self._waiting.append(then)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._save_for_all())

    async def _save_for_all(self) -> None:
        while self._waiting:
            await self._began.wait()
            waiting, self._waiting = self._waiting, []
            await self.save()
            await self._disbelieved()
            for then in waiting:
                then()

    def stop(self) -> None:
        """Write what is new, also which nodes were just heard: the process is about to end."""
        self._dirty |= self._meet(self.ledger)
        if self._began.is_set() and self._is_new():
            self._note_fault(self._write(*self._dumped()))
        if self._began.is_set() and not self.fault:
            self._file.close()

    def _write(self, number: int, data: bytes) -> str:
        """Write the ledger; return why that failed.

        After a failure the file on disk is withdrawn: a restart would believe it, and it is no
        longer true.
        """
        try:
            self._file.write(number, data)
        except StateError as error:
            self._file.withdraw()
            return str(error)
        return ""

    def _note_fault(self, fault: str) -> None:
        if not fault or self._file.believed_for() <= 0:
            self.coverage.end(written=not fault)
        if fault != self.fault:
            ledgerlog.written(fault)
        self.fault = fault

    def _is_new(self) -> bool:
        changed = self._dirty or self.pools.changed or bool(self.fault)
        return changed or self.ledger.revision != self._on_disk

    def _dumped(self) -> tuple[int, bytes]:
        self._dump_number += 1
        self._on_disk = self.ledger.revision
        self._dirty = self.pools.changed = False
        self.coverage.begin(self.pools.accounts())
        return self._dump_number, self.ledger.dump(self.clock())
