"""The file in which a prober writes down its queries: fixed size, the oldest are overwritten.

    header  count: queries sent so far (u64)
    place   sent: monotonic clock, ns (u64); latency, µs (u32); site (u8, 0: none); family (u8)

Query N is in place N modulo the number of places. The monotonic clock is the machine's, so that a
reader can compare the times with its own. All in the machine's own byte order.
"""

from __future__ import annotations

import mmap
from contextlib import contextmanager
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLACES = 1 << 18
"""More than four minutes at one query a millisecond, in 4 MiB."""
_COUNT = Struct("=Q")
_RECORD = Struct("=QIBB2x")
_HEADER = 16
_FOREVER = 0xFFFFFFFF


class Record(NamedTuple):
    """One query: when it was sent (ns), its VIP's number, and the site that answered, 0 if none.

    ``latency`` is in µs.
    """

    sent: int
    latency: int
    site: int
    turn: int


class Ring:
    """The file, mapped."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._places = (len(memory) - _HEADER) // _RECORD.size
        self._count = self.count

    @staticmethod
    def create(path: Path, places: int = PLACES) -> None:
        """Make an empty file with room for ``places`` queries."""
        with path.open("wb") as file:
            file.truncate(_HEADER + places * _RECORD.size)

    @staticmethod
    @contextmanager
    def writable(path: Path) -> Iterator[Ring]:
        """Map the file for the prober."""
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            yield Ring(memory)

    @staticmethod
    @contextmanager
    def readable(path: Path) -> Iterator[Ring]:
        """Map the file for a reader."""
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as memory:
            yield Ring(memory)

    @property
    def count(self) -> int:
        """How many queries have been sent so far."""
        number: int
        (number,) = _COUNT.unpack_from(self._memory)
        return number

    def sent(self, now: int, turn: int) -> None:
        """Write down that the next query is sent, to the VIP number ``turn``."""
        _RECORD.pack_into(self._memory, self._place(self._count), now, 0, 0, turn)
        self._count += 1
        _COUNT.pack_into(self._memory, 0, self._count)

    def answered(self, message_id: int, site: int, now: int) -> None:
        """Write down who has answered the latest query with this message ID."""
        last = self._count - 1
        number = last - ((last - message_id) & 0xFFFF)
        if number < 0 or last - number >= self._places:
            return  # nobody's answer, or one that comes after its place was used again
        place = self._place(number)
        sent, _, known, turn = _RECORD.unpack_from(self._memory, place)
        if not known:
            latency = min((now - sent) // 1000, _FOREVER)
            _RECORD.pack_into(self._memory, place, sent, latency, site, turn)

    def read(self, since: int, until: int) -> list[Record]:
        """Return the queries that were sent from ``since`` until before ``until`` (ns)."""
        count = self.count
        found = []
        for number in range(count - 1, max(count - self._places, 0) - 1, -1):
            record = Record._make(_RECORD.unpack_from(self._memory, self._place(number)))
            if record.sent < since:
                break
            if record.sent < until:
                found.append(record)
        return found[::-1]

    def _place(self, number: int) -> int:
        return _HEADER + number % self._places * _RECORD.size
