"""The watch at work: what the kernel tells is seen at once, and nothing else is looked at."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

import pytest

from dnsd.build.stamps import Stamps, observe
from dnsd.config import Zones
from dnsd.control.zones import watching
from dnsd.control.zones.building import Building
from dnsd.control.zones.report import ReloadReport, ZoneOutcome, ZoneReport
from dnsd.control.zones.requests import ReloadRequest
from dnsd.control.zones.watch import Watch
from dnsd.control.zones.watching import RETRY_S, Watching, keep_fresh
from dnsd.image.state import StateVector

LONG = Zones(poll=3600.0, settle=0.0)


class Site:
    """A directory of two zones that have been loaded, and looks at it."""

    def __init__(self, zones: Path, config: Zones = LONG) -> None:
        self.zones = zones
        self.watch = Watch(config.settle)
        for name in ("a", "b"):
            (zones / f"{name}.zone").write_text("old\n")
            self.load(f"{name}.")
        self.watch.follow("directory", observe([str(zones)]))
        self.at_work = Watching(self.watch, lambda: config)

    def load(self, key: str) -> None:
        self.watch.follow(key, observe([str(self.zones / f"{key}zone")]))

    async def due(self) -> list[str]:
        """Wait for what is due."""
        async with asyncio.timeout(20):
            while not (found := await self.at_work.changed()):
                pass
        return found


@pytest.fixture
def stats(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are looked at."""
    asked: list[str] = []

    def counted(paths: Collection[str]) -> Stamps:
        asked.extend(paths)
        return observe(paths)

    monkeypatch.setattr("dnsd.control.zones.writers.observe", counted)
    return asked


def run(site: Site, body: Callable[[], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        assert await site.at_work.changed() == [], "the first look"
        await body()

    asyncio.run(all_of_it())


def test_an_edit_is_due_at_once_and_no_other_file_is_looked_at(
    tmp_path: Path, stats: list[str]
) -> None:
    site = Site(tmp_path)

    async def body() -> None:
        stats.clear()
        (tmp_path / "b.zone").write_text("new\n")
        assert await site.due() == ["b."]
        site.load("b.")
        new = tmp_path / ".new"
        new.write_text("newer\n")
        new.replace(tmp_path / "b.zone")
        assert await site.due() == ["b."]
        assert {*stats} == {str(tmp_path / "b.zone")}

    run(site, body)


def test_what_comes_and_goes_changes_the_directory(tmp_path: Path) -> None:
    site = Site(tmp_path)

    async def body() -> None:
        (tmp_path / "c.zone").write_text("new\n")
        assert await site.due() == ["directory"]
        site.watch.follow("directory", observe([str(tmp_path)]))
        assert site.watch.suspects(["directory"]) == {"directory"}
        (tmp_path / "a.zone").unlink()
        assert sorted(await site.due()) == ["a.", "directory"]

    run(site, body)


def test_what_the_kernel_does_not_tell_the_next_look_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "TOLD_SHARE", 0)
    monkeypatch.setattr(watching, "LOOK_SHARE", 0)
    site = Site(tmp_path, Zones(poll=0.05, settle=0.0))

    async def body() -> None:
        os.utime(tmp_path / "a.zone")
        assert await site.due() == ["a."]

    run(site, body)


def test_a_node_that_does_not_watch_looks_at_nothing(tmp_path: Path, stats: list[str]) -> None:
    site = Site(tmp_path, Zones(poll=0.05, watch=False))

    async def body() -> None:
        for _ in range(3):
            (tmp_path / "a.zone").write_text("new\n")
            assert await site.at_work.changed() == []
        assert stats == []

    run(site, body)


LOST = ReloadReport(ok=False, problems=("dnsd failed to reload",))
BROKEN = ReloadReport(
    ok=False,
    problems=("a worker is late",),
    zones=(ZoneReport(zone="a.", outcome=ZoneOutcome.BROKEN),),
)


@pytest.mark.parametrize(("report", "pauses"), [(LOST, 4), (BROKEN, 0)])
def test_a_reload_that_fails_after_it_was_planned_is_not_tried_all_the_time(
    monkeypatch: pytest.MonkeyPatch, report: ReloadReport, pauses: int
) -> None:
    looks = iter(range(9))
    asked: list[ReloadRequest] = []
    slept: list[float] = []

    async def changed() -> list[str]:
        if next(looks, None) is None:
            raise InterruptedError
        return ["a.", "b."]

    async def ask(request: ReloadRequest) -> asyncio.Future[ReloadReport]:
        asked.append(request)
        future: asyncio.Future[ReloadReport] = asyncio.get_running_loop().create_future()
        future.set_result(report)
        return future

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    building = Building(StateVector.create(1).control)
    building.begin(["b."], (), 0.0)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(InterruptedError):
        asyncio.run(keep_fresh(changed, Watch(0.0), building, ask))
    assert slept == [RETRY_S] * pauses
    assert asked == [ReloadRequest(frozenset({"a."}))] * (9 - pauses), "b. is being built"
