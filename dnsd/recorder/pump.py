"""Moves queries from the rings of all workers to where they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dnsd.image.tap import RingReader, is_below, threshold
from dnsd.recorder.spec import RecorderReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dnsd.image.tap import TapCells, Tapped

CHUNK = 1 << 17
"""Octets that are read of a ring in one go: some 500 queries."""
LOOK_S = 1.0
"""Seconds between two looks at what is written to, and between two reports."""


class QuerySink(Protocol):
    """Where queries are written."""

    fault: str
    """Why nothing can be written now; empty if something can."""

    def write(self, entries: Sequence[Tapped], offset: int) -> bool:
        """Write ``entries``, of which the times are ``offset`` (ns) off; return whether it did."""
        ...

    def look(self) -> None:
        """See, once a second, whether all is as it should be."""
        ...

    def close(self) -> None:
        """End what is written, so that it can be read."""
        ...


class Pump:
    """Reads the rings of ``workers`` and gives one query in ``one_in`` to ``sink``.

    ``offset`` returns the time of the day less the monotonic one, in nanoseconds.
    """

    def __init__(
        self,
        workers: Iterable[TapCells],
        one_in: int,
        sink: QuerySink,
        offset: Callable[[], int],
    ) -> None:
        self._readers = [RingReader(one) for one in workers]
        self._threshold = threshold(one_in)
        self._sink = sink
        self._offset = offset
        self._written = 0
        self._refused = 0

    def turn(self) -> bool:
        """Move a part of what is there; return whether there was something."""
        found = False
        for reader in self._readers:
            entries = reader.read(CHUNK)
            found |= bool(entries)
            taken = [one for one in entries if is_below(one.number, self._threshold)]
            if not taken:
                continue
            if self._sink.write(taken, self._offset()):
                self._written += len(taken)
            else:
                self._refused += len(taken)
        return found

    def report(self) -> RecorderReport:
        """Return what was done so far."""
        lost = self._refused + sum(reader.lost for reader in self._readers)
        return RecorderReport(self._written, lost, self._sink.fault)
