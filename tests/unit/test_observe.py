"""What is seen of workers, zones, overload and disk, in a state vector that the test writes."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path

import pytest

from dnsd.announce.observation import CheckResult, Observation, SelfCheckOutcome
from dnsd.announce.wayback import Sent
from dnsd.config.anycast import Anycast, SelfCheckConfig
from dnsd.control.anycast import observe
from dnsd.control.anycast.observe import ROWS_S, DiskProbe, Observer, fault_of
from dnsd.control.zones.table import ServedImage, ZoneRow
from dnsd.image.state import ControlCells, StateVector, WorkerCells
from dnsd.metrics.counters import INDEX

PATIENCE = 30
MISS = 0.25
TIMEOUT = 0.5
DROPS, UDP = INDEX["drop_receive_queue"], INDEX["queries_udp"]


class Site:
    """Two workers that serve, and the clocks of the machine."""

    def __init__(self, directory: Path = Path("/nowhere")) -> None:
        self.vector = StateVector.create(2)
        self.rows: list[ZoneRow] = []
        self.looked_at_rows = 0
        self.wall = 1e9
        self.now = 1000.0
        config = Anycast(heartbeat_miss=MISS, check=SelfCheckConfig(timeout=TIMEOUT))
        self.observer = Observer(config, self.vector, directory, self._rows, wall=lambda: self.wall)
        for number in range(2):
            self.set(number, WorkerCells.LISTENING, 1)
            self.set(number, WorkerCells.READ, 7)
        self.look()

    def _rows(self) -> list[ZoneRow]:
        self.looked_at_rows += 1
        return self.rows

    def set(self, worker: int, cell: int, value: int) -> None:
        self.vector.worker(worker)[cell] = value

    def count(self, worker: int, **counters: int) -> None:
        for name, value in counters.items():
            self.vector.counters(worker)[INDEX[name]] += value

    def look(self, after: float = 0.05) -> Observation:
        self.now += after
        self.wall += after
        return self.observer.look(self.now, ())


def row(name: str, since: float, *, served: bool = True, loaded: bool = True) -> ZoneRow:
    image = ServedImage(f"{name}.image", 1, 1) if served else None
    return ZoneRow(name, Path(f"{name}.zone"), since, served=image, loaded=loaded)


# -- workers ----------------------------------------------------------------------------------


def test_checks_and_time_are_passed_on() -> None:
    site = Site()
    checks = (CheckResult("192.0.2.53", "udp", "www A", SelfCheckOutcome.OK, "", 0.001),)
    seen = site.observer.look(1234.5, checks)
    assert (seen.now, seen.checks) == (1234.5, checks)


def test_a_worker_serves_when_it_listens_and_has_zones() -> None:
    site = Site()
    site.set(0, WorkerCells.READ, 0)
    assert [one.serving for one in site.look().workers] == [False, True]
    site.set(0, WorkerCells.READ, 1)
    site.set(1, WorkerCells.LISTENING, 0)
    assert [one.serving for one in site.look().workers] == [True, False]
    assert [one.number for one in site.look().workers] == [0, 1]


def test_a_workers_lag_is_in_seconds() -> None:
    site = Site()
    site.set(1, WorkerCells.LAG, 2_500_000_000)
    assert [one.lag for one in site.look().workers] == [0.0, 2.5]


def test_a_worker_is_late_too_while_the_heartbeat_is_overdue() -> None:
    site = Site()
    beat = round(site.now * 1e9)
    for number in range(2):
        site.set(number, WorkerCells.HEARTBEAT, beat)
    assert site.look(after=MISS).workers[0].lag == 0.0
    assert site.look(after=3.0).workers[0].lag == pytest.approx(3.0)


def test_silence_is_what_the_master_says() -> None:
    site = Site()
    site.set(1, WorkerCells.SILENT, 1_500_000_000)
    assert [one.silent for one in site.look().workers] == [0.0, 1.5]


# -- sent -------------------------------------------------------------------------------------


def test_what_was_sent_since_the_last_look_is_counted_over_all_workers() -> None:
    site = Site()
    site.count(0, responses_udp=50, drop_send_no_route=20, drop_send_error=7)
    site.count(1, responses_udp=30, drop_send_forbidden=3, drop_send_blocked=9)
    checks = tuple(
        CheckResult("192.0.2.53", transport, "www A", outcome, "", 0.001)
        for transport in ("udp", "tcp")
        for outcome in SelfCheckOutcome
    )
    seen = site.observer.look(site.now, checks)
    assert seen.sent == Sent(made=80, own=2, no_route=20, forbidden=3)
    assert site.look().sent == Sent()


# -- zones ------------------------------------------------------------------------------------


def test_zones_are_those_that_the_workers_know() -> None:
    """A new control process has an empty table at first; what is served is served."""
    site = Site()
    site.vector.control[ControlCells.ZONES] = 10
    site.vector.control[ControlCells.BROKEN] = 3
    seen = site.look()
    assert (seen.zones, seen.broken) == (10, 3)


def test_lost_is_what_was_served_once() -> None:
    site = Site()
    new, lost, found = (row(f"{n}.", site.wall, served=n == 2, loaded=n == 2) for n in range(3))
    lost.was_served = found.was_served = True
    site.rows = [new, lost, found]
    assert site.look(after=ROWS_S).lost == 1


def test_stale_is_the_zone_that_has_been_failing_longest() -> None:
    site = Site()
    assert site.look().stale == 0.0
    site.rows = [
        row("good.", site.wall - 900),
        row("stale.", site.wall - 60, loaded=False),
        row("staler.", site.wall - 300, loaded=False),
        row("broken.", site.wall - 600, served=False, loaded=False),
    ]
    assert site.look(after=ROWS_S).stale == pytest.approx(300 + ROWS_S)
    assert site.look(after=0.5).stale == pytest.approx(300.5 + ROWS_S)
    site.rows = [row("fresh.", site.wall)]
    assert site.look(after=ROWS_S).stale == 0.0


def test_a_clock_that_is_set_back_makes_nothing_negative() -> None:
    site = Site()
    site.rows = [row("stale.", site.wall + 3600, loaded=False)]
    assert site.look(after=ROWS_S).stale == 0.0


def test_the_table_is_not_read_at_every_look() -> None:
    site = Site()
    before = site.looked_at_rows
    for _ in range(100):
        site.look(after=ROWS_S / 10)
    assert 9 <= site.looked_at_rows - before <= 11


# -- overload ---------------------------------------------------------------------------------


@pytest.mark.parametrize("worker", [0, 1])
@pytest.mark.parametrize(
    ("lost", "done"),
    [("drop_receive_queue", "queries_udp"), ("tcp_evicted", "queries_tcp")],
)
def test_overload_is_loss_while_answers_go_out(worker: int, lost: str, done: str) -> None:
    site = Site()
    assert not site.look().overloaded
    site.count(worker, **{lost: 1, done: 1000})
    assert site.look().overloaded


@pytest.mark.parametrize(
    "counters",
    [
        {"drop_receive_queue": 100},
        {"queries_udp": 100, "queries_tcp": 100},
        {"drop_receive_queue": 100, "queries_tcp": 100},
        {"tcp_evicted": 100, "queries_udp": 100},
    ],
)
def test_loss_alone_or_answers_alone_or_of_another_transport_are_none(
    counters: dict[str, int],
) -> None:
    site = Site()
    site.count(0, **counters)
    assert not site.look().overloaded


def test_loss_of_one_worker_and_answers_of_another_are_none() -> None:
    site = Site()
    site.count(0, drop_receive_queue=100)
    site.count(1, queries_udp=100)
    assert not site.look().overloaded


def test_counters_that_stand_high_from_before_are_none() -> None:
    vector = StateVector.create(1)
    vector.counters(0)[DROPS] = vector.counters(0)[UDP] = 1000
    observer = Observer(Anycast(), vector, Path("/nowhere"), tuple)
    assert not observer.look(1.0, ()).overloaded


def test_overload_lasts_until_what_was_lost_has_been_noticed() -> None:
    site = Site()
    site.count(0, drop_receive_queue=1, queries_udp=1)
    assert site.look().overloaded
    assert site.look(after=TIMEOUT + 0.5).overloaded
    assert not site.look(after=1.0).overloaded


# -- disk -------------------------------------------------------------------------------------


def test_a_directory_that_can_be_written_is_well_and_left_as_it_was(tmp_path: Path) -> None:
    assert fault_of(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert fault_of(gone) == (
        f"the state directory {gone} cannot be written: No such file or directory"
    )


def test_a_lack_of_descriptors_is_no_fault_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(**_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("tempfile.TemporaryFile", without)
    assert fault_of(tmp_path) == ""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_told(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int, offset: int, size: int) -> None:
        assert (offset, size) == (0, observe.ROOM)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert fault_of(tmp_path).endswith(f"cannot be written: {os.strerror(number)}")
    assert list(tmp_path.iterdir()) == []


def test_the_directory_is_tried_again_and_again(tmp_path: Path) -> None:
    directory = tmp_path / "state"

    async def run() -> None:
        disk = DiskProbe(directory, period=0.001)
        task = asyncio.create_task(disk.run())
        async with asyncio.timeout(PATIENCE):
            while "No such file" not in disk.fault:
                await asyncio.sleep(0.001)
            directory.mkdir()
            while disk.fault:
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(run())


def test_a_disk_that_hangs_is_reported_and_delays_no_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def hanging(_directory: Path) -> str:
        assert released.wait(PATIENCE)
        return ""

    monkeypatch.setattr(observe, "fault_of", hanging)

    async def run() -> None:
        disk = DiskProbe(tmp_path, period=0.001)
        task = asyncio.create_task(disk.run())
        async with asyncio.timeout(PATIENCE):
            while disk.fault != f"the state directory {tmp_path} does not respond":
                await asyncio.sleep(0.001)
            released.set()
            while disk.fault:
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(run())


def test_what_the_disk_lacks_is_observed(tmp_path: Path) -> None:
    async def run() -> str:
        site = Site(tmp_path / "gone")
        task = asyncio.create_task(site.observer.run())
        async with asyncio.timeout(PATIENCE):
            while not site.look().disk:
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])
        return site.look().disk

    assert "cannot be written" in asyncio.run(run())
