"""The version of a zone that was fetched last, on disk.

A record file, and beside it an empty one, whose time is when a primary last said that the version
is current: so both are there after a restart, and after a power cut the old version or the new one.
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
"""Ends the name of the version of an operator's file, over which updates are laid."""


_LABELLED = re.compile(r"(.+)\.[0-9a-f]{16}\.records", re.ASCII)


class KeptZone:
    """The record file ``path`` of one zone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._heard = path.with_suffix(kept.HEARD)
        self._held = path.with_suffix(".before")
        self._updated = path.with_suffix(UPDATED_FILE)

    def read(self) -> ZoneVersion | None:
        """Return the version, None if there is none that can be used: then it is fetched whole."""
        try:
            return recordfile.read(self.path)
        except FileNotFoundError:
            return None
        except (OSError, VersionError) as error:
            told = f"transfers: the zone is fetched whole again: {error}"
            say("transfer-whole", told, path=str(self.path))
            return None

    def confirmed(self) -> float:
        """Return when a primary last said that the version is current, in POSIX seconds."""
        return kept.confirmed(self.path)

    def write(self, version: ZoneVersion) -> None:
        """Keep ``version`` instead; OSError if that cannot be: the old one stays."""
        self.path.parent.mkdir(mode=0o755, exist_ok=True)
        recordfile.write(self.path, version)

    def begin(self, version: ZoneVersion) -> None:
        """Keep ``version``, the first one; OSError if that cannot be.

        Nobody waits for the disk: what a power cut takes of it is fetched again, and nothing older
        was there. So ten thousand zones of a new node cost no ten thousand waits.
        """
        self.path.parent.mkdir(mode=0o755, exist_ok=True)
        recordfile.put(self.path, version)

    @property
    def is_held(self) -> bool:
        """Whether there is a version to go back to."""
        return self._held.exists()

    def hold(self) -> None:
        """Keep the version beside what is written next; OSError if that cannot be."""
        self._held.unlink(missing_ok=True)
        self._held.hardlink_to(self.path)

    def take_back(self) -> None:
        """Go back to the version that is held; OSError if that cannot be."""
        with suppress(FileNotFoundError):  # it was taken back already
            self._held.replace(self.path)

    def let_go(self) -> None:
        """Hold the version before no more; where the disk refuses that, it is held once more."""
        with suppress(OSError):
            self._held.unlink(missing_ok=True)

    def confirm(self, now: float) -> None:
        """Note that a primary has just said that the version is current."""
        try:
            self._heard.touch()
            os.utime(self._heard, (now, now))
        except OSError as error:
            # it will seem older than it is after a restart, and no more
            told = f"transfers: {self._heard}: {error.strerror}"
            say("disk-refuses", told, path=str(self._heard))

    @property
    def is_of_updates(self) -> bool:
        """Whether the version was made by updates, and never was a primary's."""
        return self._updated.exists()

    def forget_updates(self) -> None:
        """Forget what updates were laid over: the version has come from a primary."""
        _remove(self._updated, self._held)

    def remove(self) -> None:
        """Forget the version: the zone is no more, or begins anew."""
        _remove(self.path, self._heard, self._held)


def _remove(*paths: Path) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            told = f"transfers: {path}: {error.strerror}"
            say("disk-refuses", told, path=str(path))


def leftovers(directory: Path) -> dict[str, set[str]]:
    """Return the names of record files in ``directory`` that are called by a label, by zone.

    A zone's are those that begin with its stem; see :func:`dnsd.config.catalogbook.file_of`.
    """
    found: dict[str, set[str]] = {}
    with suppress(OSError):
        for path in directory.iterdir():
            if match := _LABELLED.fullmatch(path.name):
                found.setdefault(match[1], set()).add(path.name)
    return found
