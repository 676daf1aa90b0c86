"""Fetches the zones that have primaries, and keeps them current.

For each zone a :class:`Refresh` says when to ask whom; one loop sleeps until the next is due.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from typing import TYPE_CHECKING

from dnsd.config import origins
from dnsd.process.log import say
from dnsd.transfer import words
from dnsd.transfer.refresh import Refresh, SoaTimes
from dnsd.wire.name import from_text
from dnsd.xfrd.fetching import Fetching
from dnsd.xfrd.keptzone import KeptZone
from dnsd.xfrd.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dnsd.xfrd.fetching import FetchReport
    from dnsd.xfrd.knowledge import Knowledge, Row


class SecondaryZone:
    """One zone that is fetched."""

    def __init__(self, told: words.ZoneTold, kept: KeptZone, now: float) -> None:
        version = kept.read()
        soa = SoaTimes.of(version.soa.rdata) if version else None
        primaries = len(told.transfers.primaries)
        self.apex = from_text(told.zone)
        self.told = told
        self.kept = kept
        self.refresh = Refresh(primaries, soa, kept.confirmed(), now, random.random)
        self.is_wanted_whole = False
        """Whether an operator wants it anew, whatever the primary's serial is."""
        self.was_expired = False
        self.last: FetchReport | None = None
        self.refused = ""
        """Why control does not load the version that was fetched last."""


class SecondaryPart:
    """The part of the process that fetches zones; ``tell`` tells control."""

    def __init__(
        self, known: Knowledge, directory: Path, tell: Callable[[str, words.FromTransfers], None]
    ) -> None:
        self._known = known
        self._directory = directory
        self._tell = tell
        self._zones: dict[str, SecondaryZone] = {}
        self._due: list[tuple[float, str]] = []
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._fetching = Fetching(known)
        self._places = Places()

    # -- what is told -------------------------------------------------------------------------

    def hear(self, told: words.ZoneTold) -> None:
        """Take up a zone with primaries, or what has changed of it."""
        zone = self._zones.get(told.zone)
        if not told.transfers.primaries:
            self.lose(told.zone)
        elif zone is None or zone.told.transfers.primaries != told.transfers.primaries:
            path = self._directory / f"{origins.file_stem(told.zone)}.records"
            zone = SecondaryZone(told, KeptZone(path), time.time())
            self._zones[told.zone] = zone
            self._age(told.zone, zone)
            self._schedule(told.zone, zone)
        else:
            zone.told = told

    def lose(self, zone: str) -> None:
        """Give a zone up, with what was fetched of it."""
        found = self._zones.pop(zone, None)
        if found is not None:
            found.kept.remove()

    def judge(self, judged: words.Judged) -> None:
        """Hear what control made of a version."""
        if (zone := self._zones.get(judged.zone)) is not None:
            zone.refused = judged.why

    def notified(self, name: str, address: str, serial: int | None) -> None:
        """Hear a NOTIFY for the zone ``name`` from somebody who may send it."""
        zone = self._zones.get(name)
        if zone is None:
            return
        peers = [peer.address for peer in zone.told.transfers.primaries]
        by = peers.index(address) if address in peers else None
        zone.refresh.notified(serial, time.time(), by)
        self._schedule(name, zone)

    def obey(self, what: str, zone: str) -> str | None:
        """Ask at once; with ``retransfer`` for the whole zone."""
        found = self._zones.get(zone)
        if found is None or what not in {"refresh", "retransfer"}:
            return None
        found.is_wanted_whole |= what == "retransfer"
        found.refresh.hurry(time.time())
        self._schedule(zone, found)
        return ""

    def row(self, zone: str) -> Row:
        """Return what there is to tell of a zone."""
        found = self._zones.get(zone)
        if found is None:
            return {}
        refresh = found.refresh
        peers = found.told.transfers.primaries
        row: Row = {
            "source": ", ".join(map(str, peers)),
            "fetched": refresh.soa.serial if refresh.soa else None,
            "confirmed_at": refresh.confirmed if refresh.soa else None,
            "next_at": None if refresh.asked_at else refresh.due,
            "expires_at": refresh.expires,
            "expired": found.was_expired,
            "fault": refresh.fault or found.refused,
        }
        return row | (found.last.row() if found.last else {})

    # -- when ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Ask when it is time, for ever."""
        while True:
            self._begin_due()
            self._wake.clear()
            wait = max(self._due[0][0] - time.time(), 0.0) if self._due else None
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except TimeoutError:
                continue

    def _schedule(self, name: str, zone: SecondaryZone) -> None:
        """Have the loop look at a zone when something is due."""
        times = [] if zone.refresh.asked_at is not None else [zone.refresh.due]
        if zone.refresh.expires is not None and not zone.was_expired:
            times.append(zone.refresh.expires)
        if times:
            heapq.heappush(self._due, (min(times), name))
            self._wake.set()

    def _begin_due(self) -> None:
        now = time.time()
        while self._due and self._due[0][0] <= now:
            _, name = heapq.heappop(self._due)
            zone = self._zones.get(name)
            if zone is None:
                continue
            self._age(name, zone)
            if zone.refresh.is_due(now):
                self._begin(name, zone, now)
            elif zone.refresh.asked_at is None:
                self._schedule(name, zone)

    def _age(self, name: str, zone: SecondaryZone) -> None:
        """Tell control when a zone has got too old, or has been confirmed again."""
        is_expired = zone.refresh.is_expired(time.time())
        if is_expired == zone.was_expired:
            return
        zone.was_expired = is_expired
        if is_expired:
            told = f"transfers: {name} has expired: no primary has confirmed it for too long"
            say("zone-expired", told, zone=name)
        self._tell(f"expired {name}", words.Expired(zone=name, is_expired=is_expired))

    # -- asking -------------------------------------------------------------------------------

    def _begin(self, name: str, zone: SecondaryZone, now: float) -> None:
        """Ask the zone's primary, once that one has a place for it."""
        address = zone.told.transfers.primaries[zone.refresh.primary].address
        if not self._places.take(address, name, self._known.settings.incoming):
            return
        zone.refresh.ask(now)
        task = asyncio.get_running_loop().create_task(self._ask(name, zone, address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, name: str, zone: SecondaryZone, address: str) -> None:
        is_news = False
        try:
            is_news = await self._fetching.ask(zone)
        finally:
            self._call_next(self._places.leave(address, self._known.settings.incoming))
        if self._zones.get(name) is not zone:
            zone.kept.remove()  # it was given up meanwhile
            return
        self._age(name, zone)
        if is_news and zone.refresh.soa:
            records = str(zone.kept.path)
            serial = zone.refresh.soa.serial
            self._tell(
                f"received {name}", words.Received(zone=name, serial=serial, records=records)
            )
        self._schedule(name, zone)

    def _call_next(self, name: str | None) -> None:
        if name is not None and (zone := self._zones.get(name)) is not None:
            self._schedule(name, zone)
