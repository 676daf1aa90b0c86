"""Zones that are updated (RFC 2136): their files, and what updates have made of them.

An updated zone is served from a record file, as one that is fetched is: the zone file of the
operator, with the updates laid over it. Both versions are kept, so what updates have changed is
what the two differ in (:mod:`dnsd.transfer.overlay`); edits of the file are taken over. An update
is answered when what it makes is on disk and control has loaded it.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from dns.rdatatype import RdataType

from dnsd.config import name_in_zone, origins
from dnsd.errors import DnsdError
from dnsd.process.log import say
from dnsd.transfer import words
from dnsd.transfer.overlay import VersionLookup, difference_of, rebased
from dnsd.transfer.update import UpdateGrant, edit
from dnsd.transfer.updatemessage import NOTAUTH, REFUSED, SERVFAIL, UpdateRefused, read
from dnsd.versions.difference import apply
from dnsd.wire.name import from_text, to_text
from dnsd.xfrd.keptzone import KeptZone
from dnsd.xfrd.requests import refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dnsd.transfer.updatemessage import UpdateRequest
    from dnsd.versions.version import ZoneVersion
    from dnsd.xfrd.knowledge import Row
    from dnsd.xfrd.requests import SeenRequest

LOOK_S = 0.5
"""Seconds between two looks whether a file has changed; it must then be at rest for as long."""
JUDGED_S = 20.0
"""Seconds that control may take to load what an update makes."""
MOST_WAITING = 100
"""Updates of one zone that wait for each other; more are told to come again."""
_NOERROR = 0

Stamp = tuple[int, int, int]


class UpdatedFile:
    """One zone: its file, that file's version, and the version with updates."""

    def __init__(self, told: words.ZoneTold, directory: Path) -> None:
        assert told.transfers.file is not None, "the configuration has been checked"
        stem = origins.file_stem(told.zone)
        self.told = told
        self.file = told.transfers.file
        self.base = KeptZone(directory / f"{stem}.file")
        self.served = KeptZone(directory / f"{stem}.records")
        self.lock = asyncio.Lock()
        self.waiting = 0
        self.seen: Stamp | None = None
        """Of the file when it was looked at last."""
        self.taken: Stamp | None = None
        """Of the file that ``base`` was made of."""
        self.fault = ""
        """Why the file is not taken over, empty if it is."""
        self.judged: asyncio.Future[str] | None = None

    def grants(self, key: str | None) -> tuple[UpdateGrant, ...]:
        """Return what ``key`` may change."""
        zone = self.told.zone
        return tuple(
            UpdateGrant(
                frozenset(from_text(name_in_zone(one, zone)) for one in right.names),
                tuple(from_text(name_in_zone(one, zone)) for one in right.below),
                frozenset(RdataType.from_text(one) for one in right.types) or None,
            )
            for right in self.told.transfers.update
            if right.key == key
        )


