"""The state vector: the one piece of memory that master, control and workers share.

A memfd that the master creates and hands down by number. It is divided into pages of
``PAGE`` bytes: page 0 is control's, page 1 + n belongs to worker n. Every cell is a 64-bit
unsigned integer with exactly one writer, so no lock is needed. A worker page is a *seat*: there are
more of them than workers, so that those of a new master can begin beside those of the old one.

    control page   generation, journal epoch, control heartbeat (ns), pid, zones, …
                   and, behind these, the few cells that the master and transfers write
    worker page    pid, heartbeat (ns), generation served, loop lag (ns), open TCP, counters…
                   and, in between, for how long the master has seen no progress of it

After the pages, each worker has ``SOURCES`` cells of 16 bits in which it counts its TCP
connections by source, so that a client's limit holds for the node and not for each worker;
and a page in which it says what it should serve and does not (:mod:`dnsd.image.gaps`).

Then come the cells of pools, as :mod:`dnsd.image.selection` describes them: control's
selections, and each worker's notes and counts. Memory is only taken for those in use.

Rate limits follow, as :mod:`dnsd.image.buckets` describes them: the buckets, the only cells
that all workers write (always a whole word), and each worker's rows.

Then comes the demand of caches, as :mod:`dnsd.image.demand` describes it: control's words, and each
worker's sample. Memory is only taken for it once it is counted. And the tap, as
:mod:`dnsd.image.tap` describes it, in the same way.

``generation`` goes up by one each time control has published to the journal. A worker that has
read so far, and put in place what it can, says so (READ); that it serves the generation it says
only when everything in it is in place (GENERATION).
"""

from __future__ import annotations

import mmap
import os
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from dnsd.image import demand, secrets, tap
from dnsd.image.buckets import BUCKETS, LIMITED, ROW, Buckets
from dnsd.image.selection import Cells
from dnsd.metrics import counters

if TYPE_CHECKING:
    from dnsd.metrics.counters import Counters

PAGE = 4096
"""Bytes of one page: a page of memory, so that no two writers share a cache line."""

_HEAD = 16
"""Cells before the counters in a worker's page."""

SOURCES = 4096
"""Cells for connections by source; more than connections, so that few sources share one."""

POOL_CELLS = 1 << 17
"""Cells for pools: some 10,000 of them, as ten members need 18 each."""

_MASTER = 64
"""Where the master's cells begin in page 0: on a cache line of their own."""

_XFRD = 120
"""Where the cells of the transfer process begin in page 0: on a cache line of their own."""

_SECRETS = 128
"""Where the cookie secrets begin in page 0."""

_KEY = 16
"""Octets of the secret at the end of page 0."""

assert (_HEAD + counters.SIZE) * 8 <= PAGE


class ControlCells:
    """Control's cells: what it has published and when it was last alive.

    ZONES and BROKEN count the zones of the generation, and those of them that have no image.
    RELOADED is the monotonic time (ns) of the last SIGHUP that has been dealt with. TO_BUILD is
    how many zones are being built, 0 when none are, and BUILT how many of them are done.
    JOURNAL is where the journal of EPOCH ends, for this generation, or before.

    CARRIER is control's order to the master about the VIPs' interface: its number, shifted by
    one, and in the lowest bit whether there is to be a carrier. STOPPED becomes 1 when a node
    that is stopping is off the route.

    PAST_KNOWN, PAST_ON_ROUTE and the six cells from PAST_SERIES on are what the announcer leaves to
    a successor: see :mod:`dnsd.control.anycast.pastkeeper`. Those that begin with KEPT say where in
    memory it is what control leaves to it: see :mod:`dnsd.image.keepsake`.

    LOADED says whether all zones have been loaded once since the master's start: see
    :class:`FirstLoad`. COMING is how many are to be loaded before they can be answered.

    LOG_LEVEL is from which level on all processes log, 0 for what each was started with.
    """

    GENERATION, EPOCH, HEARTBEAT, PID, ZONES, BROKEN, RELOADED, TO_BUILD, BUILT = range(9)
    CARRIER, STOPPED, JOURNAL = range(9, 12)
    PAST_KNOWN, PAST_ON_ROUTE, PAST_SERIES = range(12, 15)
    KEPT_CONFIG, KEPT_LEDGER, KEPT_POOLS, KEPT_ORDERS = range(20, 24)
    LOADED, COMING, LOG_LEVEL, KEPT_HOOKS = range(24, 28)


class FirstLoad(IntEnum):
    """How far the first load of all zones has come."""

    UNDER_WAY = 0
    OVER = 1
    LATE = 2
    """It takes longer than the configuration allows; the node works without what is missing."""


