"""What control tells the transfer process: of a version, once all workers answer from it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from dnsd.config import Config, sent
from dnsd.control.catalogs.brought import BroughtZones
from dnsd.control.transfers import link as module
from dnsd.control.transfers.fetched import BUSY, LARGE, TOGETHER, FetchedZones
from dnsd.control.transfers.link import PATIENCE_S, LinkedZones, TransferLink
from dnsd.control.zones.reload import DIRECTORY
from dnsd.control.zones.report import ReloadReport
from dnsd.control.zones.requests import ReloadRequest
from dnsd.control.zones.table import ZoneRow
from dnsd.image.state import StateVector, WorkerCells
from dnsd.process.packets import MOST_OCTETS, pair
from dnsd.transfer import ipc

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Turns = Callable[[], Awaitable[list[Any]]]


class Site:
    """A link whose other end is read here; two workers, and one zone."""

    def __init__(self) -> None:
        self.vector = StateVector.create(2)
        here, self.there = pair()
        self.there.setblocking(False)
        self.generation = 1
        row = ZoneRow("example.", Path("example.zone"), 0.0)
        self.rows = {"example.": row}
        self.fetched = FetchedZones(lambda _: asyncio.Future(), set(), self.rows)
        self.news: set[str] = set()
        config = Config()
        self.link = TransferLink(
            here.detach(),
            self.vector,
            lambda: config,
            LinkedZones(self.rows, BroughtZones(config, {}), self.news),
            lambda: self.generation,
            self.fetched,
        )

    def serve(self, *generations: int) -> None:
        for index, generation in enumerate(generations):
            self.vector.worker(index)[WorkerCells.READ] = generation

    def close(self) -> None:
        self.link._packets.close()
        self.there.close()

    def told(self) -> list[Any]:
        found: list[Any] = []
        while True:
            try:
                message = self.there.recv(MOST_OCTETS)
            except BlockingIOError:
                return found
            found.append(sent.decode(message, ipc.FromControl))  # type: ignore[arg-type]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    now = SimpleNamespace(at=1000.0)
    now.monotonic = lambda: now.at
    monkeypatch.setattr(module, "time", now)
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    return now


def play(story: Callable[[Site, Turns], Awaitable[None]]) -> None:
    async def run() -> None:
        site = Site()
        task = asyncio.create_task(site.link.run())

        async def turns() -> list[Any]:
            for _ in range(20):
                await asyncio.sleep(0)
            return site.told()

        await story(site, turns)
        task.cancel()
        site.close()

    asyncio.run(run())


def zones(found: list[Any]) -> list[str]:
    return [one.zone for one in found if isinstance(one, ipc.ZoneTold)]


@pytest.mark.usefixtures("clock")
def test_a_version_is_told_when_all_workers_answer_from_it() -> None:
    async def story(site: Site, turns: Turns) -> None:
        site.serve(1, 0)
        assert zones(await turns()) == [], "one worker answers from what was before"
        site.serve(1, 1)
        assert zones(await turns()) == ["example."]

    play(story)


def test_a_worker_that_hangs_keeps_nothing_back_for_long(clock: SimpleNamespace) -> None:
    async def story(site: Site, turns: Turns) -> None:
        site.serve(1, 0)
        assert zones(await turns()) == []
        clock.at += PATIENCE_S + 0.1
        assert zones(await turns()) == ["example."]

    play(story)


@pytest.mark.usefixtures("clock")
def test_a_fault_of_an_updated_file_is_known_until_it_is_mended() -> None:
    async def story(site: Site, turns: Turns) -> None:
        for why in ("line 3: no such type", "", "line 4: no such type"):
            site.there.send(ipc.encode(ipc.FileFault(zone="example.", why=why)))
            await turns()
            told = [f"example. is served as it was, with its updates: {why}"] if why else []
            assert [*site.link.file_faults.values()] == told
        site.there.send(ipc.encode(ipc.Hello()))
        await turns()
        assert site.link.file_faults == {}, "another process has found nothing yet"

    play(story)


@pytest.mark.usefixtures("clock")
def test_what_became_of_a_version_is_told_when_it_is_answered() -> None:
    async def story(site: Site, turns: Turns) -> None:
        site.serve(1, 1)
        await turns()
        site.generation = 2
        site.fetched.tell("judged example.", ipc.Judged(zone="example.", serial=7))
        assert await turns() == []
        site.serve(2, 2)
        told = await turns()
        assert ipc.Judged(zone="example.", serial=7) in told

    play(story)


def test_a_zone_that_is_no_more_is_not_reloaded_when_it_has_ceased_to_be_expired() -> None:
    asked: list[ReloadRequest] = []
    expired = {"example.", "gone."}

    def ask(request: ReloadRequest) -> asyncio.Future[ReloadReport]:
        asked.append(request)
        return asyncio.Future(loop=loop)

    loop = asyncio.new_event_loop()
    rows = {"example.": ZoneRow("example.", Path("example.zone"), 0.0)}
    fetched = FetchedZones(ask, expired, rows)
    for zone in ("example.", "gone."):
        fetched.age(ipc.Expired(zone=zone, is_expired=False))
    loop.close()
    assert asked == [ReloadRequest(frozenset({"example."}))]
    assert not expired


def test_versions_that_come_together_are_one_reload_and_those_behind_them_wait() -> None:
    asked: list[ReloadRequest] = []
    done: list[asyncio.Future[ReloadReport]] = []
    told: list[str] = []

    def ask(request: ReloadRequest) -> asyncio.Future[ReloadReport]:
        asked.append(request)
        done.append(asyncio.get_running_loop().create_future())
        return done[-1]

    async def play() -> None:
        fetched = FetchedZones(ask, set(), {})
        fetched.tell = lambda about, _: told.append(about)
        for number in range(TOGETHER * (BUSY + 1)):
            fetched.receive(ipc.Received(zone=f"z{number}.", serial=1, records="none"))
        while len(asked) < BUSY:
            await asyncio.sleep(0.001)
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert [len(one.due) for one in asked] == [TOGETHER + 1] * BUSY, "and the directory"
        done[0].set_result(ReloadReport(ok=True))
        while len(asked) < BUSY + 1:
            await asyncio.sleep(0.001)
        for one in done[1:]:
            one.set_result(ReloadReport(ok=True))
        while len(told) < TOGETHER * (BUSY + 1):
            await asyncio.sleep(0.001)

    asyncio.run(play())
    assert len({*told}) == TOGETHER * (BUSY + 1)


def test_a_large_version_waits_for_no_others(tmp_path: Path) -> None:
    asked: list[ReloadRequest] = []

    def ask(request: ReloadRequest) -> asyncio.Future[ReloadReport]:
        asked.append(request)
        return asyncio.get_running_loop().create_future()

    async def play() -> None:
        fetched = FetchedZones(ask, set(), {})
        records = tmp_path / "large.records"
        with records.open("wb") as file:
            file.truncate(LARGE)
        fetched.receive(ipc.Received(zone="small.", serial=1, records="none"))
        fetched.receive(ipc.Received(zone="large.", serial=1, records=str(records)))
        assert [{*one.due} - {DIRECTORY} for one in asked] == [{"large."}]

    asyncio.run(play())


@pytest.mark.usefixtures("clock")
def test_of_many_zones_those_that_have_changed_are_told_again() -> None:
    async def story(site: Site, turns: Turns) -> None:
        for number in range(5):
            origin = f"z{number}."
            site.rows[origin] = ZoneRow(origin, Path("z"), 0.0)
        site.serve(1, 1)
        assert len(zones(await turns())) == 6
        site.generation = 2
        site.serve(2, 2)
        site.rows["z3."].is_expired = site.rows["z4."].is_expired = True
        site.news.add("z3.")
        assert zones(await turns()) == ["z3."]
        del site.rows["z1."]
        site.news.add("z1.")
        site.generation = 3
        site.serve(3, 3)
        assert ipc.ZoneGone("z1.") in await turns()

    play(story)
