"""Zones that were fetched: which reloads are asked for, and what transfers are told of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dnsd.control.transfers import fetched
from dnsd.control.transfers.fetched import BUSY, LARGE, TOGETHER, FetchedZones
from dnsd.control.zones.reload import DIRECTORY
from dnsd.control.zones.report import ReloadReport, ZoneOutcome, ZoneReport
from dnsd.control.zones.requests import ReloadRequest
from dnsd.control.zones.table import ZoneRow
from dnsd.transfer.ipc import Judged, Received


class Scene:
    """Zones are received; the reloads that are asked for end when the test says so."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.asked: list[tuple[ReloadRequest, asyncio.Future[ReloadReport]]] = []
        self.judged: list[Judged] = []
        self.rows: dict[str, ZoneRow] = {}
        self.zones = FetchedZones(self._ask, set(), self.rows)
        self.zones.tell = lambda _about, judged: self.judged.append(judged)

    def _ask(self, request: ReloadRequest) -> asyncio.Future[ReloadReport]:
        future: asyncio.Future[ReloadReport] = asyncio.get_running_loop().create_future()
        self.asked.append((request, future))
        return future

    def receive(self, zone: str, serial: int = 1) -> None:
        records = self.directory / f"{zone}rec"
        self.rows.setdefault(zone, ZoneRow(zone, records, 0.0))
        self.zones.receive(Received(zone=zone, serial=serial, records=str(records)))

    def end(self, at: int) -> None:
        request, future = self.asked[at]
        loaded = (ZoneReport(zone=one, outcome=ZoneOutcome.LOADED) for one in request.due)
        future.set_result(ReloadReport(ok=True, zones=tuple(loaded)))

    async def rest(self) -> None:
        """Let happen what happens without anybody."""
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
def play(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Scene], Awaitable[None]]], None]:
    monkeypatch.setattr(fetched, "GATHER_S", 0.0)

    async def all_of_it(body: Callable[[Scene], Awaitable[None]]) -> None:
        await body(Scene(tmp_path))

    return lambda body: asyncio.run(all_of_it(body))


Play = Callable[[Callable[[Scene], Awaitable[None]]], None]


def test_versions_that_come_together_are_one_reload_and_not_too_many_are_under_way(
    play: Play,
) -> None:
    async def body(scene: Scene) -> None:
        names = [f"z{number}." for number in range((BUSY + 1) * TOGETHER)]
        for name in names:
            scene.receive(name)
        await scene.rest()
        assert [len(request.due) for request, _ in scene.asked] == [TOGETHER] * BUSY
        scene.receive(names[-1], serial=2)
        scene.end(1)
        await scene.rest()
        assert [len(request.due) for request, _ in scene.asked] == [TOGETHER] * (BUSY + 1)
        for at in (0, *range(2, BUSY + 1)):
            scene.end(at)
        await scene.rest()
        assert {(one.zone, one.serial, one.why) for one in scene.judged} == {
            (name, 2 if name == names[-1] else 1, "") for name in names
        }

    play(body)


def test_a_large_zone_is_a_reload_of_its_own(play: Play) -> None:
    async def body(scene: Scene) -> None:
        with (scene.directory / "large.rec").open("wb") as file:
            file.truncate(LARGE)
        scene.receive("small.")
        scene.receive("large.")
        await scene.rest()
        assert [{*request.due} for request, _ in scene.asked] == [{"large."}, {"small."}]

    play(body)


def test_a_zone_that_came_from_another_file_is_sought_in_the_directory(play: Play) -> None:
    async def body(scene: Scene) -> None:
        scene.rows["a."] = ZoneRow("a.", Path("/zones/a.zone"), 0.0)
        scene.receive("a.")
        await scene.rest()
        assert [{*request.due} for request, _ in scene.asked] == [{"a.", DIRECTORY}]

    play(body)
