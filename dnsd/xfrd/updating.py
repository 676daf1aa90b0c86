"""Dynamic updates (RFC 2136): requests, and edits of the zones' files.

Like a fetched zone, an updated zone is served from a record file: the operator's zone file with the
updates laid over it. Both versions are on disk, so the updates are the difference of the two
(:mod:`dnsd.transfer.overlay`), and edits of the file are taken over. An update is answered when its
result is on disk and control has loaded it.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from dnsd.errors import DnsdError, WantError
from dnsd.process.log import say
from dnsd.transfer import ipc
from dnsd.transfer.overlay import VersionLookup, difference_of
from dnsd.transfer.update import edit
from dnsd.transfer.updatemessage import NOTAUTH, REFUSED, SERVFAIL, UpdateRefused, read
from dnsd.versions.difference import apply
from dnsd.wire.name import to_text
from dnsd.xfrd.requests import refused
from dnsd.xfrd.updatedfile import Unjudged, UpdatedFile, taken_over

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dnsd.process.events import Event
    from dnsd.transfer.update import UpdateGrant
    from dnsd.transfer.updatemessage import UpdateRequest
    from dnsd.xfrd.knowledge import Knowledge, Row
    from dnsd.xfrd.requests import SeenRequest
    from dnsd.xfrd.updatedfile import Look

LOOK_S = 0.5
"""Seconds between two looks at the files; a change counts when it is the same at the next look."""
AGAIN_S = 10.0
"""Seconds until a refused write is tried again."""
JUDGED_S = 20.0
"""Seconds that control may take to load an update."""
MOST_WAITING = 100
"""Updates of one zone that may wait for each other; further ones get SERVFAIL."""
_NOERROR = 0

P = ParamSpec("P")
Result = TypeVar("Result")


class UpdatePart:
    """The part of the process that updates zones; ``tell`` sends messages to control."""

    def __init__(
        self, known: Knowledge, directory: Path, tell: Callable[[str, ipc.FromTransfers], None]
    ) -> None:
        self._known = known
        self._directory = directory
        self._tell = tell
        self._zones: dict[str, UpdatedFile] = {}
        self._late: set[asyncio.Task[None]] = set()

    # -- what is told -------------------------------------------------------------------------

    def hear(self, told: ipc.ZoneTold) -> None:
        """Take up a zone that may be updated, or its changes."""
        zone = self._zones.get(told.zone)
        if not told.transfers.update:
            self.lose(told.zone)
        elif zone is None or zone.file != told.transfers.file:
            if zone is not None:
                zone.is_given_up = (
                    True  # One object for each file: the next zone object continues with it.
                )
            zone = self._zones[told.zone] = UpdatedFile(told, self._directory)
            if zone.unjudged is not None:
                self._judge_later(zone, self._to_judge(zone))
        else:
            zone.told = told

    def lose(self, zone: str) -> None:
        """Stop updating a zone; the updates stay on disk, in case it comes back."""
        if (found := self._zones.pop(zone, None)) is not None:
            found.is_given_up = True
            self._fail(found, "")
            told = (
                f"transfers: {zone} takes no more updates; earlier ones stay in {self._directory}"
            )
            say("update-ended", told, zone=zone)

    def judge(self, judged: ipc.Judged) -> None:
        """Learn whether control has loaded a version."""
        zone = self._zones.get(judged.zone)
        unjudged = zone.unjudged if zone is not None else None
        if unjudged is None or unjudged.serial != judged.serial or unjudged.verdict.done():
            return  # for another version, such as that of the file
        unjudged.verdict.set_result(judged.why)

    def row(self, zone: str) -> Row:
        """Return the facts about a zone."""
        found = self._zones.get(zone)
        if found is None:
            return {}
        return {"source": f"{found.file}, and updates", "fault": found.fault}

    def obey(self, _what: str, _zone: str) -> str | None:
        """Return None: no order is for this part."""
        return None

    # -- the operator's file ------------------------------------------------------------------

    async def run(self) -> None:
        """Take over edits of files, for ever."""
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
        except Exception as error:  # a fault with one zone must not stop the others
            self._fail(zone, f"{zone.file}: {type(error).__name__}: {error}")
            say("internal-error", f"transfers: {zone.told.zone}: {zone.fault}", cause=error)

    async def _take_over(self, zone: UpdatedFile, look: Look) -> None:
        """Lay the updates over the file as it is now."""
        async with zone.lock:
            if zone.is_unjudged or zone.is_given_up:
                return  # for example, an update came first
            zone.taken, zone.again_at, before = look, math.inf, zone.fault
            try:
                await self._apply_verdict(zone)
                serial = await asyncio.to_thread(taken_over, zone, look)
            except (OSError, ValueError, DnsdError, UpdateRefused) as error:
                # For example, the disk is full.
                if isinstance(error, OSError | UpdateRefused | WantError):
                    zone.again_at = time.monotonic() + AGAIN_S
                self._fail(zone, f"{zone.file}: {error}")
                if zone.fault != before:
                    told = f"transfers: {zone.told.zone} stays as it is: {zone.fault}"
                    say("update-file-unusable", told, zone=zone.told.zone)
                return
            self._fail(zone, "")
            if serial is not None:
                self._received(zone, serial)

    def _fail(self, zone: UpdatedFile, fault: str) -> None:
        """Note what is wrong with a zone's file; empty: nothing."""
        zone.fault = fault
        name = zone.told.zone
        self._tell(f"file {name}", ipc.FileFault(zone=name, why=fault))

    def _received(self, zone: UpdatedFile, serial: int) -> None:
        name = zone.told.zone
        received = ipc.Received(zone=name, serial=serial, records=str(zone.served.path))
        self._tell(f"received {name}", received)

    # -- updates ------------------------------------------------------------------------------

    async def respond(self, seen: SeenRequest) -> bytes:
        """Carry out an UPDATE message, and return the answer."""
        try:
            request = read(seen.message)
            zone = self._zones.get(to_text(request.zone))
            if zone is None:
                raise UpdateRefused(NOTAUTH, "the zone is not updated here")
            # Clients without rights neither wait nor keep others waiting.
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
            told = f"transfers: refused an update from {who}: {refusal}"
            # Any client can send updates without a key: they must not fill the log.
            event: Event = "update-refused" if seen.key else "update-unsigned"
            say(event, told, client=seen.source, reason=str(refusal))
            return refused(seen.message, refusal.rcode)
        return refused(seen.message, _NOERROR)

    async def _update(self, zone: UpdatedFile, request: UpdateRequest, seen: SeenRequest) -> None:
        """Carry out ``request`` as a whole; UpdateRefused if nothing was changed."""
        grants = _granted(zone, seen)  # the rights may have been removed meanwhile
        if zone.is_given_up:
            raise UpdateRefused(NOTAUTH, "the zone is not updated here any more")
        if zone.is_unjudged:
            raise UpdateRefused(SERVFAIL, "control has not loaded the update before it yet")
        await self._apply_verdict(zone)
        version = await asyncio.to_thread(zone.served.read)
        if version is None:
            raise UpdateRefused(SERVFAIL, f"{zone.told.zone} is not loaded yet")
        made = edit(request, VersionLookup(version), grants)
        if not made.after:
            return
        updated = apply(difference_of(made, version), version)
        await _asked_of_disk(zone.write, updated)
        zone.unjudged = Unjudged(updated.serial)
        if why := await self._why_not(zone):
            raise UpdateRefused(REFUSED, f"{zone.told.zone} would not load: {why}")
        name, serial = zone.told.zone, updated.serial
        told = f"transfers: {name} serial {serial}: updated with the key {seen.key}"
        say("update-done", told, zone=name, serial=serial)

    async def _why_not(self, zone: UpdatedFile) -> str:
        """Return why control does not load what was written; empty if it does.

        An update that is not loaded is undone, even if control says so only after the answer.
        """
        verdict = self._to_judge(zone)
        try:
            why = await asyncio.wait_for(asyncio.shield(verdict), JUDGED_S)
        except TimeoutError:
            self._judge_later(zone, verdict)
            raise UpdateRefused(SERVFAIL, "control has not loaded it yet") from None
        await self._apply_verdict(zone)
        return why

    def _to_judge(self, zone: UpdatedFile) -> asyncio.Future[str]:
        """Ask control to load what is on disk of ``zone``."""
        assert zone.unjudged is not None, "the caller has seen to that"
        self._received(zone, zone.unjudged.serial)
        return zone.unjudged.verdict

    def _judge_later(self, zone: UpdatedFile, verdict: asyncio.Future[str]) -> None:
        late = asyncio.get_running_loop().create_task(self._judge_late(zone, verdict))
        self._late.add(late)
        late.add_done_callback(self._late.discard)

    async def _judge_late(self, zone: UpdatedFile, verdict: asyncio.Future[str]) -> None:
        await verdict
        async with zone.lock:
            if zone.is_given_up:
                return
            with suppress(UpdateRefused):  # the client no longer waits
                await self._apply_verdict(zone)

    async def _apply_verdict(self, zone: UpdatedFile) -> None:
        """Act on control's verdict: keep the update, or go back to the version before.

        UpdateRefused if the disk refuses that; it is then the first thing to do next time.
        """
        serial = await _asked_of_disk(zone.apply_verdict)
        if serial is not None:
            self._received(zone, serial)


def _granted(zone: UpdatedFile, seen: SeenRequest) -> tuple[UpdateGrant, ...]:
    """Return what the client may change; UpdateRefused if it may change nothing."""
    if grants := zone.grants(seen.key):
        return grants
    raise UpdateRefused(REFUSED, f"it may not update {zone.told.zone}")


async def _asked_of_disk(work: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as error:
        raise UpdateRefused(SERVFAIL, f"the disk refuses it: {error.strerror}") from error
