"""The words by which control tells the workers what a pool is answered with.

A pool is an RRset whose members come and go. Its image holds all of them; which are answered
now, and for how long, is one 64-bit *word* in shared memory, written by control and read with
every answer: a flip is one write, without a lock and without a reload.

    bits 0-31    mask: the members, the first one is bit 0; fallback addresses behind them
    bits 32-55   TTL in seconds
    bits 56-58   mode
    bits 59-63   slot: where the worker notes the answer

For each pool there are ``SLOTS + members`` *cells* (fallback addresses count as members), which
stand at the same place in three arrays of the state vector:

    words   written by control     [0] the word, [1 + slot] what the slot stands for: a word
                                   with neither TTL nor slot
    notes   written by one worker  [slot] and, for mode SOME, [SLOTS + member]: until when caches
                                   may hold that answer (monotonic seconds, rounded up)
    counts  written by one worker  [0] how often the pool was asked for, modulo 2**32

What a slot stands for is changed only after its notes were read. Knows nothing of health.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

MEMBERS = 32
SLOTS = 8
"""Answers of a pool that are told apart in the notes before control has to read them."""

DENIAL_TTL = 10
"""For how long caches may keep that a pool has no records: it has them again soon."""

LONGEST_TTL = (1 << 24) - 1
_TTL, _MODE, _SLOT = 32, 56, 59


class Mode(IntEnum):
    """What a worker does with a query for the pool."""

    UNSET = 0
    """Nobody has decided yet: all members, with the TTL that stands in the image."""
    ANSWER = 1
    """The members of the mask."""
    NODATA = 2
    SERVFAIL = 3
    REFUSED = 4
    SOME = 5
    """Some members of the mask for each query; how many, and how chosen, the image says."""


class Selection(NamedTuple):
    """A word taken apart; ``ttl`` in seconds."""

    mask: int
    ttl: int
    mode: Mode
    slot: int = 0


class Cells(NamedTuple):
    """The cells of one image's pools: words of format ``Q``, and one worker's others, of ``I``."""

    words: memoryview
    notes: memoryview
    counts: memoryview


def encode(word: Selection) -> int:
    """Return ``word`` as the 64-bit number that workers read."""
    return word.mask | word.ttl << _TTL | word.mode << _MODE | word.slot << _SLOT


def decode(value: int) -> Selection:
    """Return what :func:`encode` made ``value`` of; ValueError if there is no such mode."""
    return Selection(
        value & 0xFFFFFFFF,
        value >> _TTL & LONGEST_TTL,
        Mode(value >> _MODE & 7),
        value >> _SLOT,
    )


def cells(members: int) -> int:
    """Return how many cells a pool of ``members`` has, its fallback addresses among them."""
    return SLOTS + members


def private(count: int) -> Cells:
    """Return ``count`` cells that no other process sees."""
    words, notes, counts = (memoryview(bytearray(size * count)) for size in (8, 4, 4))
    return Cells(words.cast("Q"), notes.cast("I"), counts.cast("I"))
