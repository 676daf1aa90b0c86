"""Control at work, with builds that the test holds in its hand and no other process."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dnsd.build.images import Job
from dnsd.build.pipeline import BuildResult
from dnsd.config import Options, resolve
from dnsd.control import delivery
from dnsd.control import spec as specs
from dnsd.control.effective import EffectiveConfig
from dnsd.control.node import Node
from dnsd.control.spec import ControlSpec
from dnsd.control.zones.report import ReloadReport
from dnsd.errors import AdminError, ConfigError
from dnsd.image import memory
from dnsd.image.keepsake import Keepsake
from dnsd.image.memory import Memory
from dnsd.image.state import ControlCells, StateVector, WorkerCells
from tests.building import build_zone
from tests.support import zone

PATIENCE = 30


class Site:
    """A node's files and its control process, without the process."""

    def __init__(self, directory: Path, **zones: str) -> None:
        self.zones = directory / "zones"
        self.zones.mkdir()
        (directory / "state" / "images").mkdir(parents=True)
        for name, text in zones.items():
            self.write(name, text)
        self.file = directory / "dnsd.toml"
        self.configure()
        self.vector = StateVector.create(1)
        self.journal, self.images, self.kept = map(memory.create, ("journal", "images", "kept"))
        self.control = self.vector.control
        self.gate = asyncio.Event()
        self.gate.set()
        self.builds: list[list[str]] = []
        self.begin()

    def begin(self) -> None:
        """Make a control process, or its successor."""
        self.spec = ControlSpec(
            state_fd=self.vector.fd,
            journal_fd=self.journal,
            images_fd=self.images,
            kept_fd=self.kept,
            workers=1,
            master=os.getpid(),
            started=time.monotonic_ns(),
            config=resolve(self.file, Options()),
            options=Options(),
        )
        self.node = Node(self.spec, self.vector, self.build)

    def configure(self, more: str = "") -> None:
        self.file.write_text(
            '[server]\nstate_directory = "state"\nheartbeat = "10ms"\n'
            f'[zones]\ndirectory = "zones"\npoll = "50ms"\nsettle = "0s"\n{more}'
        )

    def write(self, name: str, text: str) -> None:
        path = self.zones / f"{name}.zone"
        path.write_text(text)
        os.utime(path, (1, len(text)))

    async def build(
        self, jobs: Sequence[Job], deliver: Callable[[Sequence[BuildResult]], object]
    ) -> None:
        self.builds.append(sorted(job.origin for job in jobs))
        await self.gate.wait()
        deliver([build_zone(job) for job in jobs])

    def states(self, report: object) -> dict[str, str]:
        assert isinstance(report, ReloadReport)
        return {one.zone: one.outcome for one in report.zones}

    async def until(self, condition: Callable[[], object]) -> None:
        while not condition():
            await asyncio.sleep(0)

    async def beat(self) -> None:
        """Wait for the next sign of life."""
        last = self.control[ControlCells.HEARTBEAT]
        await self.until(lambda: self.control[ControlCells.HEARTBEAT] > last)

    async def published(self, generation: int) -> None:
        await self.until(lambda: self.control[ControlCells.GENERATION] >= generation)


def play(story: Callable[[Site], Awaitable[None]], **zones: str) -> None:
    """Run ``story`` with a node that has loaded its zones."""

    async def run() -> None:
        with TemporaryDirectory(prefix="dnsd-") as name:
            site = Site(Path(name), **zones)
            async with asyncio.timeout(PATIENCE):
                task = asyncio.create_task(site.node.run())
                await site.published(1)
                await story(site)
                task.cancel()
                await asyncio.wait([task])

    asyncio.run(run())


def test_it_loads_publishes_and_shows_that_it_lives() -> None:
    async def story(site: Site) -> None:
        assert site.builds == [["a.", "b."]]
        assert site.control[ControlCells.ZONES] == 2
        await site.beat()
        status = await site.node.command_status({})
        assert status["pid"] == os.getpid()
        assert [one["serial"] for one in status["zones"]] == [1, 2]
        assert status["problems"] == ()

    play(story, a=zone(1), b=zone(2))


def test_reloads_that_are_asked_for_during_one_become_one() -> None:
    async def story(site: Site) -> None:
        site.gate.clear()
        site.write("a", zone(22, "x A 192.0.2.1"))
        first = asyncio.create_task(site.node.command_reload({}))
        await site.until(lambda: len(site.builds) == 2)
        site.write("b", zone(333, "x A 192.0.2.1"))
        later = [asyncio.create_task(site.node.command_reload({})) for _ in range(5)]
        named = asyncio.create_task(site.node.command_reload({"zones": ["b"]}))
        await asyncio.sleep(0)
        site.gate.set()
        assert site.states(await first)["a."] == "loaded"
        for report in await asyncio.gather(*later):
            assert site.states(report) == {"a.": "unchanged", "b.": "loaded"}
        assert site.states(await named) == {"b.": "loaded"}
        assert site.builds[1:] == [["a."], ["b."]]

    play(story, a=zone(1), b=zone(1))


