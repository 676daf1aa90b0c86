"""Remembers what a worker should serve but cannot: reports it to control, and tries again.

Pure, except for the page of shared memory that it writes. Times are monotonic seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.image import gaps
from dnsd.image.gaps import JOURNAL, Gap
from dnsd.image.journal import Placed, Put

if TYPE_CHECKING:
    from collections.abc import Sequence


FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
"""The longest pause between two tries, in seconds; pauses double while nothing improves."""


class MissingImages:
    """The zones whose image cannot be opened, by apex, and whether the journal can be read.

    ``page`` is where control reads them.
    """

    def __init__(self, page: memoryview) -> None:
        self._page = page
        self._zones: dict[bytes, tuple[Put, Gap]] = {}
        self._journal: Gap | None = None
        self._pause = FIRST_PAUSE
        self._due = 0.0
        gaps.clear(page)

    def __bool__(self) -> bool:
        return bool(self._zones) or self._journal is not None

    def is_for(self, errno: int) -> bool:
        """Return whether an image cannot be opened with this error."""
        return any(gap.errno == errno for _, gap in self._zones.values())

    def lacks(self, put: Put, errno: int, now: float, *, stale: bool) -> bool:
        """Note that the image of ``put`` cannot be opened; True if that is new."""
        assert isinstance(put.placed, Placed), "it is an image that is missing"
        before = self._zones[put.apex][1] if put.apex in self._zones else None
        since = before.since if before else round(now * 1e9)
        gap = Gap(gaps.identity(put.placed.image), since, errno, stale)
        self._zones[put.apex] = put, gap
        if gap == before:
            return False
        self._pause = FIRST_PAUSE
        self._due = now + self._pause
        return True

    def has(self, apex: bytes) -> None:
        """Note that the zone ``apex`` is in place."""
        self._zones.pop(apex, None)

    def journal_is_unreadable(self, errno: int, now: float) -> None:
        """Note that the journal cannot be read."""
        since = self._journal.since if self._journal else round(now * 1e9)
        self._journal = Gap(JOURNAL, since, errno, stale=True)

    def journal_is_read(self) -> None:
        """Note that the journal can be read."""
        self._journal = None

    def tell(self) -> None:
        """Write the page."""
        found = [self._journal] if self._journal else []
        gaps.write(self._page, found + [gap for _, gap in self._zones.values()])

    def again(self, now: float) -> Sequence[Put]:
        """Return what to try again at ``now``."""
        if not self._zones or now < self._due:
            return ()
        self._due = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return [put for put, _ in self._zones.values()]
