"""When to load what has changed on disk: a pure decision about stamps, writers and time.

Knows things to be remade (zones, by origin), the stamps of the files each was made from, and
what was done to files. Reads neither clock nor disk: ``now`` and what was seen are arguments. What
has changed is kept track of, so that a change costs the same however many others are watched.
"""

from __future__ import annotations

from enum import Enum, auto
from math import inf
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
        self._users: dict[str, str | dict[str, None]] = {}
        """What a path belongs to: one key as a rule, several in order."""
        self._differing: dict[str, None] = {}
        self._seen: dict[str, Stamp | None] = {}
        self._since: dict[str, float] = {}
        self._written: dict[str, float] = {}
        self._touched: dict[str, float] = {}
        self._told: dict[str, set[str]] = {}
        """By path that was touched, the keys of which that has been told."""

    @property
    def written(self) -> Collection[str]:
        """The files that are being written."""
        return self._written.keys()

    def follow(self, key: str, stamps: Mapping[str, Stamp | None]) -> None:
        """Note that ``key`` has just been made (or tried) from files with these ``stamps``."""
        if self._made.get(key, {}).keys() != stamps.keys():
            self.forget(key)
            for path in stamps:
                known = self._users.setdefault(path, key)
                if isinstance(known, dict):
                    known[key] = None
                elif known != key:
                    self._users[path] = {known: None, key: None}
        self._made[key] = stamps
        self._judge(key)

    def forget(self, key: str) -> None:
        """Stop watching the files of ``key``."""
        for path in self._made.pop(key, ()):
            known = self._users[path]
            if isinstance(known, dict):
                known.pop(key, None)
            if known in (key, {}):
                del self._users[path]
        self._differing.pop(key, None)

    @property
    def followed(self) -> Collection[str]:
        """The files that something is made of."""
        return self._users.keys()

    def paths(self) -> set[str]:
        """Return the files to look at."""
        return set(self._users)

    def unsettled(self) -> set[str]:
        """Return the files of what has changed and is not due yet: worth a look soon."""
        return {path for key in self._differing for path in self._made[key]}

    def look(
        self, now: float, stamps: Mapping[str, Stamp | None], signs: Iterable[Sign] = ()
    ) -> list[str]:
        """Return the keys that are due at ``now`` (seconds), the files having these ``stamps``.

        ``signs`` are what was done to files since the last look. A path that ``stamps`` lacks is
        left alone. A key stays due until it is followed again, or, if there is only a sign that
        one of its files has changed, until :meth:`suspects` has told of it.
        """
        for path in self._seen.keys() - stamps.keys():
            del self._seen[path]
            self._since.pop(path, None)
            self._judge_users(path)
        return self.glance(now, stamps, signs)

    def glance(
        self, now: float, stamps: Mapping[str, Stamp | None], signs: Iterable[Sign]
    ) -> list[str]:
        """Return the same, when some files only have been looked at: the others are as before."""
        for path, stamp in stamps.items():
            self._see(path, stamp, now)
        self._note(now, signs)
        quiet = {key: self._quiet(key, now) for key in self._differing}
        settled = [key for key, seconds in quiet.items() if self._has_settled(key, seconds)]
        limit = self.settle * (1 + PATIENCE)
        if len(settled) < len(quiet) and not any(quiet[key] >= limit for key in settled):
            return []
        return [key for key in settled if not self._written.keys() & self._made[key].keys()]

    def suspects(self, keys: Iterable[str]) -> frozenset[str]:
        """Return those of ``keys`` that have a file that has changed, whatever its stamp says."""
        found = {key: self._suspected(key) for key in keys}
        for key, paths in found.items():
            for path in paths:
                self._told.setdefault(path, set()).add(key)
        for path in set().union(*found.values()):
            if self._told[path].issuperset(self._keys_of(path)):
                self._untouch(path)
            self._judge_users(path)
        return frozenset(key for key, paths in found.items() if paths)

    def _suspected(self, key: str) -> list[str]:
        """Return the files of ``key`` that were touched since it has been told of."""
        touched = self._touched.keys() & self._made.get(key, {}).keys()
        return [path for path in touched if key not in self._told.get(path, ())]

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
                    for path_seen in self._seen:
                        self._mark(path_seen, now)
        for path, since in [*self._written.items()]:
            if now - since >= WRITER_S:
                del self._written[path]
                self._touch(path, now)
        for path in self._touched.keys() - self._seen.keys():
            self._untouch(path)
            self._judge_users(path)

    def _untouch(self, path: str) -> None:
        del self._touched[path]
        self._told.pop(path, None)

    def _touch(self, path: str, now: float) -> None:
        # What is new in a directory is a change of that directory.
        self._mark(path if path in self._seen else path.rpartition("/")[0], now)

    def _mark(self, path: str, now: float) -> None:
        self._touched[path] = now
        self._told.pop(path, None)
        self._judge_users(path)

    def _see(self, path: str, stamp: Stamp | None, now: float) -> None:
        """Take in that a file has this ``stamp``."""
        if path in self._seen and self._seen[path] == stamp:
            return
        is_first = path not in self._seen
        # A hundred thousand stamps that are as they were are kept once.
        made = [self._made[key][path] for key in self._keys_of(path)]
        self._seen[path] = next((one for one in made if one == stamp), stamp)
        if not is_first or any(one != stamp for one in made):
            self._since[path] = now
        self._judge_users(path)

    def _keys_of(self, path: str) -> Collection[str]:
        known = self._users.get(path, ())
        return (known,) if isinstance(known, str) else known

    def _judge_users(self, path: str) -> None:
        for key in self._keys_of(path):
            self._judge(key)

    def _judge(self, key: str) -> None:
        """See whether files of ``key`` differ from what it was made of."""
        if self._differs(key):
            self._differing[key] = None
        else:
            self._differing.pop(key, None)

    def _differs(self, key: str) -> bool:
        return bool(self._suspected(key)) or any(
            path in self._seen and self._seen[path] != stamp
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
            if path in self._seen and self._seen[path] not in (stamp, None)
        ]

    def _quiet(self, key: str, now: float) -> float:
        """Return for how many seconds no file of ``key`` has changed; 0 if one is written."""
        paths = self._made[key].keys()
        if self._written.keys() & paths:
            return 0.0
        times = (self._since, self._touched)
        return now - max((at[path] for at in times for path in paths if path in at), default=-inf)
