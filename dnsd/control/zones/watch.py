"""When to load what has changed on disk: a pure decision about stamps, writers and time.

Knows things to be remade (zones, by origin), the stamps of the files each was made from, and
what was done to files. Reads neither clock nor disk: ``now`` and what was seen are arguments.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from dnsd.build.stamps import Stamp

PATIENCE = 10
"""Settle times that a settled change waits for others that are still going on, and a file whose
last line does not end: it may be cut short."""

WRITER_S = 60.0
"""How long a writer may pause before a file that it has not closed is taken for whole.

Some changes are never closed (truncate by name), and some programs never close."""


class Deed(Enum):
    """What was done to a file."""

    WRITTEN = auto()
    """It has changed, and the program that changes it has it open."""
    CLOSED = auto()
    """It is whole again: closed, or another one has its name now."""
    UNKNOWN = auto()
    """Too much was done to all of them to be told."""


class Sign(NamedTuple):
    """One deed; ``path`` is empty when it is UNKNOWN."""

    path: str
    deed: Deed


def _is_whole(_file: str) -> bool:
    return True


class Watch:
    """Tells which keys are due: a file of theirs has changed, is whole, and has settled since.

    A file is not whole while it is ``written``: by a program that has not closed it since.
    It has settled when it has been the same for ``settle`` seconds: files that an editor has moved
    away for a moment are left alone. Changes come in batches: while another changed file is
    unsettled, nothing is due (within limits). ``ends`` tells whether a file ends as a whole one
    does; one that does not has to be the same for longer.
    """

    def __init__(self, settle: float, ends: Callable[[str], bool] = _is_whole) -> None:
        self.settle = settle
        self._ends = ends
        self._made: dict[str, Mapping[str, Stamp | None]] = {}
        self._seen: dict[str, tuple[Stamp | None, float]] = {}
        self._written: dict[str, float] = {}
        self._touched: dict[str, float] = {}

    @property
    def written(self) -> Collection[str]:
        """The files that are being written."""
        return self._written.keys()

    def follow(self, key: str, stamps: Mapping[str, Stamp | None]) -> None:
        """Note that ``key`` has just been made (or tried) from files with these ``stamps``."""
        self._made[key] = stamps

    def forget(self, key: str) -> None:
        """Stop watching the files of ``key``."""
        self._made.pop(key, None)

    def paths(self) -> set[str]:
        """Return the files to look at."""
        return {path for stamps in self._made.values() for path in stamps}

    def look(
        self, now: float, stamps: Mapping[str, Stamp | None], signs: Iterable[Sign] = ()
    ) -> list[str]:
        """Return the keys that are due at ``now`` (seconds), the files having these ``stamps``.

        ``signs`` are what was done to files since the last look. A path that ``stamps`` lacks is
        left alone. A key stays due until it is followed anew, or, if there is only a sign that
        one of its files has changed, until :meth:`suspects` has told of it.
        """
        for path, stamp in stamps.items():
            if path not in self._seen or self._seen[path][0] != stamp:
                self._seen[path] = stamp, now
        for path in self._seen.keys() - stamps.keys():
            del self._seen[path]
        self._note(now, signs)
        changed = {key: self._quiet(key, now) for key in self._made if self._differs(key)}
        settled = [key for key, quiet in changed.items() if self._has_settled(key, quiet)]
        limit = self.settle * (1 + PATIENCE)
        if len(settled) < len(changed) and not any(changed[key] >= limit for key in settled):
            return []
        return [key for key in settled if not self._written.keys() & self._made[key].keys()]

    def suspects(self, keys: Iterable[str]) -> frozenset[str]:
        """Return those of ``keys`` that have a file that has changed, whatever its stamp says."""
        found = {key: self._touched.keys() & self._made.get(key, {}).keys() for key in keys}
        for paths in found.values():
            for path in paths:
                self._touched.pop(path, None)
        return frozenset(key for key, paths in found.items() if paths)

    def _note(self, now: float, signs: Iterable[Sign]) -> None:
        for path, deed in signs:
            match deed:
                case Deed.WRITTEN:
                    self._written[path] = now
                case Deed.CLOSED:
                    self._written.pop(path, None)
                    self._touch(path, now)
                case Deed.UNKNOWN:
                    self._written.clear()
                    self._touched |= dict.fromkeys(self._seen, now)
        for path, since in [*self._written.items()]:
            if now - since >= WRITER_S:
                del self._written[path]
                self._touch(path, now)
        for path in self._touched.keys() - self._seen.keys():
            del self._touched[path]

    def _touch(self, path: str, now: float) -> None:
        # What is new in a directory is a change of that directory.
        changed = path if path in self._seen else path.rpartition("/")[0]
        self._touched[changed] = now

    def _differs(self, key: str) -> bool:
        return any(
            path in self._touched or (path in self._seen and self._seen[path][0] != stamp)
            for path, stamp in self._made[key].items()
        )

    def _has_settled(self, key: str, quiet: float) -> bool:
        if quiet < self.settle:
            return False
        return quiet >= PATIENCE * self.settle or all(map(self._ends, self._changed(key)))

    def _changed(self, key: str) -> list[str]:
        """Return the files of ``key`` that have changed and are there."""
        return [
            path
            for path, stamp in self._made[key].items()
            if path in self._seen and self._seen[path][0] not in (stamp, None)
        ]

    def _quiet(self, key: str, now: float) -> float:
        """Return for how many seconds no file of ``key`` has changed; 0 if one is written."""
        paths = self._made[key].keys()
        if self._written.keys() & paths:
            return 0.0
        since = [self._seen[path][1] for path in paths if path in self._seen]
        return now - max(since + [self._touched[path] for path in paths if path in self._touched])