class MasterCells:
    """The master's cells, in control's page.

    LEADER is the pid of the master that controls the node. The one that hands it on writes it,
    in the moment from which on only the other one may; or that one, when the former has gone.
    CARRIER is 1 while the VIPs' interface has a carrier. SILENCED is the order at which the
    master has taken it away by itself, because no worker was left: it stays away until the
    next order. STOPPING is when the master was told to stop (monotonic, ns), 0 before.
    """

    CARRIER, SILENCED, STOPPING, LEADER = range(4)


class XfrdCells:
    """The cells of the transfer process, in control's page; 0 while there is none.

    HEARTBEAT is when its loop has turned last (monotonic, ns).
    """

    PID, HEARTBEAT = range(2)


_SERVICES = 32
"""Control's cell for the carrier of a director's first service; those of the others follow."""
_SERVICES_OF_MASTER = 8
"""The master's: two for each service."""
MOST_CARRIERS = 24
"""Services that there are cells for."""

assert _MASTER + _SERVICES_OF_MASTER + 2 * MOST_CARRIERS <= _XFRD


class CarrierCells(NamedTuple):
    """The cells of one carrier: control's ``order``, and the master's two.

    They are CARRIER of :class:`ControlCells`, and CARRIER and SILENCED of :class:`MasterCells`.
    """

    order: int
    carrier: int
    silenced: int

    @classmethod
    def of_node(cls) -> CarrierCells:
        """Return those of the one interface that a DNS node has."""
        return cls(ControlCells.CARRIER, MasterCells.CARRIER, MasterCells.SILENCED)

    @classmethod
    def of_service(cls, number: int) -> CarrierCells:
        """Return those of a director's service ``number``, from 0."""
        assert number < MOST_CARRIERS
        master = _SERVICES_OF_MASTER + 2 * number
        return cls(_SERVICES + number, master, master + 1)


NODE_CARRIER = CarrierCells.of_node()


class WorkerCells:
    """The head of a worker's page.

    GENERATION is the last one that the worker serves whole. READ is the one that it has got to:
    what of that it does not serve stands in its page of gaps. SECRETS is the version of the cookie
    secrets that it uses.

    SILENT and DUTY are the master's cells, on a cache line of their own. SILENT is for how long
    (ns) the worker has made no progress though it could have. It is measured in one place, and read
    here by all that must know whether a worker is dead. DUTY is what the seat is for: see
    :class:`Duty`.
    """

    PID, HEARTBEAT, GENERATION, LAG, TCP_OPEN, LISTENING, READ, SECRETS = range(8)
    SILENT, DUTY = range(8, 10)


class Duty(IntEnum):
    """What a worker's seat is for."""

    VACANT = 0
    """No worker has it, or will have it."""
    ASIDE = 1
    """A worker has it that does not begin queries yet, or no more; images must stay for it."""
    SERVING = 2
    """A worker has it, or its successor will, that is to answer."""


