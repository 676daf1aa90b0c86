"""One zone that is updated: its file, that file's version, and the version with updates.

Until control has loaded what an update makes, the version before it is kept beside: whoever ends
this process, the next one has it judged again, and goes back where it is not loaded.
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
    """Of what a zone is made: its files, and how they are read (``Knowledge.reading``)."""

    stamps: dict[Path, Stamp | None]
    reading: Reading


@dataclass(eq=False, slots=True)
class Unjudged:
    """An update that is on disk, of which control has not said that it is loaded.

    ``verdict`` is why it is not loaded, empty if it is.
    """

    serial: int
    verdict: asyncio.Future[str] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class UpdatedFile:
    """One zone: its file, that file's version, and the version with updates."""

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
        """Whether it is updated no more: what is on disk may be somebody else's."""
        self.seen: Look | None = None
        """When it was looked at last."""
        self.taken: Look | None = None
        """What ``base`` was made of."""
        self.again_at = math.inf
        """When it is made once more, though nothing is new (monotonic)."""
        self.fault = ""
        """Why the file is not taken over, empty if it is."""
        self.unjudged = self._left_unjudged()

    def _left_unjudged(self) -> Unjudged | None:
        """Return the update with which an earlier process has ended before it was judged."""
        if not self.served.is_held:
            return None
        if (version := self.served.read()) is None:
            self.served.take_back()
            return None
        return Unjudged(version.serial)

    @property
    def is_unjudged(self) -> bool:
        """Whether it is not known yet if control loads what is on disk."""
        return self.unjudged is not None and not self.unjudged.verdict.done()

    def look(self, reading: Reading) -> Look:
        """Look at the file, and at all that it has included."""
        files = self.taken.stamps if self.taken else (self.file,)
        return Look({path: _stamp(path) for path in files}, reading)

    def write(self, version: ZoneVersion) -> None:
        """Keep what an update has made, and what there was before; OSError if that cannot be."""
        self.served.hold()
        try:
            self.served.write(version)
        except OSError:
            self.served.let_go()
            raise

    def apply_verdict(self) -> int | None:
        """Go on with what was judged; OSError if the disk does not take that.

        What is not loaded is taken back: then return the serial that there is again.
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


def taken_over(zone: UpdatedFile, look: Look) -> int | None:
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
