"""Gaps: what a worker should serve and does not, as it says in its page of shared memory.

    cell 0   version: odd while the page is being written
    cell 1   how many gaps there are, those too that found no room
    then four cells for each: what is missing, since when (monotonic, ns), why (an errno, 0 when
    the file is damaged), and 1 if an older image is served meanwhile

What is missing is an image, by a hash of its name, or the journal (``JOURNAL``). A worker that
serves what it should has no gap; one that says nothing has not been heard, which is another thing.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

JOURNAL = 0
"""Stands for the journal: without it a worker does not know what to serve."""

_HEAD = 2
_WIDTH = 4
_TRIES = 100
"""Readings of a page that is being written: its writer needs microseconds."""


class Gap(NamedTuple):
    """One thing that is not served as it should be; ``stale``: an older image is instead."""

    what: int
    since: int
    errno: int
    stale: bool


class Gaps(NamedTuple):
    """What a page says: ``total`` gaps, and as many of them as found room."""

    total: int
    listed: tuple[Gap, ...]


@lru_cache(1 << 16)
def identity(image: str) -> int:
    """Return the number that stands for the image file called ``image``."""
    return int.from_bytes(blake2b(image.encode(), digest_size=8).digest()) or 1


def write(page: memoryview, gaps: Sequence[Gap]) -> None:
    """Say that there are these ``gaps``; to be called by the page's one writer."""
    room = (len(page) - _HEAD) // _WIDTH
    page[0] += 1
    page[1] = len(gaps)
    at = _HEAD
    for gap in gaps[:room]:
        for value in gap:
            page[at] = int(value)
            at += 1
    page[0] += 1


def clear(page: memoryview) -> None:
    """Begin again, whatever an earlier writer has left, even in the middle of writing."""
    page[0] = 0
    page[1] = 0


def read(page: memoryview) -> Gaps:
    """Return what the page says, as it was at one moment."""
    room = (len(page) - _HEAD) // _WIDTH
    found = Gaps(0, ())
    for _ in range(_TRIES):
        version = page[0]
        count = page[1]
        cells = page[_HEAD : _HEAD + _WIDTH * min(count, room)].tolist()
        listed = (cells[at : at + _WIDTH] for at in range(0, len(cells), _WIDTH))
        found = Gaps(count, tuple(Gap(a, b, c, bool(d)) for a, b, c, d in listed))
        if version % 2 == 0 and page[0] == version:
            break
    return found