class StateVector:
    """A mapping of the state vector: ``control`` and ``worker(n)`` are views of its pages."""

    def __init__(self, fd: int, workers: int) -> None:
        self.fd = fd
        self.workers = workers
        """How many seats for workers there are."""
        self._map = mmap.mmap(fd, size_for(workers))
        self._cells = memoryview(self._map).cast("Q")

    @classmethod
    def create(cls, workers: int, spare: int = 0) -> StateVector:
        """Make a zeroed vector in a new memfd, for ``workers`` workers and ``spare`` seats more."""
        fd = os.memfd_create("dnsd-state", os.MFD_CLOEXEC)
        os.ftruncate(fd, size_for(workers + spare))
        os.pwrite(fd, os.urandom(_KEY), PAGE - _KEY)
        vector = cls(fd, workers + spare)
        for index in range(workers):
            vector.worker(index)[WorkerCells.DUTY] = Duty.SERVING
        return vector

    @property
    def taken(self) -> list[int]:
        """The seats that workers have, whether they are to answer or not."""
        return self._seats(Duty.ASIDE)

    @property
    def serving(self) -> list[int]:
        """The seats of the workers that are to answer."""
        return self._seats(Duty.SERVING)

    def _seats(self, least: Duty) -> list[int]:
        cells = self._cells
        duty = PAGE // 8 + WorkerCells.DUTY
        return [one for one in range(self.workers) if cells[duty + PAGE // 8 * one] >= least]

    @property
    def key(self) -> bytes:
        """A secret that all workers share; made with the vector."""
        return self._map[PAGE - _KEY : PAGE]

    @property
    def control(self) -> memoryview:
        """The cells of :class:`ControlCells`."""
        return self._cells[: PAGE // 8]

    @property
    def master(self) -> memoryview:
        """The cells of :class:`MasterCells`."""
        return self._cells[_MASTER : PAGE // 8]

    @property
    def leader(self) -> int:
        """The pid of the master that controls the node."""
        return int(self.master[MasterCells.LEADER])

    def log_level(self) -> int:
        """Return the level of the log that was ordered while dnsd runs; 0 without an order."""
        return int(self.control[ControlCells.LOG_LEVEL])

    @property
    def xfrd(self) -> memoryview:
        """The cells of :class:`XfrdCells`."""
        return self._cells[_XFRD:_SECRETS]

    @property
    def secrets(self) -> memoryview:
        """Control's cells for cookie secrets, as :mod:`dnsd.image.secrets` describes them."""
        return self._cells[_SECRETS : _SECRETS + secrets.CELLS]

    def worker(self, index: int) -> memoryview:
        """The cells of :class:`WorkerCells` for worker ``index`` (from 0)."""
        start = PAGE // 8 * (1 + index)
        return self._cells[start : start + PAGE // 8]

    def counters(self, index: int) -> Counters:
        """The counters of worker ``index``."""
        return self.worker(index)[_HEAD : _HEAD + counters.SIZE]

    def progress(self, index: int) -> int:
        """A number that changes whenever worker ``index`` makes progress, even within one batch.

        Its loop turns, or it counts something: each query and each connection is counted, so
        a worker that is busy needs no time to show that it lives.
        """
        return int(self.worker(index)[WorkerCells.HEARTBEAT]) + sum(self.counters(index))

    def sources(self, index: int) -> memoryview:
        """The 16-bit cells in which worker ``index`` counts connections by source."""
        start = PAGE * (1 + self.workers) + SOURCES * 2 * index
        return memoryview(self._map)[start : start + SOURCES * 2].cast("H")

    def gaps(self, index: int) -> memoryview:
        """The cells in which worker ``index`` says what it does not serve."""
        start = (PAGE * (1 + self.workers) + SOURCES * 2 * self.workers + PAGE * index) // 8
        return self._cells[start : start + PAGE // 8]

    @property
    def selections(self) -> memoryview:
        """The selections of all pools, of format ``Q``; written by control."""
        start = _pools_at(self.workers)
        return memoryview(self._map)[start : start + 8 * POOL_CELLS].cast("Q")

    def cache_until(self, index: int) -> memoryview:
        """The notes of worker ``index`` about all pools, of format ``I``."""
        return self._noted(2 * index)

    def counts(self, index: int) -> memoryview:
        """How often worker ``index`` was asked for pools, of format ``I``."""
        return self._noted(2 * index + 1)

    def cells(self, index: int) -> Cells:
        """All cells of pools, as worker ``index`` needs them."""
        return Cells(self.selections, self.cache_until(index), self.counts(index))

    def _noted(self, number: int) -> memoryview:
        start = _pools_at(self.workers) + (8 + 4 * number) * POOL_CELLS
        return memoryview(self._map)[start : start + 4 * POOL_CELLS].cast("I")

    def limited(self, index: int) -> memoryview:
        """The rows in which worker ``index`` notes the networks that it limits, of format ``Q``."""
        start = _buckets_at(self.workers) + 8 * (BUCKETS + ROW * LIMITED * index)
        return memoryview(self._map)[start : start + 8 * ROW * LIMITED].cast("Q")

    def buckets(self, index: int) -> Buckets:
        """What rate limits need in worker ``index``."""
        start = _buckets_at(self.workers)
        words = memoryview(self._map)[start : start + 8 * BUCKETS].cast("Q")
        return Buckets(self.key, words, self.limited(index))

    def sketched(self, index: int) -> demand.SketchCells:
        """Where worker ``index`` keeps its sample of demand."""
        start = _demand_at(self.workers)
        memory = memoryview(self._map)
        at = start + 8 * demand.CONTROL + demand.SIZE * index
        control = memory[start : start + 8 * demand.CONTROL].cast("Q")
        return demand.cells(control, memory[at : at + demand.SIZE])

    @property
    def tap_control(self) -> memoryview:
        """What control says of the tap, of format ``Q``."""
        start = _tap_at(self.workers)
        return memoryview(self._map)[start : start + 8 * tap.CONTROL].cast("Q")

    def tapped(self, index: int) -> tap.TapCells:
        """Where worker ``index`` puts what it was asked and has answered."""
        at = _tap_at(self.workers) + 8 * tap.CONTROL + tap.SIZE * index
        return tap.cells(self.tap_control, memoryview(self._map)[at : at + tap.SIZE])


def _pools_at(workers: int) -> int:
    return PAGE * (1 + workers) + (SOURCES * 2 + PAGE) * workers


def _buckets_at(workers: int) -> int:
    return _pools_at(workers) + 8 * (1 + workers) * POOL_CELLS


def _demand_at(workers: int) -> int:
    return _buckets_at(workers) + 8 * (BUCKETS + ROW * LIMITED * workers)


def _tap_at(workers: int) -> int:
    return _demand_at(workers) + 8 * demand.CONTROL + demand.SIZE * workers


def size_for(workers: int) -> int:
    """Return the octets of a vector with so many seats."""
    return _tap_at(workers) + 8 * tap.CONTROL + tap.SIZE * workers
