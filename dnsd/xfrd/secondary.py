"""Fetches zones from their primaries, and keeps them current.

A :class:`Refresh` for each zone says when to ask which primary; one loop sleeps until then.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.config import origins
from dnsd.process.log import say
from dnsd.transfer import ipc
from dnsd.transfer.refresh import Refresh, SoaTimes
from dnsd.wire.name import from_text
from dnsd.xfrd import summing
from dnsd.xfrd.fetching import Fetching
from dnsd.xfrd.keptzone import KeptZone, leftovers
from dnsd.xfrd.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dnsd.xfrd.fetching import FetchReport
    from dnsd.xfrd.knowledge import Knowledge, Row

CLOCK_S = 60.0
"""Seconds between two looks whether the clock was set back."""
SET_BACK_S = 1.0
"""A smaller step back, in seconds, is ignored."""


class SecondaryZone:
    """One zone that is fetched."""

    def __init__(self, told: ipc.ZoneTold, kept: KeptZone, now: float) -> None:
        # A version made by updates is served until a primary answers; it is not the primary's.
        version = None if kept.is_of_updates else kept.read()
        soa = SoaTimes.of(version.soa.rdata) if version else None
        primaries = len(told.transfers.primaries)
        self.apex = from_text(told.zone)
        self.told = told
        self.kept = kept
        self.refresh = Refresh(primaries, soa, kept.confirmed(), now, random.random)
        self.is_wanted_whole = kept.is_of_updates
        """Whether to fetch the whole zone, whatever the primary's serial is."""
        self.is_given_up = False
        """Whether the zone is no longer fetched: a transfer under way is discarded."""
        self.was_expired: bool | None = None
        """What control was told last; None before."""
        self.is_waiting = False
        """Whether it is due, but waits for a place."""
        self.look_at = math.inf
        """When the loop is to look at it next."""
        self.last: FetchReport | None = None
        self.refused = ""
        """Why control has not loaded the latest fetched version; empty if it has."""