def test_status_is_told_while_zones_are_being_built() -> None:
    async def story(site: Site) -> None:
        site.gate.clear()
        site.write("a", zone(22))
        reload = asyncio.create_task(site.node.command_reload({}))
        await site.until(lambda: len(site.builds) == 2)
        assert (await site.node.command_status({}))["zones"][0]["serial"] == 1
        site.gate.set()
        await reload
        assert (await site.node.command_status({}))["zones"][0]["serial"] == 22

    play(story, a=zone(1))


def test_a_reload_waits_for_the_workers() -> None:
    async def story(site: Site) -> None:
        worker = site.vector.worker(0)
        worker[WorkerCells.LISTENING] = 1
        worker[WorkerCells.READ] = worker[WorkerCells.GENERATION] = 1
        site.write("a", zone(22))
        reload = asyncio.create_task(site.node.command_reload({}))
        await site.published(2)
        for _ in range(3):
            await site.beat()
        assert not reload.done()
        worker[WorkerCells.READ] = worker[WorkerCells.GENERATION] = 2
        assert (await reload).ok

    play(story, a=zone(1))


def test_a_worker_that_does_not_follow_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "ACKNOWLEDGE_S", 0.01)

    async def story(site: Site) -> None:
        worker = site.vector.worker(0)
        worker[WorkerCells.LISTENING] = 1
        report = await site.node.command_reload({})
        assert not report.ok
        assert report.problems == ("worker 0 has not loaded the new data within 0 s",)

    play(story, a=zone(1))


def test_a_bad_configuration_fails_the_reload_and_nothing_else() -> None:
    async def story(site: Site) -> None:
        site.configure("[[zone]]\nname = 3\n")
        report = await site.node.command_reload({})
        assert not report.ok
        assert any("[[zone]] #1 name" in problem for problem in report.problems)
        assert (await site.node.command_status({}))["problems"] == report.problems
        site.configure()
        assert (await site.node.command_reload({})).ok
        assert (await site.node.command_status({}))["problems"] == ()

    play(story, a=zone(1))


def test_a_key_of_the_server_wants_a_restart() -> None:
    async def story(site: Site) -> None:
        text = site.file.read_text()
        site.file.write_text(text.replace("[zones]", "workers = 7\n[zones]"))
        report = await site.node.command_reload({})
        assert not report.ok
        sentence = (
            "restart needed: [server] workers has changed, and a running dnsd keeps the old value"
        )
        assert report.problems == (sentence,)
        site.write("a", zone(22))
        await site.published(2)
        assert sentence in (await site.node.command_status({}))["problems"], "until it is"
        site.file.write_text(text)
        assert (await site.node.command_reload({})).ok
        assert (await site.node.command_status({}))["problems"] == ()

    play(story, a=zone(1))


