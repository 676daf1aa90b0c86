"""What ``dnsd top`` shows of queries: a sample that is taken only while somebody asks for it.

Control reads it itself, because little of it: so many octets at each look, however much there is.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from dnsd.control.tap.findings import Findings
from dnsd.control.tap.listeners import Interest
from dnsd.image import tap
from dnsd.image.tap import MOST, RingReader
from dnsd.metrics.counters import INDEX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.control.admin import Command
    from dnsd.control.tap.listeners import Listeners
    from dnsd.image.state import StateVector

WANTED_S = 5.0
"""Seconds after the last question until nobody is taken to look."""
LOOK_S = 0.2
PER_LOOK = 1 << 16
"""Octets that are read of all rings together at a look: some 250 queries, 2 ms of work."""
PER_SECOND = 500
"""Queries that the sample is to have."""
FADE = 0.98
"""By how much less a query counts at each look: after 7 s it is half."""
_LEAST = tap.ENTRY.size + 2 * MOST + tap.ALIGNED
_QUERIES = INDEX["queries_udp"], INDEX["queries_tcp"]
_WHO = "top"


class TopKeeper:
    """Looks at queries for as long as somebody asks."""

    def __init__(self, vector: StateVector, listeners: Listeners) -> None:
        self._vector = vector
        self._listeners = listeners
        self._until = 0.0
        self._look: asyncio.Task[None] | None = None
        self._findings = Findings()
        self._readers: list[RingReader] = []
        self._one_in = 1
        self._counted = 0
        self._since = 0.0

    def commands(self) -> dict[str, Command]:
        """Return the admin commands by name."""
        return {_WHO: self._command}

    async def _command(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """Return what was found since somebody began to ask, and go on."""
        self._until = time.monotonic() + WANTED_S
        if self._look is None:
            self._begin()
        return {
            **self._findings.told(),
            "seconds": time.monotonic() - self._since,
            "one_in": self._one_in,
            "lost": sum(reader.lost for reader in self._readers),
        }

    def _begin(self) -> None:
        self._findings = Findings()
        seats = range(self._vector.workers)
        self._readers = [RingReader(self._vector.tapped(index)) for index in seats]
        self._since = time.monotonic()
        self._counted = self._queries()
        self._one_in = 1
        self._listeners.want(_WHO, Interest(1, odd=True))
        self._look = asyncio.ensure_future(self._keep_looking())

    async def _keep_looking(self) -> None:
        try:
            while time.monotonic() < self._until:
                await asyncio.sleep(LOOK_S)
                self._adapt()
                self._turn()
        finally:
            self._listeners.leave(_WHO)
            self._look = None

    def _queries(self) -> int:
        counters = map(self._vector.counters, range(self._vector.workers))
        return sum(one[each] for one in counters for each in _QUERIES)

    def _adapt(self) -> None:
        """Take so few of the queries that they can be read."""
        before, self._counted = self._counted, self._queries()
        one_in = max(1, round((self._counted - before) / LOOK_S / PER_SECOND))
        if not self._one_in <= 2 * one_in <= 4 * self._one_in:
            self._one_in = one_in
            self._listeners.want(_WHO, Interest(one_in, odd=True))

    def _turn(self) -> None:
        self._findings.fade(FADE)
        each = max(_LEAST, PER_LOOK // len(self._readers))
        threshold, offset = tap.threshold(self._one_in), time.time_ns() - time.monotonic_ns()
        for reader in self._readers:
            for one in reader.read(each):
                self._findings.take(one, threshold, offset)
