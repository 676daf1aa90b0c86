"""The versions of zones that others may have: the one that is served, and what led to it.

For each version a build writes a record file, whose name begins as all files of the zone do. When
control tells that it is served, what differs from the version before goes into the zone's journal,
and the files of other versions go. Whatever ends this process in between, the next one finds either
of both versions, or the journal that leads from one to the other.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from dnsd.config import origins
from dnsd.errors import MisfitError, VersionError
from dnsd.process.log import say
from dnsd.versions import recordfile
from dnsd.versions.difference import compare
from dnsd.versions.journal import Journal, JournalLimits
from dnsd.versions.serial import is_newer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dnsd.transfer import ipc
    from dnsd.versions.version import ZoneVersion
    from dnsd.xfrd.knowledge import Row

DIRECTORY = "versions"
"""Where record files and journals are, in the state directory."""
SUFFIX = ".records"
JOURNAL = ".journal"


class Archived(NamedTuple):
    """The version of a zone that is served, with what led to it."""

    version: ZoneVersion
    journal: Journal
    path: Path


class Archive:
    """All zones that others may have; ``changed`` is called with one that has a new serial."""

    def __init__(self, state_directory: Path) -> None:
        self.changed: Callable[[str], object] = str
        self.zones: dict[str, Archived] = {}
        self._directory = state_directory / DIRECTORY
        self._wanted: dict[str, ipc.ZoneTold] = {}
        self._known: set[str] = set()
        self._wake = asyncio.Event()
        self._stems: dict[str, set[str]] = {}

    def hear(self, told: ipc.ZoneTold) -> None:
        """See :meth:`dnsd.xfrd.knowledge.TransferPart.hear`."""
        self._known.add(told.zone)
        if told.records and told.serial is not None:
            self._wanted[told.zone] = told
            self._wake.set()

    def lose(self, zone: str) -> None:
        """See :meth:`dnsd.xfrd.knowledge.TransferPart.lose`."""
        self._known.discard(zone)
        self._wanted.pop(zone, None)
        if (before := self.zones.pop(zone, None)) is not None:
            self._leave(zone, before)

    def judge(self, judged: ipc.Judged) -> None:
        """See :meth:`dnsd.xfrd.knowledge.TransferPart.judge`."""

    def row(self, zone: str) -> Row:
        """See :meth:`dnsd.xfrd.knowledge.TransferPart.row`."""
        found = self.zones.get(zone)
        if found is None:
            return {}
        return {"records": found.version.count, "differences_kept": len(found.journal)}

    def obey(self, _what: str, _zone: str) -> str | None:
        """See :meth:`dnsd.xfrd.knowledge.TransferPart.obey`."""
        return None

    async def run(self) -> None:
        """Take in what is served, one zone after the other, beside the loop."""
        self._stems = await asyncio.to_thread(self._look)
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._wanted:
                zone = next(iter(self._wanted))
                await self._take(self._wanted.pop(zone))

    async def _take(self, told: ipc.ZoneTold) -> None:
        before = self.zones.get(told.zone)
        path = self._directory / told.records
        if before is not None and before.path == path:
            return
        try:
            taken = await asyncio.to_thread(self._archived, told, path, before)
        except (OSError, VersionError) as error:
            why = f"transfers: secondaries cannot fetch this version of {told.zone}: {error}"
            say("transfer-unarchived", why, zone=told.zone)
            return
        if told.zone not in self._known:
            self._leave(told.zone, taken)
            return  # it was lost meanwhile
        self.zones[told.zone] = taken
        if before is None or before.version.serial != taken.version.serial:
            self.changed(told.zone)

    def _leave(self, zone: str, last: Archived) -> None:
        """Note where ``zone`` was: if it comes back, its journal goes on from there."""
        self._stems.setdefault(origins.file_stem(zone), set()).add(last.path.name)

    def _look(self) -> dict[str, set[str]]:
        """Return the names of record files by how they begin."""
        found: dict[str, set[str]] = {}
        with suppress(OSError):
            for path in self._directory.iterdir():
                if path.name.endswith(SUFFIX):
                    found.setdefault(path.name.partition(SUFFIX)[0].rpartition(".")[0], set()).add(
                        path.name
                    )
        return found

    def _archived(self, told: ipc.ZoneTold, path: Path, before: Archived | None) -> Archived:
        """Return the version that is served, after what led to it was put into the journal."""
        version = recordfile.read(path)
        stem = origins.file_stem(told.zone)
        limits = JournalLimits(octets=told.transfers.journal)
        place = self._directory / f"{stem}{JOURNAL}"
        journal = before.journal if before else Journal(place, version.apex, limits)
        others = self._older(stem, path)
        old = before.version if before else self._earlier(others, journal)
        if told.transfers.journal and old is not None:
            _note(journal, old, version)
        for name in (*others, *([before.path.name] if before else ())):
            with suppress(OSError):
                (self._directory / name).unlink()
        return Archived(version, journal, path)

    def _older(self, stem: str, path: Path) -> set[str]:
        """Return the names of files that were there before ``path``; later ones are still to come.

        A build may have written one that is not served yet.
        """
        others = self._stems.pop(stem, set()) - {path.name}
        written = path.stat().st_mtime_ns
        later = set()
        for name in others:
            with suppress(OSError):
                if (self._directory / name).stat().st_mtime_ns > written:
                    later.add(name)
        if later:
            self._stems[stem] = later
        return others - later

    def _earlier(self, names: set[str], journal: Journal) -> ZoneVersion | None:
        """Return the version that was served before, as far as that can be told."""
        found = []
        for name in names:
            with suppress(OSError, VersionError):
                found.append((name, recordfile.read(self._directory / name)))
        known = [one for _, one in found if one.serial == journal.newest]
        if known:
            return known[0]
        return max(found)[1] if found else None


def _note(journal: Journal, old: ZoneVersion, new: ZoneVersion) -> None:
    """Put what differs into ``journal``, if a client may ask for it."""
    if old.apex != new.apex or not is_newer(new.serial, old.serial):
        return
    if journal.newest == new.serial:
        return
    try:
        journal.append(compare(old, new))
    except (MisfitError, OSError) as error:
        why = f"transfers: a change cannot be kept, so it is fetched with the whole zone: {error}"
        say("transfer-unarchived", why)
