"""Selections: how control tells the workers what a pool is answered with.

A pool is an RRset whose members come and go. Its image holds all of them; which are answered
now, and for how long, is its *selection*: one 64-bit word in shared memory, which control writes
and workers read with every answer. A flip is one write, without a lock and without a reload.

    bits 0-31    mask: the members, the first one is bit 0; fallback addresses behind them
    bits 32-55   TTL in seconds
    bits 56-58   mode
    bits 59-63   note index: where the worker notes the answer

For each pool there are ``NOTES + members`` *cells* (fallback addresses count as members), which
stand at the same place in three arrays of the state vector, written

    selections   by control     [0] the selection, [1 + note index] what that note stands for: a
                                selection without TTL and note index
    cache_until  by one worker  its notes: [note index] and, for mode SOME, [NOTES + member]: until
                                when caches may hold that answer (monotonic seconds, rounded up)
    counts       by one worker  [0] how often the pool was asked for, modulo 2**32

A note stands for another answer only after control has read it. Knows nothing of health.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

_T = TypeVar("_T")

MEMBERS = 32
NOTES = 8
"""Answers of a pool that notes tell apart before control has to read them."""

DENIAL_TTL = 10
"""The TTL of the answer that a pool has no records: it has them again soon."""

LONGEST_TTL = (1 << 24) - 1
_TTL, _MODE, _NOTE_INDEX = 32, 56, 59


class Mode(IntEnum):
    """What a worker does with a query for the pool."""

    UNSET = 0
    """Undecided: all members, with the TTL in the image."""
    ANSWER = 1
    """The members of the mask."""
    NODATA = 2
    SERVFAIL = 3
    REFUSED = 4
    SOME = 5
    """Some members of the mask for each query; the image says how many, and how to choose them."""


class Members(int):
    """Some members of a pool as a mask: the first one is bit 0, fallback addresses follow."""

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Members:
        """Return the members with these ``numbers``."""
        return cls(sum(1 << number for number in numbers))

    @classmethod
    def where(cls, members: Iterable[_T], chosen: Container[_T]) -> Members:
        """Return those of ``members``, which are all of the pool in order, that are ``chosen``."""
        return cls.of(number for number, one in enumerate(members) if one in chosen)

    def __contains__(self, number: int) -> bool:
        """Return whether the member with this ``number`` is among them."""
        return bool(self >> number & 1)

    def __iter__(self) -> Iterator[int]:
        """Yield their numbers in order."""
        return (number for number in range(self.bit_length()) if number in self)

    def pick(self, members: Iterable[_T]) -> tuple[_T, ...]:
        """Return them from ``members``, which are all of the pool in order."""
        return tuple(one for number, one in enumerate(members) if number in self)


class Selection(NamedTuple):
    """A decoded selection; ``ttl`` in seconds."""

    mask: int
    ttl: int
    mode: Mode
    note_index: int = 0

    @property
    def members(self) -> Members:
        """Those in the mask."""
        return Members(self.mask)


class Cells(NamedTuple):
    """The cells of one image's pools: selections of format ``Q``, one worker's others of ``I``."""

    selections: memoryview
    cache_until: memoryview
    counts: memoryview


def encode(selection: Selection) -> int:
    """Return ``selection`` as the 64-bit number that workers read."""
    return (
        selection.mask
        | selection.ttl << _TTL
        | selection.mode << _MODE
        | selection.note_index << _NOTE_INDEX
    )


def decode(value: int) -> Selection:
    """Undo :func:`encode`; ValueError if the mode is unknown."""
    return Selection(
        value & 0xFFFFFFFF,
        value >> _TTL & LONGEST_TTL,
        Mode(value >> _MODE & 7),
        value >> _NOTE_INDEX,
    )


def cells(members: int) -> int:
    """Return how many cells a pool of ``members`` has, its fallback addresses among them."""
    return NOTES + members


def private(count: int) -> Cells:
    """Return ``count`` cells that no other process sees."""
    selections, notes, counts = (memoryview(bytearray(size * count)) for size in (8, 4, 4))
    return Cells(selections.cast("Q"), notes.cast("I"), counts.cast("I"))
