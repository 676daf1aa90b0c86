"""Signs of the node's health besides its answers: workers, zones, overload, the disk.

Reads the state vector, the table of zones and the state directory, and judges none of it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from typing import TYPE_CHECKING

from dnsd.announce.observation import Observation, SelfCheckOutcome, WorkerView
from dnsd.announce.wayback import Sent
from dnsd.control.anycast.gateways import Gateways
from dnsd.control.nothing import no_items, no_reason
from dnsd.control.zones.table import ZoneState
from dnsd.image.state import ControlCells, WorkerCells
from dnsd.metrics.counters import INDEX
from dnsd.process import descriptors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from dnsd.announce.observation import CheckResult
    from dnsd.config.anycast import Anycast
    from dnsd.control.zones.table import ZoneRow
    from dnsd.image.state import StateVector
    from dnsd.metrics.counters import Counters

ROWS_S = 1.0
"""How often zones are looked at, at most: there may be very many, and they change slowly."""

DISK_S = 5.0
"""How often the state directory is tried, and how long it may take."""

ROOM = 1 << 20
"""Octets that must be free: less does not hold the images of a few zones."""

_AFTER_OVERLOAD_S = 1.0
"""Overload lasts so much longer than a time-out: lost queries are noticed only then."""


class Observer:
    """Looks at the node; :meth:`run` looks meanwhile at what takes its time.

    ``rows`` returns the table of zones, ``cut_off`` why the node seems to be cut off, ``unserved``
    what workers do not serve as they should, ``unreached`` why other nodes do not reach it.
    Times are monotonic seconds, but for those of the table, which are POSIX seconds as ``wall``
    gives them.
    """

    def __init__(  # noqa: PLR0913 - what it is told of the node
        self,
        config: Anycast,
        vector: StateVector,
        directory: Path,
        rows: Callable[[], Iterable[ZoneRow]],
        cut_off: Callable[[], str] = no_reason,
        unserved: Callable[[], tuple[str, ...]] = no_items,
        *,
        unreached: Callable[[], str] = no_reason,
        wall: Callable[[], float] = time.time,
    ) -> None:
        workers = range(vector.workers)
        self._control = vector.control
        self._vector = vector
        self._miss = config.heartbeat_miss
        self._overloads = [
            _Overload(vector.counters(index), config.check.timeout + _AFTER_OVERLOAD_S)
            for index in workers
        ]
        self._sendings = _Sendings([vector.counters(index) for index in workers])
        self._table = _Table(rows, wall)
        self._disk = DiskProbe(directory)
        self._gateways = Gateways(config.vips)
        self._cut_off = cut_off
        self._unserved = unserved
        self._unreached = unreached

    def look(self, now: float, checks: tuple[CheckResult, ...]) -> Observation:
        """Return what is seen at ``now``, together with the results of ``checks``."""
        overloads = [overload.look(now) for overload in self._overloads]
        return Observation(
            now=now,
            checks=checks,
            workers=tuple(self._view(index, now) for index in self._vector.serving),
            # Not from the table: a new control process must fill that first.
            zones=self._control[ControlCells.ZONES],
            broken=self._control[ControlCells.BROKEN],
            stale=self._table.stale(now),
            lost=self._table.lost,
            disk=self._disk.fault,
            overloaded=any(overloads),
            cut_off=self._cut_off(),
            unserved=self._unserved(),
            unreached=self._unreached(),
            sent=self._sendings.look(checks),
            gateway=self._gateways.fault,
        )

    def _view(self, number: int, now: float) -> WorkerView:
        """Return how the worker ``number`` is at ``now``.

        Its loop is as late as it was last, or as the heartbeat that it owes; how much of that
        is its own doing is the master's to say.
        """
        cells = self._vector.worker(number)
        beat = cells[WorkerCells.HEARTBEAT] / 1e9
        return WorkerView(
            number,
            serving=bool(cells[WorkerCells.LISTENING] and cells[WorkerCells.READ]),
            silent=cells[WorkerCells.SILENT] / 1e9,
            lag=max(cells[WorkerCells.LAG] / 1e9, now - beat - self._miss if beat else 0.0),
        )

    async def run(self) -> None:
        """Try the state directory, and look at the routers, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._disk.run())
            group.create_task(self._gateways.run())


