"""The memory of rate limits: the buckets that all workers share, and the networks each one limits.

A **bucket** is one 64-bit word: a tag of 24 bits, and 40 bits of time, the microsecond (of the
monotonic clock) at which the bucket is full again. What is left in it follows from that alone,
so a bucket needs no lock: workers write whole words, and two that take an answer out of the same
bucket in the same nanoseconds at worst take one. ``WAYS`` of them, a cache line, are a
set; a hash says which set, and the tag which word of it. A time that cannot be (long past, or
further ahead than a bucket can be emptied) means that the bucket is full and the word is free.

Each worker notes in ``LIMITED`` rows of its own which prefixes it limits; control reads them.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

WAYS = 8
"""Words of a set: a cache line of 64 octets."""

BUCKETS = 1 << 14
"""Words in all; they fit into a core's cache. An answer needs one for as long as it weighs on its
bucket (5 ms with 200 a second): for all of them to be in use, a node must get three million
queries a second."""

TIME_BITS = 40
"""Microseconds for twelve days; then times begin again from 0."""

LIMITED = 16
"""Prefixes that one worker can list as limited."""

ROW = 8
"""Words of a row: see :class:`BucketRow`; the last three are not used."""

QUIET = 60
"""Seconds after which a prefix that is not limited any more is forgotten."""


class BucketRow:
    """The words of a row. PREFIX are its first 8 octets (in memory as in an address).

    ABOUT is the length of the prefix, the family (4 or 6) in the octet above, and above these a
    bit for each kind of answer that was limited; 0 in a row that was never used. COUNT are the
    answers withheld since SINCE, the last of them at LAST (seconds of the monotonic clock).
    """

    PREFIX, ABOUT, COUNT, SINCE, LAST = range(5)


class Buckets(NamedTuple):
    """What a worker's limiter works on: a secret of 16 octets, the buckets, the worker's rows."""

    key: bytes
    words: memoryview
    rows: memoryview


def fresh(key: bytes = bytes(16), words: int = BUCKETS) -> Buckets:
    """Return empty buckets in private memory; ``words`` is a power of two."""
    return Buckets(
        key,
        memoryview(bytearray(8 * words)).cast("Q"),
        memoryview(bytearray(8 * ROW * LIMITED)).cast("Q"),
    )


class Limited(NamedTuple):
    """A prefix that was limited, as one worker or several noted it; times as in :class:`BucketRow`.

    ``kinds`` has a bit for each kind of answer. When more prefixes are limited than there are
    rows, ``withheld`` may have some of another's that was forgotten.
    """

    prefix: str
    kinds: int
    withheld: int
    since: int
    last: int


def limited(tables: list[memoryview], now: float) -> list[Limited]:
    """Return the prefixes limited not longer than QUIET ago, most withheld first."""
    found: dict[str, Limited] = {}
    for table in tables:
        for one in _rows(table):
            if now - one.last > QUIET:
                continue
            other = found.get(one.prefix, one._replace(kinds=0, withheld=0))
            found[one.prefix] = Limited(
                one.prefix,
                one.kinds | other.kinds,
                one.withheld + other.withheld,
                min(one.since, other.since),
                max(one.last, other.last),
            )
    return sorted(found.values(), key=lambda one: (-one.withheld, one.prefix))


def _rows(table: memoryview) -> Iterator[Limited]:
    for at in range(0, len(table), ROW):
        prefix, about, count, since, last = table[at : at + 5]
        if about:
            length, octets = about & 0xFF, prefix.to_bytes(8, "little")
            if about >> 8 & 0xFF == 4:
                network = str(IPv4Network((octets[:4], length), strict=False))
            else:
                network = str(IPv6Network((octets + bytes(8), length), strict=False))
            yield Limited(network, about >> 16, count, since, last)
