"""The latest fetched version of a zone, on disk.

It is a record file; the modification time of an empty file beside it says when a primary last
confirmed the version. Both survive a restart; after a power cut either the old or the new version
is there.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.errors import VersionError
from dnsd.process.log import say
from dnsd.transfer import kept
from dnsd.versions import recordfile

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.versions.version import ZoneVersion

UPDATED_FILE = ".file"
"""Suffix of the record file that has the version of an operator's zone file, without updates."""


_LABELLED = re.compile(r"(.+)\.[0-9a-f]{16}\.records", re.ASCII)


class KeptZone:
    """The record file ``path`` of one zone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._heard = path.with_suffix(kept.HEARD)
        self._held = path.with_suffix(".before")
        self._updated = path.with_suffix(UPDATED_FILE)

    def read(self) -> ZoneVersion | None:
        """Return the version; None if it is missing or damaged: the whole zone is then fetched."""
        try:
            return recordfile.read(self.path)
        except FileNotFoundError:
            return None
        except (OSError, VersionError) as error:
            told = f"transfers: the zone is fetched whole again: {error}"
            say("transfer-whole", told, path=str(self.path))
            return None

    @property
    def is_there(self) -> bool:
        """Whether there may be something to read."""
        return self.path.exists()

    def confirmed(self) -> float:
        """Return when a primary last confirmed the version, in POSIX seconds."""
        return kept.confirmed(self.path)

    def write(self, version: ZoneVersion) -> None:
        """Replace the version; on OSError the old one stays."""
        self.path.parent.mkdir(mode=0o755, exist_ok=True)
        recordfile.write(self.path, version)

    def begin(self, version: ZoneVersion) -> None:
        """Keep ``version``, the first one; OSError if that cannot be.

        No caller waits for the disk: what a power cut destroys is fetched again, and nothing older
        was there. So ten thousand zones of a new node cost no ten thousand waits.
        """
        try:
            recordfile.put(self.path, version)
        except FileNotFoundError:
            self.path.parent.mkdir(mode=0o755, exist_ok=True)
            recordfile.put(self.path, version)

    @property
    def is_held(self) -> bool:
        """Whether there is a copy to go back to."""
        return self._held.exists()

    def hold(self) -> None:
        """Keep a copy of the version, to go back to after the next write; OSError if that fails."""
        self._held.unlink(missing_ok=True)
        self._held.hardlink_to(self.path)

    def take_back(self) -> None:
        """Go back to the copy; OSError if that fails."""
        with suppress(FileNotFoundError):  # it was taken back already
            self._held.replace(self.path)

    def let_go(self) -> None:
        """Remove the copy, or keep it if the disk refuses that."""
        with suppress(OSError):
            self._held.unlink(missing_ok=True)

    def confirm(self, now: float) -> None:
        """Note that a primary has just confirmed the version."""
        try:
            self._heard.touch()
            os.utime(self._heard, (now, now))
        except OSError as error:
            # after a restart it only seems older than it is
            told = f"transfers: {self._heard}: {error.strerror}"
            say("disk-refuses", told, path=str(self._heard))

    @property
    def is_of_updates(self) -> bool:
        """Whether updates made the version, so that no primary ever had it."""
        return self._updated.exists()

    def forget_updates(self) -> None:
        """Note that the version is from a primary: remove the version without updates."""
        _remove(self._updated, self._held)

    def remove(self) -> None:
        """Remove the version: the zone was removed, or begins again."""
        _remove(self.path, self._heard, self._held)


def _remove(*paths: Path) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            told = f"transfers: {path}: {error.strerror}"
            say("disk-refuses", told, path=str(path))


def leftovers(directory: Path) -> dict[str, set[str]]:
    """Return the names of record files in ``directory`` with a label in their name, by zone.

    A zone's are those that begin with its stem; see :mod:`dnsd.config.catalogbook`.
    """
    found: dict[str, set[str]] = {}
    with suppress(OSError):
        for path in directory.iterdir():
            if match := _LABELLED.fullmatch(path.name):
                found.setdefault(match[1], set()).add(path.name)
    return found
