"""Zones that are updated (RFC 2136): their files, and what updates have made of them.

An updated zone is served from a record file, as one that is fetched is: the zone file of the
operator, with the updates laid over it. Both versions are kept, so what updates have changed is
what the two differ in (:mod:`dnsd.transfer.overlay`); edits of the file are taken over. An update
is answered when what it makes is on disk and control has loaded it.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

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
    from collections.abc import Callable, Iterable

    from dnsd.config.limits import Limits
    from dnsd.process.events import Event
    from dnsd.transfer.updatemessage import UpdateRequest
    from dnsd.versions.version import ZoneVersion
    from dnsd.xfrd.knowledge import Knowledge, Row
    from dnsd.xfrd.requests import SeenRequest
    from dnsd.zone.sources import SourceFile

LOOK_S = 0.5
"""Seconds between two looks whether a file has changed; it must then be at rest for as long."""
AGAIN_S = 10.0
"""Seconds until what the disk has refused is tried again."""
JUDGED_S = 20.0
"""Seconds that control may take to load what an update makes."""
MOST_WAITING = 100
"""Updates of one zone that wait for each other; more are told to come again."""
_NOERROR = 0

Stamp = tuple[int, int, int]
Reading = tuple[tuple[Path, ...], "Limits"]


class Look(NamedTuple):
    """Of what a zone is made: its files, and how they are read (``Knowledge.reading``)."""

    stamps: dict[Path, Stamp | None]
    reading: Reading


@dataclass(eq=False, slots=True)
class Unjudged:
    """An update that is on disk, of which control has not said that it is loaded.

    ``before`` is the version that was there, ``verdict`` why it is not loaded, empty if it is.
    """

    serial: int
    before: ZoneVersion
    verdict: asyncio.Future[str]


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
        self.seen: Look | None = None
        """When it was looked at last."""
        self.taken: Look | None = None
        """What ``base`` was made of."""
        self.again_at = math.inf
        """When it is made once more, though nothing is new (monotonic)."""
        self.fault = ""
        """Why the file is not taken over, empty if it is."""
        self.unjudged: Unjudged | None = None

    @property
    def is_unjudged(self) -> bool:
        """Whether it is not known yet if control loads what is on disk."""
        return self.unjudged is not None and not self.unjudged.verdict.done()

    def look(self, reading: Reading) -> Look:
        """Look at the file, and at all that it has included."""
        files = self.taken.stamps if self.taken else (self.file,)
        return Look({path: _stamp(path) for path in files}, reading)

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

    def __init__(
        self, known: Knowledge, directory: Path, tell: Callable[[str, words.FromTransfers], None]
    ) -> None:
        self._known = known
        self._directory = directory
        self._tell = tell
        self._zones: dict[str, UpdatedFile] = {}
        self._late: set[asyncio.Task[None]] = set()

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
        unjudged = zone.unjudged if zone is not None else None
        if unjudged is None or unjudged.serial != judged.serial or unjudged.verdict.done():
            return  # it is of another version: of the file, say
        unjudged.verdict.set_result(judged.why)

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
                look = zone.look(self._known.reading)
                is_at_rest, zone.seen = look == zone.seen, look
                is_due = look != zone.taken or time.monotonic() >= zone.again_at
                if is_at_rest and is_due and not zone.is_unjudged:
                    await self._try(zone, look)
            await asyncio.sleep(LOOK_S)

    async def _try(self, zone: UpdatedFile, look: Look) -> None:
        try:
            await self._take_over(zone, look)
        except Exception as error:  # one zone ends neither this process nor those after it
            zone.fault = f"{zone.file}: {type(error).__name__}: {error}"
            say("internal-error", f"transfers: {zone.told.zone}: {zone.fault}", cause=error)

    async def _take_over(self, zone: UpdatedFile, look: Look) -> None:
        """Lay the updates over the file as it is now."""
        async with zone.lock:
            if zone.is_unjudged:
                return  # an update was quicker
            zone.taken, zone.again_at, before = look, math.inf, zone.fault
            try:
                await self._settle(zone)
                serial = await asyncio.to_thread(_taken_over, zone, look)
            except (OSError, ValueError, DnsdError, UpdateRefused) as error:
                if isinstance(error, OSError | UpdateRefused):  # the disk is full, say
                    zone.again_at = time.monotonic() + AGAIN_S
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
            # Who may do nothing neither waits nor keeps others waiting.
            _granted(zone, seen)
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
            # Anybody can send updates without a key: they are not to fill the log.
            event: Event = "update-refused" if seen.key else "update-unsigned"
            say(event, told, client=seen.source, reason=str(refusal))
            return refused(seen.message, refusal.rcode)
        return refused(seen.message, _NOERROR)

    async def _update(self, zone: UpdatedFile, request: UpdateRequest, seen: SeenRequest) -> None:
        """Do what ``request`` asks for; UpdateRefused if nothing of it is done."""
        grants = _granted(zone, seen)  # they may have been taken away meanwhile
        if zone.is_unjudged:
            raise UpdateRefused(SERVFAIL, "control has not loaded the update before it yet")
        await self._settle(zone)
        version = await asyncio.to_thread(zone.served.read)
        if version is None:
            raise UpdateRefused(SERVFAIL, f"{zone.told.zone} is not loaded yet")
        made = edit(request, VersionLookup(version), grants)
        if not made.after:
            return
        updated = apply(difference_of(made, version), version)
        await _written(zone, updated)
        if why := await self._why_not(zone, updated.serial, version):
            raise UpdateRefused(REFUSED, f"{zone.told.zone} would not load: {why}")
        name, serial = zone.told.zone, updated.serial
        told = f"transfers: {name} serial {serial}: updated with the key {seen.key}"
        say("update-done", told, zone=name, serial=serial)

    async def _why_not(self, zone: UpdatedFile, serial: int, before: ZoneVersion) -> str:
        """Return why control does not load what was written, empty if it does.

        What it does not load is taken back, also when that is known only after the answer.
        """
        verdict: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        zone.unjudged = Unjudged(serial, before, verdict)
        self._received(zone, serial)
        try:
            why = await asyncio.wait_for(asyncio.shield(verdict), JUDGED_S)
        except TimeoutError:
            late = asyncio.get_running_loop().create_task(self._settle_late(zone, verdict))
            self._late.add(late)
            late.add_done_callback(self._late.discard)
            raise UpdateRefused(SERVFAIL, "control has not loaded it yet") from None
        await self._settle(zone)
        return why

    async def _settle_late(self, zone: UpdatedFile, verdict: asyncio.Future[str]) -> None:
        await verdict
        async with zone.lock:
            with suppress(UpdateRefused):  # nobody waits for the answer
                await self._settle(zone)

    async def _settle(self, zone: UpdatedFile) -> None:
        """Go on with what control has loaded, or with the version before.

        UpdateRefused if the disk does not take that: then it is to be done first the next time.
        """
        unjudged = zone.unjudged
        if unjudged is not None and unjudged.verdict.result():
            await _written(zone, unjudged.before)
            self._received(zone, unjudged.before.serial)
        zone.unjudged = None


def _granted(zone: UpdatedFile, seen: SeenRequest) -> tuple[UpdateGrant, ...]:
    """Return what the client may change; UpdateRefused if that is nothing."""
    if grants := zone.grants(seen.key):
        return grants
    raise UpdateRefused(REFUSED, f"it may not update {zone.told.zone}")


async def _written(zone: UpdatedFile, version: ZoneVersion) -> None:
    try:
        await asyncio.to_thread(zone.served.write, version)
    except OSError as error:
        raise UpdateRefused(SERVFAIL, f"the disk refuses it: {error.strerror}") from error


def _taken_over(zone: UpdatedFile, look: Look) -> int | None:
    """Write what is to be served with the file as it is now; return its serial if that is news.

    At first it is what control serves anyway, from the file. The served version is written first:
    ended in between, it is done again, and comes to the same.
    """
    from dnsd.zone.load import load_zone
    from dnsd.zone.stored import version_of

    include, limits = look.reading
    loaded = load_zone(zone.told.zone, zone.file, limits, time.time(), include)
    zone.taken = look._replace(stamps=_stamps(loaded.sources, look))
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


def _stamps(sources: Iterable[SourceFile], look: Look) -> dict[Path, Stamp | None]:
    """Return the stamps of all that was read, or looked for, as it was before."""
    read = {Path(one.path): (one.mtime_ns, one.size, one.inode) for one in sources}
    before = {path: stamp for path, stamp in look.stamps.items() if path in read}
    missing = {path: _stamp(path) for path, stamp in read.items() if not any(stamp)}
    return read | missing | before


def _stamp(path: Path) -> Stamp | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
    return None