class SecondaryPart:
    """The part of the process that fetches zones; ``tell`` sends messages to control."""

    def __init__(
        self, known: Knowledge, directory: Path, tell: Callable[[str, ipc.FromTransfers], None]
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
        self._left: dict[str, set[str]] | None = None
        self._ahead = time.time() - time.monotonic()
        """How far POSIX time is ahead of the monotonic clock."""

    # -- what is told -------------------------------------------------------------------------

    def hear(self, told: ipc.ZoneTold) -> None:
        """Take up a zone with primaries, or its changes."""
        zone = self._zones.get(told.zone)
        if zone is not None and zone.told.kept != told.kept:
            self.lose(told.zone)  # the zone begins again (RFC 9432 §5.4)
            zone = None
        if not told.transfers.primaries:
            self.lose(told.zone)
        elif zone is None:
            name = told.kept or f"{origins.file_stem(told.zone)}.records"
            self._forget_others(told.zone, name)
            zone = SecondaryZone(told, KeptZone(self._directory / name), time.time())
            self._zones[told.zone] = zone
            zone.refresh.hurry(time.time())  # a NOTIFY may have come while this process was down
            self._age(told.zone, zone)
            self._schedule(told.zone, zone)
        elif zone.told.transfers.primaries != told.transfers.primaries:
            # One object for each file: a second one would not know what the first still writes.
            zone.told, zone.is_waiting = told, False
            zone.refresh.among(len(told.transfers.primaries), time.time())
            self._schedule(told.zone, zone)
        else:
            zone.told = told

    def _forget_others(self, zone: str, name: str) -> None:
        """Remove files that ``zone`` had under another label, in an earlier process."""
        if self._left is None:
            self._left = leftovers(self._directory)
        for other in self._left.pop(origins.file_stem(zone), set()) - {name}:
            KeptZone(self._directory / other).remove()

    def lose(self, zone: str) -> None:
        """Stop fetching a zone, and remove what was fetched."""
        found = self._zones.pop(zone, None)
        if found is None:
            return
        found.is_given_up = True
        found.kept.remove()
        if found.was_expired:  # what it is served from now does not expire
            self._tell(f"expired {zone}", ipc.Expired(zone=zone, is_expired=False))

    def judge(self, judged: ipc.Judged) -> None:
        """Learn whether control has loaded a version."""
        if (zone := self._zones.get(judged.zone)) is not None:
            zone.refused = judged.why

    def notified(self, name: str, address: str, serial: int | None) -> None:
        """Note a NOTIFY for the zone ``name``, from an allowed sender."""
        zone = self._zones.get(name)
        if zone is None:
            return
        peers = [peer.address for peer in zone.told.transfers.primaries]
        by = peers.index(address) if address in peers else None
        zone.refresh.notified(serial, time.time(), by)
        self._schedule(name, zone)

    def obey(self, what: str, zone: str) -> str | None:
        """Ask a primary at once; for ``retransfer`` fetch the whole zone."""
        found = self._zones.get(zone)
        if found is None or what not in {"refresh", "retransfer"}:
            return None
        found.is_wanted_whole |= what == "retransfer"
        found.refresh.hurry(time.time())
        self._schedule(zone, found)
        return ""

    def summary(self) -> ipc.TransferSummary:
        """Return how all zones are, in short."""
        found = ((name, zone.refresh) for name, zone in self._zones.items())
        return summing.summary(found, time.time())

    def row(self, zone: str) -> Row:
        """Return the facts about a zone."""
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
            "expired": bool(found.was_expired),
            "fault": refresh.fault or found.refused,
        }
        return row | (found.last.row() if found.last else {})

    # -- when ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Ask primaries when it is time, for ever."""
        while True:
            self._begin_due()
            self._wake.clear()
            wait = max(self._due[0][0] - time.time(), 0.0) if self._due else CLOCK_S
            with suppress(TimeoutError):
                async with asyncio.timeout(min(wait, CLOCK_S)):  # wait_for loses cancellations
                    await self._wake.wait()
            self._follow_clock()

    def _follow_clock(self) -> None:
        """If the clock was set back, move all times back with it."""
        ahead = time.time() - time.monotonic()
        by, self._ahead = self._ahead - ahead, ahead
        if by < SET_BACK_S:
            return
        for name, zone in self._zones.items():
            zone.refresh.set_back(by)
            zone.look_at = math.inf
            self._schedule(name, zone)

    def _schedule(self, name: str, zone: SecondaryZone) -> None:
        """Have the loop look at a zone when its next step is due."""
        is_begun = zone.is_waiting or zone.refresh.asked_at is not None
        times = [] if is_begun else [zone.refresh.due]
        if zone.refresh.expires is not None and not zone.was_expired:
            times.append(zone.refresh.expires)
        if times and min(times) < zone.look_at:
            zone.look_at = min(times)
            heapq.heappush(self._due, (zone.look_at, name))
            self._wake.set()

    def _begin_due(self) -> None:
        now = time.time()
        while self._due and self._due[0][0] <= now:
            at, name = heapq.heappop(self._due)
            zone = self._zones.get(name)
            if zone is None or zone.look_at != at:
                continue  # it was looked at earlier
            zone.look_at = math.inf
            self._age(name, zone)
            if zone.refresh.is_due(now) and not zone.is_waiting:
                self._begin(name, zone, now)
            self._schedule(name, zone)

    def _age(self, name: str, zone: SecondaryZone) -> None:
        """Tell control if a zone has expired, or was confirmed again."""
        is_expired = zone.refresh.is_expired(time.time())
        if is_expired == zone.was_expired:
            return
        zone.was_expired = is_expired
        if is_expired:
            told = f"transfers: {name} has expired: no primary has confirmed it for too long"
            say("zone-expired", told, zone=name)
        self._tell(f"expired {name}", ipc.Expired(zone=name, is_expired=is_expired))

    # -- asking -------------------------------------------------------------------------------

    def _begin(self, name: str, zone: SecondaryZone, now: float) -> None:
        """Ask the zone's primary, if there is a place."""
        address = zone.told.transfers.primaries[zone.refresh.primary].address
        zone.is_waiting = not self._places.take(address, name, self._known.settings.incoming)
        if zone.is_waiting:
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
            self._places.leave(address)
            self._begin_waiting()
        if zone.is_given_up:
            now = self._zones.get(name)
            if is_news and (now is None or now.kept.path != zone.kept.path):
                zone.kept.remove()
            return
        self._age(name, zone)
        if is_news and zone.refresh.soa:
            records = str(zone.kept.path)
            serial = zone.refresh.soa.serial
            self._tell(f"received {name}", ipc.Received(zone=name, serial=serial, records=records))
        self._schedule(name, zone)

    def _begin_waiting(self) -> None:
        """Ask for waiting zones, as many as there are places."""
        now, most = time.time(), self._known.settings.incoming
        while (name := self._places.next(most)) is not None:
            zone = self._zones.get(name)
            if zone is not None and zone.is_waiting:
                self._begin(name, zone, now)
                self._schedule(name, zone)
