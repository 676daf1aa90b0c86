"""The files of one zone with dynamic updates: as the operator wrote it, and as it is served.

Until control has loaded an update, the previous version is kept beside it. If this process ends in
between, the next one asks control again, and goes back to that version if the update is not loaded.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dns.rdatatype import RdataType

from dnsd.config import name_in_zone, origins
from dnsd.transfer.overlay import rebased
from dnsd.transfer.update import UpdateGrant
from dnsd.wire.name import from_text
from dnsd.xfrd.keptzone import UPDATED_FILE, KeptZone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.config.limits import Limits
    from dnsd.transfer import ipc
    from dnsd.versions.version import ZoneVersion
    from dnsd.zone.sources import SourceFile

Stamp = tuple[int, int, int]
Reading = tuple[tuple[Path, ...], "Limits"]


class Look(NamedTuple):
    """What a zone was read from: its files' stamps, and ``Knowledge.reading``."""

    stamps: dict[Path, Stamp | None]
    reading: Reading


@dataclass(eq=False, slots=True)
class Unjudged:
    """An update that is on disk, but that control has not yet loaded or refused.

    ``verdict`` will say why it is not loaded; empty if it is.
    """

    serial: int
    verdict: asyncio.Future[str] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class UpdatedFile:
    """One zone: its file, ``base``, the version of that file, and ``served``, with the updates."""

    def __init__(self, told: ipc.ZoneTold, directory: Path) -> None:
        assert told.transfers.file is not None, "the configuration has been checked"
        stem = origins.file_stem(told.zone)
        self.told = told
        self.file = told.transfers.file
        self.base = KeptZone(directory / f"{stem}{UPDATED_FILE}")
        self.served = KeptZone(directory / f"{stem}.records")
        self.lock = asyncio.Lock()
        self.waiting = 0
        self.is_given_up = False
        """Whether updates have ended: the files may belong to another part now."""
        self.seen: Look | None = None
        """What the last look at the files found."""
        self.taken: Look | None = None
        """What ``base`` was made from."""
        self.again_at = math.inf
        """When to make it again even if the files are unchanged (monotonic)."""
        self.fault = ""
        """Why edits of the file are not taken over; empty if they are."""
        self.unjudged = self._left_unjudged()

    def _left_unjudged(self) -> Unjudged | None:
        """Return the update that an earlier process left unjudged, or None."""
        if not self.served.is_held:
            return None
        if (version := self.served.read()) is None:
            self.served.take_back()
            return None
        return Unjudged(version.serial)

    @property
    def is_unjudged(self) -> bool:
        """Whether control has yet to say if it loads what is on disk."""
        return self.unjudged is not None and not self.unjudged.verdict.done()

    def look(self, reading: Reading) -> Look:
        """Look at the file, and at all files that it includes."""
        files = self.taken.stamps if self.taken else (self.file,)
        return Look({path: _stamp(path) for path in files}, reading)

    def write(self, version: ZoneVersion) -> None:
        """Write what an update makes, and keep the version before; OSError if that fails."""
        self.served.hold()
        try:
            self.served.write(version)
        except OSError:
            self.served.let_go()
            raise

    def apply_verdict(self) -> int | None:
        """Act on control's verdict; OSError if the disk refuses it.

        If the update was not loaded, go back to the version before and return its serial.
        """
        serial, unjudged = None, self.unjudged
        if unjudged is not None and unjudged.verdict.result():
            self.served.take_back()
            before = self.served.read()
            serial = before.serial if before is not None else None
        elif unjudged is not None:
            self.served.let_go()
        self.unjudged = None
        return serial

    def grants(self, key: str | None) -> tuple[UpdateGrant, ...]:
        """Return what a client with ``key`` may change."""
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


def taken_over(zone: UpdatedFile, look: Look) -> int | None:
    """Write the version to serve with the current file; return its serial if that is a new one.

    The first time, this is what control already serves, from the file. ``served`` is written before
    ``base``: if this process ends in between, doing it again gives the same result.
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
    """Return the stamps of all files that were read or looked for, from before reading."""
    read = {Path(one.path): (one.mtime_ns, one.size, one.inode) for one in sources}
    before = {path: stamp for path, stamp in look.stamps.items() if path in read}
    missing = {path: _stamp(path) for path, stamp in read.items() if not any(stamp)}
    return read | missing | before


def _stamp(path: Path) -> Stamp | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
    return None
