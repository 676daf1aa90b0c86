"""What control tells the transfer process, and what that says.

Told is what is served, after each publication, and what the configuration says of it. Neither waits
for the other: see :mod:`dnsd.transfer.ipc`.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from dnsd.build.stamps import stamp
from dnsd.config import origins
from dnsd.errors import AdminError
from dnsd.image.state import WorkerCells, XfrdCells
from dnsd.process.correspondence import Correspondence
from dnsd.process.packets import Packets
from dnsd.transfer import ipc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set

    from dnsd.config import Config, ZoneTransfers
    from dnsd.control.catalogs.brought import BroughtZones
    from dnsd.control.transfers.fetched import FetchedZones
    from dnsd.control.zones.table import ZoneRow
    from dnsd.image.state import StateVector

LOOK_S = 0.05
"""Seconds between two looks whether something was published: a comparison of two numbers."""
LOOK_SHARE = 20
"""Of many zones a look takes longer: it may take a twentieth of the time."""
PATIENCE_S = 2.0
"""Seconds that workers may take to answer from what was published, before it is told anyway."""
ANSWER_S = 5.0
"""Seconds that the process may take to answer an order."""


class LinkedZones(NamedTuple):
    """All zones by origin, and what catalogs have brought of them.

    ``news`` are those that have changed in any way; who has read them takes them out.
    """

    rows: Mapping[str, ZoneRow]
    brought: BroughtZones
    news: set[str]


class TransferLink:
    """The way to the transfer process, whose descriptor is ``fd``.

    ``zones`` are those there are, ``generation`` is the number of what was published last.
    ``fetched`` does what is to be done about zones that were.
    """

    def __init__(
        self,
        fd: int,
        vector: StateVector,
        config: Callable[[], Config],
        zones: LinkedZones,
        generation: Callable[[], int],
        fetched: FetchedZones,
    ) -> None:
        self._packets = Packets(fd)
        self._cells = vector.xfrd
        self._vector = vector
        self._config = config
        self._rows, self._brought, self._news = zones
        self._generation = generation
        self._fetched = fetched
        fetched.tell = self._judge
        self._correspondence: Correspondence | None = None
        self._told: tuple[int, int, Config | None] = -1, -1, None
        self._unserved_since: float | None = None
        self._judged: list[tuple[str, ipc.Judged]] = []
        self._served: dict[str, tuple[object, ...]] = {}
        self._keys: set[str] = set()
        self._number = 0
        self._orders: dict[int, tuple[asyncio.Future[str], list[dict[str, Any]]]] = {}
        self.summary = ipc.TransferSummary()
        self.file_faults: dict[str, str] = {}
        """What is wrong with files of zones that are updated, as sentences by zone."""
        self.counts: dict[str, int] = {}
        """What the process has counted since it started."""

    async def run(self) -> None:
        """Tell what changes, for ever; to be begun when all zones have been loaded."""
        self._correspondence = Correspondence(self._packets, self._take)
        self._correspondence.bulletin.event(ipc.encode(ipc.Hello()))
        self._correspondence.tell()
        while True:
            began = time.monotonic()
            self._look()
            await asyncio.sleep(max(LOOK_S, LOOK_SHARE * (time.monotonic() - began)))

    # -- what is told -------------------------------------------------------------------------

    def _look(self) -> None:
        config = self._config()
        now = self._generation(), self._brought.number, config
        is_known = self._brought.number == self._told[1] and config is self._told[2]
        if is_known and now[0] == self._told[0] and not self._judged:
            return
        if not self._is_served(now[0]):
            return
        if config is not self._told[2]:
            self._tell_settings(config)
        # One of a hundred thousand must not cost what all of them do.
        self._tell_zones(self._news if is_known else self._all())
        self._news.clear()
        self._told = now
        judged, self._judged = self._judged, []
        for about, message in judged:
            self._put(about, message)
        self._put("all", ipc.AllTold())
        self._tell()

    def _is_served(self, generation: int) -> bool:
        """Tell whether all workers answer from ``generation``, or one of them takes too long.

        Who is told of a version asks for it at once, and must not get the one before.
        """
        workers = map(self._vector.worker, self._vector.taken)
        if all(cells[WorkerCells.READ] >= generation for cells in workers):
            self._unserved_since = None
            return True
        now = time.monotonic()
        if self._unserved_since is None:
            self._unserved_since = now
        return now - self._unserved_since > PATIENCE_S

    def _tell_settings(self, config: Config) -> None:
        zones = config.zones
        settings = ipc.TransferSettings(
            transfers=config.transfers, include=zones.include, limits=zones.limits
        )
        self._put("settings", settings)
        for name in self._keys - {key.name for key in config.key}:
            self._end(f"key {name}", ipc.KeyGone(name))
        for key in config.key:
            seen = stamp(str(key.secret_file))
            message = ipc.KeyTold(key=key, stamp=seen.mtime_ns if seen else 0)
            self._put(f"key {key.name}", message)
        self._keys = {key.name for key in config.key}

    def _all(self) -> Set[str]:
        return self._served.keys() | self._rows.keys()

    def _tell_zones(self, zones: Set[str]) -> None:
        for zone in zones:
            if (row := self._rows.get(zone)) is None:
                self._end(f"zone {zone}", ipc.ZoneGone(zone))
                self._served.pop(zone, None)
                continue
            transfers = self._brought.transfers_of(zone)
            kept = self._brought.kept(zone)
            now = row.served, row.is_expired, transfers, kept
            if self._served.get(zone) != now:
                self._served[zone] = now
                self._put(f"zone {zone}", _message_of(zone, transfers, row, kept))

    def _judge(self, about: str, judged: ipc.Judged) -> None:
        self._judged.append((about, judged))

    def _put(self, about: str, message: ipc.FromControl) -> None:
        if self._correspondence:
            self._correspondence.bulletin.put(about, ipc.encode(message))

    def _end(self, about: str, message: ipc.FromControl) -> None:
        if self._correspondence:
            self._correspondence.bulletin.end(about, ipc.encode(message))

    def _tell(self) -> None:
        if self._correspondence:
            self._correspondence.tell()

    # -- what is heard ------------------------------------------------------------------------

    def _take(self, octets: bytes) -> None:
        message = ipc.from_transfers(octets)
        match message:
            case ipc.Hello():
                assert self._correspondence
                self.file_faults.clear()  # this process has found none yet
                self._correspondence.bulletin.again()
                self._tell()
            case ipc.FileFault():
                self._note_fault(message)
            case ipc.OrderDone():
                self._take_done(message)
            case ipc.TransferCounts():
                self.counts = message.counts
            case ipc.TransferSummary():
                self.summary = message
            case ipc.Received():
                self._fetched.receive(message)
            case ipc.Expired():
                self._fetched.age(message)

    def _note_fault(self, fault: ipc.FileFault) -> None:
        self.file_faults.pop(fault.zone, None)
        if fault.why:
            told = f"{fault.zone} is served as it was, with its updates: {fault.why}"
            self.file_faults[fault.zone] = told

    def _take_done(self, done: ipc.OrderDone) -> None:
        found = self._orders.get(done.number)
        if found is None:
            return  # the operator has not waited
        future, rows = found
        rows += done.rows
        if not done.more and not future.done():
            future.set_result(done.fault)

    async def command_zone(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Have an order done (``what``: status, notify, …) for a ``zone``, or for all."""
        what, zone = str(request.get("what", "")), str(request.get("zone") or "")
        try:
            zone = zone and origins.normal(zone)
        except ValueError as error:
            raise AdminError(str(error)) from error
        if self._correspondence is None or not self._cells[XfrdCells.PID]:
            raise AdminError("the transfer process is not ready: try again in a moment")
        self._number += 1
        number, future = self._number, asyncio.get_running_loop().create_future()
        rows: list[dict[str, Any]] = []
        self._orders[number] = future, rows
        order = ipc.TransferOrder(number=number, what=what, zone=zone)
        self._correspondence.bulletin.event(ipc.encode(order))
        self._tell()
        try:
            fault = await asyncio.wait_for(future, ANSWER_S)
        except TimeoutError:
            raise AdminError("the transfer process does not answer") from None
        finally:
            del self._orders[number]
        if fault:
            raise AdminError(fault)
        return rows


def _message_of(zone: str, transfers: ZoneTransfers, row: ZoneRow, kept: str) -> ipc.ZoneTold:
    served = row.served
    return ipc.ZoneTold(
        zone=zone,
        transfers=transfers,
        serial=None if served is None else served.serial,
        records="" if served is None else served.version,
        is_expired=row.is_expired,
        kept=kept,
    )
