"""What is served beside what is to be served: the differences, by worker and zone.

Reads what the workers say in shared memory and what control has published; changes nothing.
Every report about the node is made of these, so none can say that all is well while one is left.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from dnsd.config.units import format_duration
from dnsd.image import gaps
from dnsd.image.journal import Placed
from dnsd.image.state import WorkerCells
from dnsd.text import shortlist
from dnsd.wire.name import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dnsd.control.publish import Publisher
    from dnsd.image.gaps import Gap
    from dnsd.image.state import StateVector

BEHIND_S = 2.0
"""Seconds that a worker may take to put a generation in place before that is a difference."""

LASTING_S = 1.0
"""A difference that has lasted so long is no moment between two states any more."""

NAMED = 4
"""Differences that are named in a sentence; more would not be read."""


class Difference(NamedTuple):
    """What worker ``worker`` does not serve as it should, since ``since`` (monotonic seconds).

    ``zone`` is an origin; empty, it is about all zones: ``is_journal`` or the worker is behind.
    """

    worker: int
    zone: str
    what: str
    since: float
    is_journal: bool = False

    def told(self, now: float) -> str:
        """Return the sentence about it."""
        return f"{self.what}, for {format_duration(round(max(0.0, now - self.since)))}"


class Differences:
    """Compares what ``publisher`` has published with what the workers of ``vector`` serve."""

    def __init__(self, vector: StateVector, publisher: Publisher) -> None:
        self._vector = vector
        self._publisher = publisher
        self._generation = 0
        self._published_at = 0.0
        self._named: dict[int, str] = {}
        self._named_for = -1

    def look(self, now: float) -> tuple[Difference, ...]:
        """Return all there are at ``now``, the oldest first.

        A worker that does not listen is not among them: it serves nothing, and that is told
        elsewhere.
        """
        if self._publisher.generation != self._generation:
            self._generation, self._published_at = self._publisher.generation, now
        found: list[Difference] = []
        for index in self._vector.serving:
            if self._vector.worker(index)[WorkerCells.LISTENING]:
                found += self._of(index, now)
        return tuple(sorted(found, key=lambda one: (one.since, one.worker, one.zone)))

    def _of(self, index: int, now: float) -> Iterable[Difference]:
        head = self._vector.worker(index)
        if head[WorkerCells.READ] < self._generation and now - self._published_at > BEHIND_S:
            what = f"worker {index} has not loaded generation {self._generation}"
            yield Difference(index, "", what, self._published_at)
        told = gaps.read(self._vector.gaps(index))
        for gap in told.listed:
            if (one := self._difference(index, gap)) is not None:
                yield one
        if (more := told.total - len(told.listed)) > 0:
            since = min(gap.since for gap in told.listed) / 1e9
            what = f"worker {index} does not serve {more} more zones as wanted"
            yield Difference(index, "", what, since)

    def _difference(self, index: int, gap: Gap) -> Difference | None:
        """Return what ``gap`` is about; None if that is published no more."""
        since = gap.since / 1e9
        if gap.what == gaps.JOURNAL:
            why = os.strerror(gap.errno) if gap.errno else "it is damaged"
            what = f"worker {index} cannot read the journal ({why})"
            return Difference(index, "", what, since, is_journal=True)
        zone = self._zones().get(gap.what)
        if zone is None:
            return None
        why = f"cannot open its image: {os.strerror(gap.errno)}" if gap.errno else "damaged image"
        does = "serves older data of" if gap.stale else "answers SERVFAIL for"
        return Difference(index, zone, f"worker {index} {does} {zone} ({why})", since)

    def _zones(self) -> dict[int, str]:
        """Return the zone of each image that is published."""
        if self._named_for != self._publisher.generation:
            self._named_for = self._publisher.generation
            self._named = {
                gaps.identity(placed.image): to_text(apex)
                for apex, placed in self._publisher.published.items()
                if isinstance(placed, Placed)
            }
        return self._named


def lasting(found: Sequence[Difference], now: float) -> tuple[str, ...]:
    """Return sentences about those of ``found`` that are no passing moment."""
    old = [one.told(now) for one in found if now - one.since >= LASTING_S]
    return shortlist(old, NAMED, "{} more differences: dnsd status shows them")
