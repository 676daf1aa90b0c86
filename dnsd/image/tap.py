"""The tap: what workers were asked and what they answered, for recorders that listen.

Each worker has a **ring** of octets, in which it writes queries with their responses one after the
other. It never looks at who reads: what is overwritten before it was read is lost, and since
entries are numbered, the reader knows how many were.

Control says what is taken. Of all queries those are, whose number times GOLDEN, modulo 2**32, is
below THRESHOLD: so they are spread evenly, and what a lower threshold takes is a part of what a
higher one does. One ring therefore serves several readers, each with a rate of its own. With ODD
all that are limited, refused or slow are taken, too. While none listens both are 0, and a worker
that sees this does nothing more.

    control     CONTROL words
    head        HEAD words of the worker's: see TapHead
    ring        RING octets: entries, none of which goes beyond the end; each lap begins with one
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntop
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTROL = HEAD = 8
RING = 1 << 21
"""Octets: some 8,000 queries with their responses."""
MOST = 4096
"""Octets that are kept of a message; of a longer one there is the beginning."""
GOLDEN = 0x9E3779B1
ALL = 1 << 32
"""The threshold below which all queries are."""

SIZE = 8 * HEAD + RING
"""Octets that one worker needs."""

ENTRY = Struct("<IHHQQQIHHHHBBBB16s")
"""The beginning of an entry, in the order of :class:`Entry`; the octets of both messages follow."""
ALIGNED = 8
"""Each entry has a multiple of so many octets; a gap at the end of a lap is one, too."""
_GAP = Struct("<IH")
LONGEST_TOOK = (1 << 32) - 1

assert ENTRY.size == 64
assert RING % ALIGNED == 0


class TapControl:
    """Control's words; SLOW is in nanoseconds."""

    THRESHOLD, ODD, SLOW = range(3)


class TapHead:
    """A worker's words.

    WRITTEN is how many octets it has ever written, RESERVED how many it will have when it has
    written what it is writing: what lies RING octets before that is gone. TAKEN counts the entries,
    ASKED the queries that they were taken from.
    """

    WRITTEN, RESERVED, TAKEN, ASKED = range(4)


class TapFlag:
    """What is said of an entry in a bit. A GAP is none: the ring goes on at its beginning."""

    LIMITED, SLIPPED, REFUSED, SLOW, GAP = (1 << bit for bit in range(5))
    ODD = LIMITED | SLIPPED | REFUSED | SLOW


class TapCells(NamedTuple):
    """What a worker's tap works on; ``ring`` has format ``B``, the rest ``Q``."""

    control: memoryview
    head: memoryview
    ring: memoryview


def cells(control: memoryview, memory: memoryview) -> TapCells:
    """Return ``memory`` (of SIZE octets) as a worker's cells; ``control`` are control's words."""
    return TapCells(control, memory[: 8 * HEAD].cast("Q"), memory[8 * HEAD : SIZE])


def private() -> TapCells:
    """Return cells that no other process sees."""
    control = memoryview(bytearray(8 * CONTROL)).cast("Q")
    return cells(control, memoryview(bytearray(SIZE)))


def threshold(one_in: int) -> int:
    """Return below what the queries are of which one in so many is taken."""
    return -(-ALL // one_in)


def is_below(number: int, threshold: int) -> bool:
    """Return whether the query ``number`` of a worker is taken."""
    return number * GOLDEN % ALL < threshold


def listen(control: memoryview, threshold: int, odd: bool, slow: int) -> None:
    """Have workers take what is below ``threshold``, and with ``odd`` all that is odd.

    What took longer than ``slow`` (ns) is odd.
    """
    control[TapControl.SLOW] = slow
    control[TapControl.ODD] = odd
    control[TapControl.THRESHOLD] = threshold


class Tapped(NamedTuple):
    """A query and what became of it.

    ``at`` is when (monotonic, ns), ``took`` how long the answer took to make (ns), ``number`` the
    worker's count of queries. ``kind`` is that of the answer, as rate limits know it. ``query`` and
    ``response`` are cut off after MOST octets, ``query_size`` and ``response_size`` are not. There
    is no response to what was limited and not SLIPPED.
    """

    flags: int
    port: int
    number: int
    at: int
    took: int
    query_size: int
    response_size: int
    family: int
    is_tcp: bool
    rcode: int
    kind: int
    packed: bytes
    query: bytes
    response: bytes

    @property
    def address(self) -> str:
        """The client's address as text."""
        return inet_ntop(AF_INET if self.family == 4 else AF_INET6, self.packed)


class RingReader:
    """Reads the ring of one worker from now on. ``lost`` counts what was overwritten before."""

    def __init__(self, one: TapCells) -> None:
        self._head, self._ring = one.head, one.ring
        self._next = one.head[TapHead.TAKEN] + 1
        self._at = one.head[TapHead.WRITTEN]
        self.lost = 0

    def read(self, most: int) -> list[Tapped]:
        """Return what has been written since the last call, the first ``most`` octets of it.

        ``most`` is larger than an entry can be.
        """
        head, at = self._head, self._at
        written = head[TapHead.WRITTEN]
        if written - at > RING:
            at = written - written % RING
        octets = self._copied(at, min(written - at, most))
        if head[TapHead.RESERVED] - at > RING:  # what was copied may be old and new in one
            self._at = written - written % RING if at < written - written % RING else written
            return []
        entries, used = _parsed(octets)
        self._at = at + used
        found = []
        for sequence, entry in entries:
            self.lost += max(0, sequence - self._next)
            self._next = sequence + 1
            found.append(entry)
        return found

    def _copied(self, at: int, size: int) -> bytes:
        first = at % RING
        end = first + size
        if end <= RING:
            return bytes(self._ring[first:end])
        return bytes(self._ring[first:]) + bytes(self._ring[: end - RING])


def _parsed(octets: bytes) -> tuple[list[tuple[int, Tapped]], int]:
    """Return all whole entries in ``octets`` by their numbers, and how many octets they have."""
    found, at = [], 0
    for size, entry in _entries(octets):
        at += size
        if entry is not None:
            found.append(entry)
    return found, at


def _entries(octets: bytes) -> Iterator[tuple[int, tuple[int, Tapped] | None]]:
    at, end = 0, len(octets)
    while at + ALIGNED <= end:
        size, flags = _GAP.unpack_from(octets, at)
        if not ALIGNED <= size <= end - at:
            return
        yield size, None if flags & TapFlag.GAP else _entry(octets, at)
        at += size


def _entry(octets: bytes, at: int) -> tuple[int, Tapped]:
    (
        _, flags, port, number, sequence, when, took, query_size, response_size,
        query_kept, response_kept, family, is_tcp, rcode, kind, address,
    ) = ENTRY.unpack_from(octets, at)  # fmt: skip
    query_at = at + ENTRY.size
    response_at = query_at + query_kept
    return sequence, Tapped(
        flags,
        port,
        number,
        when,
        took,
        query_size,
        response_size,
        family,
        bool(is_tcp),
        rcode,
        kind,
        address[: 4 if family == 4 else 16],
        octets[query_at:response_at],
        octets[response_at : response_at + response_kept],
    )