class _Overload:
    """Sees whether one worker takes queries and yet loses some for want of room.

    A rising counter shows either, for each transport by itself: a UDP socket that is not read
    overflows too, whatever is asked over TCP meanwhile. What is taken
    counts, not what is answered: answers to a flood may be withheld (rate limits).
    """

    PAIRS = (
        (INDEX["drop_receive_queue"], INDEX["queries_udp"]),
        (INDEX["tcp_evicted"], INDEX["queries_tcp"]),
    )

    def __init__(self, counters: Counters, lasts: float) -> None:
        self._counters = counters
        self._lasts = lasts
        self._last = self._read()
        self._until = float("-inf")

    def look(self, now: float) -> bool:
        """Return whether it is overloaded at ``now``, or was a moment ago."""
        last, self._last = self._last, self._read()
        for was, now_is in zip(last, self._last, strict=True):
            lost, taken = now_is[0] - was[0], now_is[1] - was[1]
            if lost > 0 and taken > 0:
                self._until = now + self._lasts
        return now < self._until

    def _read(self) -> list[tuple[int, int]]:
        return [(self._counters[lost], self._counters[done]) for lost, done in self.PAIRS]


class _Sendings:
    """Sees how many answers over UDP went to clients, and how many had no way to them."""

    NAMES = ("responses_udp", "drop_send_no_route", "drop_send_forbidden")

    def __init__(self, workers: list[Counters]) -> None:
        self._workers = workers
        self._last = self._read()

    def look(self, checks: Iterable[CheckResult]) -> Sent:
        """Return what was sent since the last time, when ``checks`` were answered besides."""
        last, self._last = self._last, self._read()
        made, no_route, forbidden = (
            max(0, now - was) for was, now in zip(last, self._last, strict=True)
        )
        own = sum(
            one.transport == "udp" and one.outcome != SelfCheckOutcome.SILENT for one in checks
        )
        return Sent(made, own, no_route, forbidden)

    def _read(self) -> list[int]:
        return [sum(worker[INDEX[name]] for worker in self._workers) for name in self.NAMES]


class _Table:
    """What the table of zones tells: how many are ``lost``, and how old the stalest is."""

    def __init__(self, rows: Callable[[], Iterable[ZoneRow]], wall: Callable[[], float]) -> None:
        self.lost = 0
        self._rows = rows
        self._wall = wall
        self._due = float("-inf")
        self._since: float | None = None

    def stale(self, now: float) -> float:
        """Return for how many seconds the zone that has been failing longest has not been reloaded.

        0 if all zones are as they are in their files.
        """
        if now >= self._due:
            self._due = now + ROWS_S
            rows = [*self._rows()]
            failing = (row.since for row in rows if row.state == ZoneState.STALE)
            self._since = min(failing, default=None)
            self.lost = sum(row.is_lost for row in rows)
        return 0.0 if self._since is None else max(0.0, self._wall() - self._since)


class DiskProbe:
    """Tries the state directory; ``fault`` is a sentence, empty while all is well."""

    def __init__(self, directory: Path, period: float = DISK_S) -> None:
        self.fault = ""
        self._directory = directory
        self._period = period

    async def run(self) -> None:
        """Try it each period; a disk that hangs holds up a thread and nothing else."""
        while True:
            attempt = asyncio.ensure_future(asyncio.to_thread(fault_of, self._directory))
            done, _ = await asyncio.wait((attempt,), timeout=self._period)
            if not done:
                self.fault = f"the state directory {self._directory} does not respond"
            self.fault = await attempt
            await asyncio.sleep(self._period)


def fault_of(directory: Path) -> str:
    """Return what is wrong with the state directory: a sentence, empty if it can be written."""
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            os.posix_fallocate(file.fileno(), 0, ROOM)
    except OSError as error:
        if error.errno in descriptors.WANT:
            return ""  # that this process cannot open anything says nothing of the disk
        return f"the state directory {directory} cannot be written: {error.strerror or error}"
    return ""
