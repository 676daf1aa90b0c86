"""Which zones there are to be: what the configuration and its directory say, less what went amiss.

A file that is no zone is told of, and so are zones that went too many at once; those are held.
Knows which zones are served and were, not how one is loaded.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from dnsd.build.stamps import Stamps, doubtful, stamp
from dnsd.config import find_zones
from dnsd.control.zones import guard
from dnsd.errors import ConfigError, WantError
from dnsd.zone.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Set
    from pathlib import Path

    from dnsd.config import Config, ZoneFiles
    from dnsd.control.catalogs.brought import BroughtZones
    from dnsd.control.zones.earlier import Earlier


class RosterSeen(NamedTuple):
    """What came of looking: why that could not be, and the stamps of what was looked at."""

    problems: tuple[str, ...]
    stamps: Stamps


class Roster:
    """The file of each zone by origin (``wanted``); ``odd`` is what is to be told of the others.

    Those that are ``configured`` come before those that catalogs have ``brought``.
    """

    def __init__(self, earlier: Earlier, brought: BroughtZones) -> None:
        self.wanted: dict[str, Path] = {}
        self._brought = brought
        self._configured: dict[str, Path] = {}
        self.odd: tuple[Finding, ...] = ()
        self._earlier = earlier
        self.is_short = False
        """Whether it is to be seen again which zones there are: this process lacked something."""
        self._leaving = guard.GoneZones()

    def see(
        self,
        config: Config,
        served: Mapping[str, Path],
        written: Collection[str],
        meant: Set[str] | None,
        leaving: Set[str] = frozenset(),
    ) -> RosterSeen:
        """See which zones there are; if that cannot be told, they are the ones there were last.

        ``served`` are the files of zones that are served. A file that is being ``written`` is no
        zone yet. That zones in ``meant`` are gone is no mistake; None: whichever are gone. Those
        that are ``leaving`` count as gone, and are not kept: that is decided.
        """
        began_ns = time.time_ns()
        directory = config.zones.directory
        stamps: Stamps = {str(directory): stamp(str(directory))} if directory else {}
        problems: tuple[str, ...] = ()
        self.is_short = False
        try:
            found = find_zones(config)
        except (ConfigError, WantError) as error:
            self.is_short = isinstance(error, WantError)
            problems = (str(error),) if isinstance(error, WantError) else error.problems
            if directory and not self.wanted:
                # Its disk is missing, perhaps, and this is the start.
                self.configured = self._earlier.zones({}, directory)
                self.wanted = self._with_brought(self.configured)
        else:
            files = {
                origin: file
                for origin, file in found.files.items()
                if origin in self.wanted or str(file) not in written
            }
            held = self._held(config, self._with_brought(files), served, meant)
            held = {origin: file for origin, file in held.items() if origin not in leaving}
            self.configured = {**files, **held}
            self.wanted = self._with_brought(self.configured)
            self.odd = _findings(found, config, held)
        return RosterSeen(problems, doubtful(stamps, began_ns, time.time_ns()))

    @property
    def configured(self) -> dict[str, Path]:
        """The files of the zones that no catalog has brought."""
        return self._configured

    @configured.setter
    def configured(self, files: dict[str, Path]) -> None:
        self._configured = self._brought.configured = files

    def follow(self, origins: Iterable[str]) -> None:
        """Have of the zones ``origins`` what catalogs have brought."""
        for origin in origins:
            if origin in self.configured:
                continue
            if (member := self._brought.zones.get(origin)) is not None:
                self.wanted[origin] = member.file
            else:
                self.wanted.pop(origin, None)

    def _with_brought(self, files: Mapping[str, Path]) -> dict[str, Path]:
        return {**{name: one.file for name, one in self._brought.zones.items()}, **files}

    def dropped(self, count: int) -> None:
        """Note that so many zones have just been dropped."""
        self._leaving.dropped(count, time.monotonic())

    def _held(
        self,
        config: Config,
        files: Mapping[str, Path],
        served: Mapping[str, Path],
        meant: Set[str] | None,
    ) -> dict[str, Path]:
        """Return the zones that are not among ``files``, but must still be served."""
        known = dict(served)
        if config.zones.directory:
            known |= self._earlier.zones(files, config.zones.directory)
        gone = set() if meant is None else known.keys() - files.keys() - meant
        gone -= self._brought.leaving  # of those the catalog decides
        held = self._leaving.decide(known.keys(), gone, config.zones.vanish, time.monotonic())
        return {origin: known[origin] for origin in held}


def _findings(found: ZoneFiles, config: Config, held: Collection[str]) -> tuple[Finding, ...]:
    told = [Finding(one.file, 0, Severity.ERROR, one.sentence, "odd-file") for one in found.odd]
    if held:
        where = str(config.zones.directory or config.path or "")
        sentence = guard.absence(held, config.zones.vanish)
        told.append(Finding(where, 0, Severity.ERROR, sentence, "zones-gone"))
    return tuple(told)