def test_a_change_that_no_stamp_shows_is_noticed() -> None:
    async def story(site: Site) -> None:
        path = site.zones / "a.zone"
        site.write("a", zone(2, "www A 192.0.2.1"))
        await site.published(2)  # the node has looked
        before = path.stat()
        path.write_text(zone(3, "www A 192.0.2.1"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size
        await site.published(3)
        assert (await site.node.command_status({}))["zones"][0]["serial"] == 3

    play(story, a=zone(1))


def test_without_a_watch_only_orders_load() -> None:
    async def story(site: Site) -> None:
        site.configure("watch = false\n")
        await site.node.command_reload({})
        site.write("a", zone(2, "more A 192.0.2.1"))
        for _ in range(5):
            await site.beat()
            await asyncio.sleep(0.05)  # as long as between two looks
        assert site.builds == [["a."]]
        site.configure("watch = true\n")
        await site.node.command_reload({})
        assert site.builds == [["a."], ["a."]]
        site.write("a", zone(3, "a A 192.0.2.1", "b A 192.0.2.1"))
        await site.published(3)

    play(story, a=zone(1))


def test_what_is_refused_is_loaded_by_force() -> None:
    many = [f"h{number} A 192.0.2.1" for number in range(20)]
    pool = '[[pool]]\nname = "ns"\ntype = "A"\ncheck = "none"\n'

    async def story(site: Site) -> None:
        policy = site.zones / "b.toml"
        policy.write_text(pool)
        assert (await site.node.command_reload({"zones": ["b"]})).ok
        policy.write_text("")
        report = await site.node.command_reload({"zones": ["b"]})
        assert [one.code for one in report.zones[0].findings] == ["pools-gone"]
        policy.unlink()
        report = await site.node.command_reload({"zones": ["b"]})
        assert not report.ok
        assert f"the policy {policy} is gone: its pool goes on" in report.zones[0].trouble
        site.write("a", zone(2))
        report = await site.node.command_reload({"zones": ["a"]})
        assert (report.ok, site.states(report)) == (False, {"a.": "broken"})
        report = await site.node.command_reload({"zones": ["b"], "force": True})
        assert (report.ok, site.states(report)) == (True, {"b.": "loaded"})
        report = await site.node.command_reload({"zones": ["a"], "force": True})
        assert (report.ok, site.states(report)) == (True, {"a.": "loaded"})
        (site.zones / "b.zone").unlink()
        (site.zones / "a.zone").unlink()
        report = await site.node.command_reload({})
        assert not report.ok
        (told,) = (await site.node.command_status({}))["problems"]
        assert "the zone files of a., b. are gone" in told
        report = await site.node.command_reload({"force": True})
        assert (report.ok, site.states(report)) == (True, {"a.": "dropped", "b.": "dropped"})
        assert (await site.node.command_status({}))["problems"] == ()

    play(story, a=zone(1, *many), b=zone(1))


def test_a_trouble_that_stays_is_logged_once(capsys: pytest.CaptureFixture[str]) -> None:
    async def story(site: Site) -> None:
        policy = site.zones / "b.toml"
        for _ in range(2):
            policy.write_text('[[pool]]\nname = "ns"\ntype = "A"\ncheck = "none"\n')
            assert (await site.node.command_reload({"zones": ["b"]})).ok
            policy.unlink()
            for _ in range(3):
                assert not (await site.node.command_reload({"zones": ["b"]})).ok
        assert capsys.readouterr().err.count(f"the policy {policy} is gone") == 2

    play(story, b=zone(1))


def test_a_hangup_reloads_and_tells_the_master_when_it_is_done() -> None:
    async def story(site: Site) -> None:
        site.gate.clear()
        site.write("a", zone(22))
        before = time.monotonic_ns()
        site.node.on_hangup()
        await site.until(lambda: len(site.builds) == 2)
        assert site.control[ControlCells.RELOADED] == 0
        site.gate.set()
        await site.until(lambda: site.control[ControlCells.RELOADED] >= before)
        assert site.control[ControlCells.GENERATION] == 2

    play(story, a=zone(1))


def test_changes_are_seen_without_being_told() -> None:
    async def story(site: Site) -> None:
        site.write("a", zone(22))
        await site.published(2)
        site.write("c", zone(1))
        await site.until(lambda: site.control[ControlCells.ZONES] == 2)

    play(story, a=zone(1))


def test_a_fault_in_a_reload_is_told_and_survived(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(site: Site) -> None:
        def bug(_scope: object) -> set[str]:
            raise KeyError("bug")

        with monkeypatch.context() as patch:
            patch.setattr(site.node._reloader, "_scope", bug)
            report = await site.node.command_reload({})
        assert not report.ok
        assert report.problems == ("dnsd failed to reload: KeyError: 'bug'",)
        assert (await site.node.command_reload({})).ok

    play(story, a=zone(1))
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("zones", ["a", {"a": 1}, [1], ["a..b"], [""]])
def test_names_that_are_none_are_refused(zones: object) -> None:
    async def story(site: Site) -> None:
        with pytest.raises(AdminError):
            await site.node.command_reload({"zones": zones})

    play(story, a=zone(1))


def test_a_successor_goes_on_with_the_configuration_in_force() -> None:
    async def story(site: Site) -> None:
        other = site.zones.parent / "other"
        other.write_text(zone(5))
        site.configure(f'[[zone]]\nname = "x"\nfile = "{other}"\n')
        assert (await site.node.command_reload({})).ok
        site.file.write_text("bad")
        master_has = site.spec
        site.node = Node(master_has, site.vector, site.build)
        await site.node._requests.first(lambda: None)
        status = await site.node.command_status({})
        assert {one["zone"]: one["state"] for one in status["zones"]} == {
            "a.": "served",
            "x.": "served",
        }

    play(story, a=zone(1))


# -- the configuration in force ---------------------------------------------------------------


def test_what_is_in_force_survives_and_the_server_stays(tmp_path: Path) -> None:
    file = tmp_path / "dnsd.toml"
    file.write_text('[server]\nstate_directory = "."\n[zones]\npoll = "1s"\n')
    config = resolve(file, Options(workers=2))
    keepsake = Keepsake(Memory(memory.create("kept")), memoryview(bytearray(8)).cast("Q"), 0)
    cells = memoryview(bytearray(4096)).cast("Q")
    force = EffectiveConfig(config, Options(workers=2), keepsake, cells)
    assert force.reread() == ()
    file.write_text('[server]\nstate_directory = "."\nnsid = "x"\n[zones]\npoll = "2s"\n')
    assert force.reread() == ("[server] nsid",)
    assert force.config.zones.poll == 2.0
    assert force.config.server == config.server
    file.write_text("bad")
    with pytest.raises(ConfigError):
        force.reread()
    assert force.config.zones.poll == 2.0
    successor = EffectiveConfig(config, Options(workers=2), keepsake, cells)
    successor.recover()
    assert successor.config == force.config


def test_a_spec_survives_its_line(tmp_path: Path) -> None:
    config = resolve(None, Options(zones=str(tmp_path), zone=("x=y",), listen=("[::1]:53",)))
    options = Options(zones="z", workers=3)
    spec = ControlSpec(
        state_fd=3,
        journal_fd=4,
        images_fd=5,
        kept_fd=6,
        workers=2,
        master=1,
        started=9,
        config=config,
        options=options,
    )
    line = specs.encode(spec)
    assert line.count(b"\n") == 1
    assert specs.decode(line) == spec