class UpdatePart:
    """The part of the process that updates zones; ``tell`` tells control."""

    def __init__(self, directory: Path, tell: Callable[[str, words.FromTransfers], None]) -> None:
        self._directory = directory
        self._tell = tell
        self._zones: dict[str, UpdatedFile] = {}

    # -- what is told -------------------------------------------------------------------------

    def hear(self, told: words.ZoneTold) -> None:
        """Take up a zone that may be updated, or what has changed of it."""
        zone = self._zones.get(told.zone)
        if not told.transfers.update:
            self.lose(told.zone)
        elif zone is None or zone.file != told.transfers.file:
            self._zones[told.zone] = UpdatedFile(told, self._directory)
        else:
            zone.told = told

    def lose(self, zone: str) -> None:
        """Give a zone up; what updates have made stays on disk, should it come back."""
        if self._zones.pop(zone, None) is not None:
            told = f"transfers: {zone} is updated no more; its updates stay in {self._directory}"
            say("update-ended", told, zone=zone)

    def judge(self, judged: words.Judged) -> None:
        """Hear what control made of a version."""
        zone = self._zones.get(judged.zone)
        if zone is not None and zone.judged is not None and not zone.judged.done():
            zone.judged.set_result(judged.why)

    def row(self, zone: str) -> Row:
        """Return what there is to tell of a zone."""
        found = self._zones.get(zone)
        if found is None:
            return {}
        return {"source": f"{found.file}, and updates", "fault": found.fault}

    def obey(self, _what: str, _zone: str) -> str | None:
        """No order is for this part."""
        return None

    # -- the operator's file ------------------------------------------------------------------

    async def run(self) -> None:
        """Take edits of files over, for ever."""
        while True:
            for zone in list(self._zones.values()):
                stamp = _stamp(zone.file)
                is_at_rest, zone.seen = stamp == zone.seen, stamp
                if is_at_rest and stamp != zone.taken:
                    await self._take_over(zone, stamp)
            await asyncio.sleep(LOOK_S)

    async def _take_over(self, zone: UpdatedFile, stamp: Stamp | None) -> None:
        """Lay the updates over the file as it is now."""
        async with zone.lock:
            zone.taken, before = stamp, zone.fault
            try:
                serial = await asyncio.to_thread(_taken_over, zone)
            except (OSError, ValueError, DnsdError) as error:
                zone.fault = f"{zone.file}: {error}"
                if zone.fault != before:
                    told = f"transfers: {zone.told.zone} stays as it is: {zone.fault}"
                    say("update-file-unusable", told, zone=zone.told.zone)
                return
            zone.fault = ""
            if serial is not None:
                self._received(zone, serial)

    def _received(self, zone: UpdatedFile, serial: int) -> None:
        name = zone.told.zone
        word = words.Received(zone=name, serial=serial, records=str(zone.served.path))
        self._tell(f"received {name}", word)

    # -- updates ------------------------------------------------------------------------------

    async def respond(self, seen: SeenRequest) -> bytes:
        """Return the answer to an UPDATE message, when what it asks for is done."""
        try:
            request = read(seen.message)
            zone = self._zones.get(to_text(request.zone))
            if zone is None:
                raise UpdateRefused(NOTAUTH, "the zone is not updated here")
            if zone.waiting >= MOST_WAITING:
                raise UpdateRefused(SERVFAIL, "too many updates wait")
            zone.waiting += 1
            try:
                async with zone.lock:
                    await self._update(zone, request, seen)
            finally:
                zone.waiting -= 1
        except UpdateRefused as refusal:
            who = f"{seen.source}, key {seen.key}" if seen.key else seen.source
            told = f"transfers: an update of {who} is refused: {refusal}"
            say("update-refused", told, client=seen.source, reason=str(refusal))
            return refused(seen.message, refusal.rcode)
        return refused(seen.message, _NOERROR)

    async def _update(self, zone: UpdatedFile, request: UpdateRequest, seen: SeenRequest) -> None:
        """Do what ``request`` asks for; UpdateRefused if nothing of it is done."""
        grants = zone.grants(seen.key)
        if not grants:
            raise UpdateRefused(REFUSED, f"it may not update {zone.told.zone}")
        version = await asyncio.to_thread(zone.served.read)
        if version is None:
            raise UpdateRefused(SERVFAIL, f"{zone.told.zone} is not loaded yet")
        made = edit(request, VersionLookup(version), grants)
        if not made.after:
            return
        updated = apply(difference_of(made, version), version)
        await _written(zone, updated)
        if why := await self._why_not(zone, updated.serial):
            await _written(zone, version)
            self._received(zone, version.serial)
            raise UpdateRefused(REFUSED, f"{zone.told.zone} would not load: {why}")
        name, serial = zone.told.zone, updated.serial
        told = f"transfers: {name} serial {serial}: updated with the key {seen.key}"
        say("update-done", told, zone=name, serial=serial)

    async def _why_not(self, zone: UpdatedFile, serial: int) -> str:
        """Return why control does not load what was written, empty if it does."""
        zone.judged = asyncio.get_running_loop().create_future()
        self._received(zone, serial)
        try:
            return await asyncio.wait_for(zone.judged, JUDGED_S)
        except TimeoutError:
            raise UpdateRefused(SERVFAIL, "control has not loaded it yet") from None
        finally:
            zone.judged = None


async def _written(zone: UpdatedFile, version: ZoneVersion) -> None:
    try:
        await asyncio.to_thread(zone.served.write, version)
    except OSError as error:
        raise UpdateRefused(SERVFAIL, f"the disk refuses it: {error.strerror}") from error


def _taken_over(zone: UpdatedFile) -> int | None:
    """Write what is to be served with the file as it is now; return its serial if that is news.

    At first it is what control serves anyway, from the file. The served version is written first:
    ended in between, it is done again, and comes to the same.
    """
    from dnsd.zone.load import load_zone
    from dnsd.zone.stored import version_of

    loaded = load_zone(zone.told.zone, zone.file, now=time.time())
    if loaded.zone is None:
        raise ValueError("; ".join(str(one) for one in loaded.findings[:1]))
    edited = version_of(loaded.zone)
    base, served = zone.base.read(), zone.served.read()
    done = edited if base is None or served is None else rebased(base, served, edited)
    is_news = done != served
    if is_news:
        zone.served.write(done)
    zone.base.write(edited)
    return done.serial if is_news and served is not None else None


def _stamp(path: Path) -> Stamp | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
    return None
