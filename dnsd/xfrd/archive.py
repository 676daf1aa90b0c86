"""The versions of zones that secondaries may fetch: the served one, and the differences before it.

A build writes a record file for each version; its name begins like all files of the zone. When
control reports that the version is served, its difference from the previous version is added to the
zone's journal, and the files of other versions are removed. If this process ends in between, the
next one finds both versions, or the journal that leads from one to the other.
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
"""The directory of record files and journals, in the state directory."""
SUFFIX = ".records"
JOURNAL = ".journal"


class Archived(NamedTuple):
    """The served version of a zone, with the journal that leads to it."""

    version: ZoneVersion
    journal: Journal
    path: Path


class Archive:
    """All zones that secondaries may fetch; ``changed`` is called with those of a new serial."""

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
        """Archive what is served, one zone after the other, in threads beside the loop."""
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
            return  # control has removed the zone meanwhile
        self.zones[told.zone] = taken
        if before is None or before.version.serial != taken.version.serial:
            self.changed(told.zone)

    def _leave(self, zone: str, last: Archived) -> None:
        """Remember the last version of ``zone``: if it comes back, its journal continues there."""
        self._stems.setdefault(origins.file_stem(zone), set()).add(last.path.name)

    def _look(self) -> dict[str, set[str]]:
        """Return the names of record files by the zone's part of them."""
        found: dict[str, set[str]] = {}
        with suppress(OSError):
            for path in self._directory.iterdir():
                if path.name.endswith(SUFFIX):
                    found.setdefault(path.name.partition(SUFFIX)[0].rpartition(".")[0], set()).add(
                        path.name
                    )
        return found

    def _archived(self, told: ipc.ZoneTold, path: Path, before: Archived | None) -> Archived:
        """Add what led to the served version to the journal, and return the version."""
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
        """Return the names of files older than ``path``.

        A newer one may be from a build that is not served yet.
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
        """Return the version that was served before, or None if it cannot be read."""
        found = []
        for name in names:
            with suppress(OSError, VersionError):
                found.append((name, recordfile.read(self._directory / name)))
        known = [one for _, one in found if one.serial == journal.newest]
        if known:
            return known[0]
        return max(found)[1] if found else None


def _note(journal: Journal, old: ZoneVersion, new: ZoneVersion) -> None:
    """Add the difference to ``journal``, unless no client can ask for it."""
    if old.apex != new.apex or not is_newer(new.serial, old.serial):
        return
    if journal.newest == new.serial:
        return
    try:
        journal.append(compare(old, new))
    except (MisfitError, OSError) as error:
        why = f"transfers: a change cannot be kept, so it is fetched with the whole zone: {error}"
        say("transfer-unarchived", why)
