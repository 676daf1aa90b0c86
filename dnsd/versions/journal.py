"""The journal of a zone: a file with the differences that led to its newest version.

It only grows at its end, each difference with a checksum. So if its end is lost or damaged, a
beginning of whole, consecutive differences remains. It is bounded: if it would be too large, the
oldest differences are dropped, down to half of the limit, so that this is rare.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, replace
from struct import Struct
from typing import TYPE_CHECKING

from dnsd.errors import MisfitError
from dnsd.process import durablefile
from dnsd.process.descriptors import write_all_at
from dnsd.versions.difference import ZoneDifference
from dnsd.versions.marks import JOURNAL
from dnsd.versions.serial import is_newer

if TYPE_CHECKING:
    from pathlib import Path

_ENTRY = Struct(">4sIIQQ")
"""A mark, the serials before and after, and octets of what is removed and added, which follow."""
_MARK = b"diff"
_SUM = Struct(">I")
"""CRC-32 of all of the entry before it."""


@dataclass(frozen=True, slots=True)
class JournalLimits:
    """How large a journal may become: octets of its file, and differences in it."""

    octets: int = 64 << 20
    differences: int = 10_000


@dataclass(frozen=True, slots=True)
class _Entry:
    """The position of a difference in the file."""

    at: int
    size: int
    before: int
    after: int
    removed: int


class Journal:
    """The journal of the zone ``apex`` in the file ``path``, which may not exist yet.

    There is one object at a time for a file. A damaged file is used as far as it can be read; the
    next difference overwrites the rest. On OSError the journal is unchanged.
    """

    def __init__(self, path: Path, apex: bytes, limits: JournalLimits) -> None:
        self._path = path
        self._apex = apex
        self._limits = limits
        self._head = JOURNAL + bytes((len(apex),)) + apex
        self._entries = self._read()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def newest(self) -> int | None:
        """The serial that the differences lead to, None when there are none."""
        return self._entries[-1].after if self._entries else None

    def append(self, difference: ZoneDifference) -> None:
        """Add ``difference``, durably.

        If it does not continue the last one, or is too large for the limits, all earlier ones are
        dropped, because they no longer lead to the present. MisfitError if its serial does not
        increase: no client could ask for it.
        """
        if not is_newer(difference.after, difference.before):
            raise MisfitError(
                f"serial {difference.after} is not newer than {difference.before}, "
                "so no server would ask for the difference"
            )
        octets = _encoded(difference)
        kept = self._entries if self.newest == difference.before else []
        end = kept[-1].at + kept[-1].size if kept else len(self._head)
        limits = self._limits
        if not kept or end + len(octets) > limits.octets or len(kept) >= limits.differences:
            self._rewrite(kept, octets, difference)
            return
        _append(self._path, octets, end)
        self._entries.append(_entry(difference, end, len(octets)))

    def since(self, serial: int, until: int) -> list[ZoneDifference] | None:
        """Return the differences that lead from ``serial`` to ``until``, None if there are none.

        Serials wrap around, so one may occur twice: the search goes back from ``until``.
        """
        if serial == until:
            return []
        last = self._last(until)
        for first in range(last, -1, -1):
            if self._entries[first].before == serial:
                return self._load(self._entries[first : last + 1])
        return None

    def _last(self, until: int) -> int:
        for number in range(len(self._entries) - 1, -1, -1):
            if self._entries[number].after == until:
                return number
        return -1

    def _load(self, entries: list[_Entry]) -> list[ZoneDifference] | None:
        found = []
        try:
            with self._path.open("rb") as file:
                for entry in entries:
                    file.seek(entry.at)
                    data = file.read(entry.size)
                    if _check(data, 0) != entry.size:
                        return None  # damaged since it was opened
                    found.append(_decoded(self._apex, data, entry))
        except OSError:
            return None
        return found

    def _rewrite(self, earlier: list[_Entry], octets: bytes, difference: ZoneDifference) -> None:
        """Write the file again: the newest of ``earlier``, then ``difference`` (``octets``)."""
        room = self._limits.octets - len(self._head) - len(octets)
        if room < 0 or not self._limits.differences:
            durablefile.replace(self._path, self._head)
            self._entries = []
            return
        kept = _newest(earlier, min(room, self._limits.octets // 2), self._limits.differences // 2)
        first = kept[0].at if kept else 0
        old = self._path.read_bytes()[first : kept[-1].at + kept[-1].size] if kept else b""
        durablefile.replace(self._path, self._head, old, octets)
        moved = len(self._head) - first
        self._entries = [replace(entry, at=entry.at + moved) for entry in kept]
        self._entries.append(_entry(difference, len(self._head) + len(old), len(octets)))

    def _read(self) -> list[_Entry]:
        """Find the differences in the file: as many as are whole, each following on the last."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return []
        found: list[_Entry] = []
        if not data.startswith(self._head):
            return found
        at = len(self._head)
        while size := _check(data, at):
            _, before, after, removed, _ = _ENTRY.unpack_from(data, at)
            if found and found[-1].after != before:
                break
            found.append(_Entry(at, size, before, after, removed))
            at += size
        return found


def _encoded(difference: ZoneDifference) -> bytes:
    removed, added = bytes(difference.removed), bytes(difference.added)
    head = _ENTRY.pack(_MARK, difference.before, difference.after, len(removed), len(added))
    octets = head + removed + added
    return octets + _SUM.pack(zlib.crc32(octets))


def _decoded(apex: bytes, data: bytes, entry: _Entry) -> ZoneDifference:
    middle = _ENTRY.size + entry.removed
    return ZoneDifference(apex, data[_ENTRY.size : middle], data[middle : -_SUM.size])


def _entry(difference: ZoneDifference, at: int, size: int) -> _Entry:
    return _Entry(at, size, difference.before, difference.after, len(difference.removed))


def _check(data: bytes, at: int) -> int:
    """Return how many octets the entry at ``at`` has, 0 when no whole one stands there."""
    if len(data) - at < _ENTRY.size:
        return 0
    mark, _, _, removed, added = _ENTRY.unpack_from(data, at)
    size = int(_ENTRY.size + removed + added + _SUM.size)
    if mark != _MARK or len(data) - at < size:
        return 0
    body = memoryview(data)[at : at + size - _SUM.size]
    return size if _SUM.unpack_from(data, at + size - _SUM.size)[0] == zlib.crc32(body) else 0


def _newest(entries: list[_Entry], octets: int, number: int) -> list[_Entry]:
    """Return the newest of ``entries``, of so many octets and such a number at most."""
    first = len(entries)
    while first and len(entries) - first < number and entries[first - 1].size <= octets:
        first -= 1
        octets -= entries[first].size
    return entries[first:]


def _append(path: Path, octets: bytes, at: int) -> None:
    """Replace everything in the file from ``at`` on by ``octets``."""
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        # Else old octets behind the new ones would be read as differences.
        os.ftruncate(handle, at)
        try:
            write_all_at(handle, octets, at)
            os.fdatasync(handle)
        except OSError:
            os.ftruncate(handle, at)
            raise
    finally:
        os.close(handle)
