"""One reload after the other: what is built, what is published, what is said of it.

Zones are built by a fake that does as it is told; files, journal and images are real.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dnsd.build import images
from dnsd.build.images import Job
from dnsd.build.pipeline import BuildResult
from dnsd.build.poolmeta import PoolMeta
from dnsd.build.stamps import observe
from dnsd.config import (
    AllowedPeer,
    Config,
    Limits,
    PrimaryPeer,
    Server,
    TransfersConfig,
    ZoneFile,
    Zones,
    received_file,
)
from dnsd.control.horizon.keeper import LedgerKeeper
from dnsd.control.horizon.ledgerfile import LedgerFile
from dnsd.control.publish import Publisher
from dnsd.control.transfers.fetched import FetchedZones
from dnsd.control.zones.reload import CONFIGURATION, DIRECTORY, EVERYTHING, Reloader
from dnsd.control.zones.report import ReloadReport, events, narrow
from dnsd.control.zones.requests import ReloadRequest
from dnsd.control.zones.table import ZoneState, apex_of
from dnsd.control.zones.watch import Deed, Sign, Watch
from dnsd.errors import StateError
from dnsd.image import memory, store
from dnsd.image.cells import Range
from dnsd.image.journal import Placed
from dnsd.image.memory import Memory
from dnsd.image.state import StateVector
from dnsd.image.stock import Stock
from dnsd.process.statedir import IMAGES
from dnsd.transfer.ipc import Expired, Judged, Received
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.sources import digest_of

ALL = {CONFIGURATION, EVERYTHING}
NONE: Set[str] = frozenset()


class Decider:
    """Remembers which pools were placed where, and which cells were released."""

    def __init__(self) -> None:
        self.placed: dict[str, tuple[tuple[str, ...], int]] = {}
        self.released: list[Range] = []
        self.expected: list[str] = []

    async def expect(self, pools: Sequence[PoolMeta]) -> None:
        self.expected += [pool.policy.name for pool in pools]

    def place(self, origin: str, pools: Sequence[PoolMeta], cell: int) -> None:
        self.placed[origin] = tuple(pool.policy.name for pool in pools), cell

    def remove(self, origin: str) -> None:
        self.placed.pop(origin, None)

    def release(self, cells: Range) -> None:
        self.released.append(cells)


class Site:
    """A directory of zones, and control's view of it; ``built`` are the zones of each build."""

    def __init__(self, directory: Path, **zones: str) -> None:
        self.ticks = 0
        self.zones = directory / "zones"
        self.state = directory / "state"
        self.zones.mkdir()
        (self.state / IMAGES).mkdir(parents=True)
        for name, text in zones.items():
            self.write(name, text)
        self.vector = StateVector.create(1)
        self.stock = Stock(self.state / IMAGES, Memory(memory.create("images")))
        self.journal = memory.create("journal")
        self.built: list[list[str]] = []
        self.begin()

    def begin(self, **changes: Any) -> None:
        """Begin as a new control process."""
        server = Server(state_directory=self.state)
        config = Config(server=server, zones=Zones(directory=self.zones))
        self.pools = Decider()
        self.publisher = Publisher(self.stock, self.journal, self.vector, self.pools.release)
        self.watch = Watch(1.0)
        self.keeper = LedgerKeeper(
            "a", LedgerFile(self.state), self.stock, lambda: self.publisher.generation
        )
        self.reloader = Reloader(
            msgspec.structs.replace(config, **changes),
            self.publisher,
            self.watch,
            self.build,
            self.pools,
            self.keeper,
        )

    def write(self, name: str, text: str) -> None:
        """Write a zone file: ``"serial"`` or ``"serial/records"``; anything else is broken.

        Its time is long past.
        """
        path = self.zones / f"{name}.zone"
        path.write_text(text)
        self.ticks += 1
        os.utime(path, (self.ticks, self.ticks))

    def remove(self, name: str) -> None:
        (self.zones / f"{name}.zone").unlink()

    async def build(
        self, jobs: Sequence[Job], deliver: Callable[[Sequence[BuildResult]], object]
    ) -> None:
        self.built.append(sorted(job.origin for job in jobs))
        deliver([self.build_one(job) for job in jobs])

    def build_one(self, job: Job) -> BuildResult:
        sources = observe([job.file])
        text = Path(job.file).read_text() if Path(job.file).is_file() else "broken"
        serial, _, records = text.partition("/")
        if not serial.isdigit():
            finding = Finding(job.file, 1, Severity.ERROR, text, "fake")
            return BuildResult(origin=job.origin, findings=(finding,), sources=sources)
        name = images.new_name(job.origin)
        Path(job.images, name).write_text(f"{text} {job.file}")
        images.seal(Path(job.images, name))
        return BuildResult(
            origin=job.origin,
            image=name,
            sources=sources,
            digests={job.file: digest_of(Path(job.file), 1 << 20)},
            text=text,
            serial=int(serial),
            records=int(records or 3),
        )

    def run(self, *due: str, named: Set[str] = NONE, forced: Set[str] = NONE) -> ReloadReport:
        self.built.clear()
        return asyncio.run(self.reloader.run(due or ALL, named, forced))

    def restart(self) -> None:
        """Begin as the first control process of another master."""
        self.vector = StateVector.create(1)
        self.begin()

    def served(self) -> dict[str, str | None]:
        """What the images hold that the workers are told to serve."""
        return {
            origin: self.text(placed.image) if isinstance(placed, Placed) else None
            for origin in (*self.reloader.rows, "a.", "b.", "c.")
            if apex_of(origin) in self.publisher.published
            for placed in [self.publisher.published[apex_of(origin)]]
        }

    def text(self, image: str) -> str:
        return (self.state / IMAGES / image).read_text().split()[0]


def outcomes(report: ReloadReport) -> dict[str, str]:
    return {zone.zone: zone.outcome for zone in report.zones}


def test_the_first_reload_loads_everything(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="2")
    report = site.run(DIRECTORY, EVERYTHING)
    assert report.ok
    assert outcomes(report) == {"a.": "loaded", "b.": "loaded"}
    assert [zone.serial for zone in report.zones] == [1, 2]
    assert site.served() == {"a.": "1", "b.": "2"}
    assert site.publisher.generation == 1


def test_no_zones_at_all_are_published_too(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.run().ok
    assert site.publisher.generation == 1
    site.run()
    assert site.publisher.generation == 1


def test_what_has_not_changed_is_not_built_again(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="2")
    site.run()
    report = site.run()
    assert report.ok
    assert outcomes(report) == {"a.": "unchanged", "b.": "unchanged"}
    assert site.built == []
    assert site.publisher.generation == 1
    site.write("a", "3")
    assert outcomes(site.run()) == {"a.": "loaded", "b.": "unchanged"}
    assert site.built == [["a."]]
    assert site.served() == {"a.": "3", "b.": "2"}


def test_a_broken_zone_leaves_the_old_one_in_place_and_heals(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="2")
    site.run()
    site.write("a", "broken")
    site.write("b", "3")
    report = site.run()
    assert not report.ok
    broken, loaded = report.zones
    assert (broken.outcome, broken.serial) == ("broken", 1)
    assert broken.findings[0].message == "broken"
    assert (loaded.outcome, loaded.serial) == ("loaded", 3)
    assert site.served() == {"a.": "1", "b.": "3"}
    row = site.reloader.rows["a."]
    assert row.state is ZoneState.STALE
    assert row.error == f"{site.zones}/a.zone:1: error: broken [fake]"
    site.write("a", "4")
    assert site.run().ok
    assert site.served()["a."] == "4"
    assert site.reloader.rows["a."].state is ZoneState.SERVED
    assert site.reloader.rows["a."].error is None


def test_a_zone_that_is_broken_at_first_is_ours_but_not_loaded(tmp_path: Path) -> None:
    site = Site(tmp_path, a="broken", b="2")
    report = site.run()
    assert not report.ok
    assert report.zones[0].serial is None
    assert site.served() == {"a.": None, "b.": "2"}
    assert site.reloader.rows["a."].state == ZoneState.BROKEN
    generation = site.publisher.generation
    site.run()
    assert site.built == [["a."]], "a broken zone is tried again: a permission may have changed"
    assert site.publisher.generation == generation, "but there is nothing new to tell"


def test_zones_come_and_go(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="2")
    site.run()
    site.remove("a")
    site.write("c", "3")
    report = site.run(DIRECTORY)
    assert report.ok
    assert outcomes(report) == {"a.": "dropped", "c.": "loaded"}
    assert site.served() == {"b.": "2", "c.": "3"}
    assert site.reloader.rows.keys() == {"b.", "c."}
    assert str(site.zones / "a.zone") not in site.watch.paths()


def test_only_what_is_due_is_touched(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="1")
    site.run()
    site.write("a", "2")
    site.write("b", "2")
    site.write("c", "2")
    assert outcomes(site.run("b.")) == {"b.": "loaded"}
    assert site.served() == {"a.": "1", "b.": "2"}
    asked = site.run(CONFIGURATION, "c.", "d.", "e.", named={"d."})
    told = {"c.": "loaded", "d.": "unknown"}
    assert outcomes(asked) == told, "nobody has named e., which was a catalog's, perhaps"


def test_a_zone_that_is_due_but_has_not_changed_is_left_alone(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1")
    site.run()
    assert outcomes(site.run("a.")) == {"a.": "unchanged"}
    assert site.built == []


def test_a_zone_that_moves_to_another_file_is_loaded_from_there(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1")
    other = tmp_path / "other"
    other.write_text("9")
    site.run()
    site.remove("a")
    listed = (ZoneFile(name="a.", file=other),)
    site.reloader.config = msgspec.structs.replace(site.reloader.config, zone=listed)
    assert outcomes(site.run()) == {"a.": "loaded"}
    assert site.served() == {"a.": "9"}
    assert site.reloader.rows["a."].file == other


def test_changed_limits_are_a_reason_to_load(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1")
    site.run()
    zones = Zones(directory=site.zones, limits=Limits(include_depth=1))
    site.reloader.config = msgspec.structs.replace(site.reloader.config, zones=zones)
    assert outcomes(site.run()) == {"a.": "loaded"}
    assert outcomes(site.run()) == {"a.": "unchanged"}


def test_a_directory_that_cannot_be_listed_drops_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1")
    site.run()
    site.zones.rename(tmp_path / "away")
    report = site.run(DIRECTORY)
    assert not report.ok
    assert "cannot list" in report.problems[0]
    assert site.served() == {"a.": "1"}
    (tmp_path / "away").rename(site.zones)
    assert site.run().ok


def test_what_is_watched_are_the_files_that_were_read(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="broken")
    site.run()
    files = {str(site.zones / "a.zone"), str(site.zones / "b.zone")}
    assert site.watch.paths() == files | {str(site.zones)}
    seen = observe(site.watch.paths())
    site.watch.look(0.0, seen)
    # the directory was changed as it was read, so it is looked at once more
    assert set(site.watch.look(10.0, seen)) <= {DIRECTORY}


def test_a_journal_that_cannot_be_written_keeps_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path, a="1", b="2")
    site.run()
    site.write("a", "3")
    site.remove("b")

    def full(*_: object) -> int:
        raise StateError("no space is left")

    with monkeypatch.context() as patch:
        patch.setattr(site.publisher, "publish", full)
        report = site.run()
    assert not report.ok
    assert report.problems == ("no space is left",)
    assert outcomes(report) == {"a.": "failed"}
    assert site.reloader.unfinished() == {"a.", "b."}, "to be tried again"
    assert site.served() == {"a.": "1", "b.": "2"}
    assert len(list((site.state / IMAGES).iterdir())) == 2
    assert outcomes(site.run()) == {"a.": "loaded", "b.": "dropped"}
    assert site.served() == {"a.": "3"}


def test_a_successor_keeps_what_was_served(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="broken")
    site.run()
    site.write("a", "broken")
    site.begin()
    # the fake's images say nothing of what they were made from
    assert site.reloader.rows["a."].state == ZoneState.STALE
    report = site.run(DIRECTORY, EVERYTHING)
    assert outcomes(report) == {"a.": "broken", "b.": "broken"}
    assert site.served() == {"a.": "1", "b.": None}
    site.write("a", "2")
    assert outcomes(site.run()) == {"a.": "loaded", "b.": "broken"}
    assert site.served() == {"a.": "2", "b.": None}


def test_a_successor_drops_nothing_because_it_cannot_list(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1")
    site.run()
    site.zones.rename(tmp_path / "away")
    site.begin()
    assert not site.run(DIRECTORY, EVERYTHING).ok
    assert site.served() == {"a.": "1"}


# -- the fault of one is no fault of another ---------------------------------------------------


def test_files_that_are_no_zones_are_told_and_the_others_come_and_go(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="2")
    for name in ("a b", "copy of a", "A", "l" * 70, "c\x1bd"):
        site.write(name, "9")
    report = site.run(DIRECTORY, EVERYTHING)
    assert not report.ok
    assert report.problems == ()
    assert len(report.odd) == 5
    assert site.served() == {"a.": "1", "b.": "2"}
    site.remove("b")
    site.write("c", "3")
    assert outcomes(site.run(DIRECTORY)) == {"b.": "dropped", "c.": "loaded"}
    report = site.run(CONFIGURATION, "a.")
    narrowed = narrow(report, ["a."])
    assert narrowed.ok, "a. itself is as it should be"
    assert not narrowed.odd
    for path in site.zones.iterdir():
        if path.stem not in ("a", "c"):
            path.unlink()
    assert site.run(DIRECTORY).ok
    assert site.reloader.odd == ()


@pytest.fixture
def readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have images of the fake builder say what they were made from."""
    monkeypatch.setattr(images, "read_meta", fake_meta)
    monkeypatch.setattr(store, "verify", lambda _: None)


def fake_meta(stock: Stock, name: str) -> images.Meta:
    path = stock.directory / name
    text, file = path.read_text().split()
    serial, _, records = text.partition("/")
    return images.Meta(
        builder="another",
        origin=f"{path.name.partition('-')[0]}.",
        file=file,
        limits=Limits(),
        sources={},
        text=text,
        serial=int(serial),
        records=int(records or 3),
        findings=(),
    )


@pytest.mark.usefixtures("readable")
def test_after_a_restart_a_broken_zone_is_served_as_it_was_last(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="2")
    site.run(DIRECTORY, EVERYTHING)
    site.write("a", "broken")
    site.restart()
    report = site.run(DIRECTORY, EVERYTHING)
    assert outcomes(report) == {"a.": "broken", "b.": "loaded"}
    assert report.zones[0].serial == 1
    assert report.zones[0].findings[0].message == "broken"
    assert site.served() == {"a.": "1", "b.": "2"}
    assert site.reloader.rows["a."].state is ZoneState.STALE
    site.write("a", "3")
    assert site.run("a.").ok
    assert site.served()["a."] == "3"


def test_a_zone_without_any_image_is_lost_if_it_had_one(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1")
    site.run(DIRECTORY, EVERYTHING)
    site.write("a", "broken")
    site.write("b", "broken")
    site.restart()
    site.run(DIRECTORY, EVERYTHING)  # what the fake builder has left is no image
    rows = site.reloader.rows
    assert {name: row.is_lost for name, row in rows.items()} == {"a.": True, "b.": False}
    assert {row.state for row in rows.values()} == {ZoneState.BROKEN}


# -- what an edit may take away ----------------------------------------------------------------


def codes(report: ReloadReport) -> list[str]:
    return [one.code for zone in report.zones for one in zone.findings]


def test_half_a_zone_is_refused_until_it_is_meant(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1/100", b="1/100")
    site.run()
    for name in "ab":
        site.write(name, "2/49")
    report = site.run()
    assert outcomes(report) == {"a.": "broken", "b.": "broken"}
    assert codes(report) == ["zone-shrunk", "zone-shrunk"]
    assert site.served() == {"a.": "1/100", "b.": "1/100"}
    assert len(list((site.state / IMAGES).iterdir())) == 2, "what was refused is deleted"
    assert codes(site.run("a.")) == ["zone-shrunk"], "it is refused as long as it is so"
    assert site.run("a.", forced={"a."}).ok
    assert site.served() == {"a.": "2/49", "b.": "1/100"}
    assert site.run(forced={EVERYTHING}).ok
    assert site.served() == {"a.": "2/49", "b.": "2/49"}


@pytest.mark.usefixtures("readable")
def test_half_a_zone_is_refused_by_a_start_too(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1/100", b="1/100")
    site.run()
    site.write("a", "2/49")
    site.write("b", "1/60")
    site.restart()
    report = site.run(DIRECTORY, EVERYTHING)
    assert outcomes(report) == {"a.": "broken", "b.": "loaded"}
    assert codes(report) == ["zone-shrunk", "serial-not-grown"]
    assert site.served() == {"a.": "1/100", "b.": "1/60"}
    assert site.reloader.rows["a."].state is ZoneState.STALE
    assert site.run("a.", forced={"a."}).ok


def test_a_serial_that_does_not_grow_is_loaded_and_told(tmp_path: Path) -> None:
    site = Site(tmp_path, a="5")
    site.run()
    site.write("a", "5/4")
    report = site.run()
    assert report.ok
    assert codes(report) == ["serial-not-grown"]
    assert any("has not grown (5 before, 5 now)" in one.sentence for one in events(report))
    site.write("a", "6/4")
    assert codes(site.run()) == []


# -- zones that go all at once -----------------------------------------------------------------


def test_an_empty_directory_drops_nothing_until_that_is_meant(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="2", c="3")
    site.run()
    site.zones.rename(tmp_path / "away")
    site.zones.mkdir()
    report = site.run(DIRECTORY)
    assert not report.ok
    (told,) = report.odd
    assert told.code == "zones-gone"
    assert "the zone files of a., b., c. are gone" in told.message
    assert site.served() == {"a.": "1", "b.": "2", "c.": "3"}
    assert [*site.reloader.odd] == [told]
    # it comes back file by file
    (tmp_path / "away/c.zone").rename(site.zones / "c.zone")
    (tmp_path / "away/b.zone").rename(site.zones / "b.zone")
    site.run(DIRECTORY)
    assert site.served() == {"a.": "1", "b.": "2", "c.": "3"}
    assert "the zone files of a. are gone" in site.reloader.odd[0].message
    assert outcomes(site.run(forced={EVERYTHING}))["a."] == "dropped"
    assert not site.reloader.odd
    assert site.served() == {"b.": "2", "c.": "3"}


def test_the_only_zone_goes_by_order_only(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="1")
    site.run()
    site.remove("b")
    assert outcomes(site.run(DIRECTORY)) == {"b.": "dropped"}
    site.remove("a")
    site.run(DIRECTORY)
    assert site.served() == {"a.": "1"}
    assert outcomes(site.run(CONFIGURATION, "a.", named={"a."}))["a."] == "broken"
    assert outcomes(site.run(CONFIGURATION, "a.", forced={"a."})) == {"a.": "dropped"}
    assert site.served() == {}


@pytest.mark.usefixtures("readable")
def test_after_a_start_with_an_empty_directory_the_zones_are_served(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="2", c="3")
    site.run()
    for name in "abc":
        site.remove(name)
    site.restart()
    report = site.run(DIRECTORY, EVERYTHING)
    assert [one.code for one in report.odd] == ["zones-gone"]
    assert site.served() == {"a.": "1", "b.": "2", "c.": "3"}
    assert {row.state for row in site.reloader.rows.values()} == {ZoneState.STALE}


@pytest.mark.usefixtures("readable")
def test_after_a_start_without_the_directory_the_zones_are_served(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="2")
    site.run()
    site.zones.rename(tmp_path / "away")
    site.restart()
    report = site.run(DIRECTORY, EVERYTHING)
    assert "cannot list" in report.problems[0]
    assert site.served() == {"a.": "1", "b.": "2"}
    (tmp_path / "away").rename(site.zones)
    assert site.run().ok


@pytest.mark.usefixtures("readable")
def test_a_start_with_another_directory_has_its_zones_only(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="2")
    site.run()
    site.zones = tmp_path / "others"
    site.zones.mkdir()
    site.write("c", "3")
    site.restart()
    assert site.run(DIRECTORY, EVERYTHING).ok
    assert site.served() == {"c.": "3"}


# -- changes that stamps do not tell -----------------------------------------------------------


def test_a_named_zone_is_read_whatever_its_stamps_say(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1", b="1")
    site.run()
    for name in "ab":
        path = site.zones / f"{name}.zone"
        before = path.stat()
        path.write_text("2")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size
    assert outcomes(site.run()) == {"a.": "unchanged", "b.": "unchanged"}
    assert outcomes(site.run(CONFIGURATION, "a.", named={"a."})) == {"a.": "loaded"}
    assert site.served() == {"a.": "2", "b.": "1"}
    assert outcomes(site.run("a.", named={"a."})) == {"a.": "unchanged"}


def test_a_new_file_is_no_zone_while_it_is_written_unless_that_is_an_order(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1")
    site.run()
    site.write("a", "2")
    site.write("b", "1")
    for name in "ab":
        path = str(site.zones / f"{name}.zone")
        site.watch.look(0.0, observe([path]), [Sign(path, Deed.WRITTEN)])
    site.run(DIRECTORY)
    assert site.served() == {"a.": "1"}
    site.run(CONFIGURATION, EVERYTHING)
    assert site.served() == {"a.": "2", "b.": "1"}


def test_other_directories_to_include_from_are_a_reason_to_load(tmp_path: Path) -> None:
    site = Site(tmp_path, a="1")
    site.run()
    zones = Zones(directory=site.zones, include=(tmp_path,))
    site.reloader.config = msgspec.structs.replace(site.reloader.config, zones=zones)
    assert outcomes(site.run()) == {"a.": "loaded"}
    assert outcomes(site.run()) == {"a.": "unchanged"}


def test_a_zone_with_more_pools_than_there_is_room_for_is_alone_with_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path, a="1", b="1")
    site.run()
    take = site.publisher.take_cells

    def few(image: str, count: int) -> int:
        if image.startswith("a-"):
            raise StateError("there is no room for the pools of this zone")
        return take(image, count)

    monkeypatch.setattr(site.publisher, "take_cells", few)
    site.write("a", "2")
    site.write("b", "2")
    report = site.run()
    assert report.problems == ()
    assert outcomes(report) == {"a.": "failed", "b.": "loaded"}
    assert site.served() == {"a.": "1", "b.": "2"}
    assert "there is no room" in (site.reloader.rows["a."].error or "")


# -- zones that are fetched -------------------------------------------------------------------


def fetched_site(directory: Path) -> tuple[Site, Path]:
    """A site with ``a.`` in a file and ``b.`` from a primary, and where that is kept."""
    site = Site(directory, a="1")
    listed = (ZoneFile(name="b.", primaries=(PrimaryPeer(address="192.0.2.1"),)),)
    site.begin(zone=listed)
    file = received_file(site.reloader.config, "b.")
    file.parent.mkdir()
    return site, file


def test_a_zone_that_was_not_fetched_yet_is_ours_and_says_so(tmp_path: Path) -> None:
    site, file = fetched_site(tmp_path)
    report = site.run(DIRECTORY, EVERYTHING)
    assert outcomes(report) == {"a.": "loaded", "b.": "broken"}
    assert site.built == [["a."]], "there is nothing to build"
    assert site.served() == {"a.": "1", "b.": None}
    assert "it has not been fetched from its primaries yet" in str(site.reloader.rows["b."].error)
    assert not site.reloader.rows["b."].is_lost, "nobody has had answers from it"
    file.write_text("5")
    assert outcomes(site.run("b.")) == {"b.": "loaded"}
    assert site.served() == {"a.": "1", "b.": "5"}


def test_a_zone_that_has_expired_is_not_answered_until_it_is_confirmed(tmp_path: Path) -> None:
    site, file = fetched_site(tmp_path)
    file.write_text("5")
    site.run(DIRECTORY, EVERYTHING)
    row = site.reloader.rows["b."]
    site.reloader.expired.add("b.")
    report = site.run("b.")
    assert outcomes(report) == {"b.": "expired"}
    assert not report.ok
    assert [str(one) for one in events(report)] == [
        "dnsd: zone b. is answered with SERVFAIL: it has expired: no primary has confirmed it "
        "within the EXPIRE time of its SOA"
    ]
    assert site.served() == {"a.": "1", "b.": None}
    assert (row.state, row.served, row.is_lost) == (ZoneState.EXPIRED, None, True)
    since = row.since
    file.write_text("6")
    assert outcomes(site.run()) == {"a.": "unchanged", "b.": "expired"}
    assert not site.built, "what is not answered is not built"
    assert row.since == since
    site.reloader.expired.discard("b.")
    assert outcomes(site.run("b.")) == {"b.": "loaded"}
    assert site.served() == {"a.": "1", "b.": "6"}
    assert (row.state, row.is_lost, row.error) == (ZoneState.SERVED, False, None)


def test_a_zone_that_has_expired_before_the_start_is_not_loaded(tmp_path: Path) -> None:
    site, file = fetched_site(tmp_path)
    file.write_text("5")
    site.reloader.expired.add("b.")
    assert outcomes(site.run(DIRECTORY, EVERYTHING)) == {"a.": "loaded", "b.": "expired"}
    assert site.served() == {"a.": "1", "b.": None}


def test_a_directory_for_which_there_is_no_descriptor_is_listed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path, a="1")
    site.run(DIRECTORY, EVERYTHING)
    site.write("b", "1")
    with monkeypatch.context() as patched:
        want = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        patched.setattr(os, "scandir", lambda _: (_ for _ in ()).throw(want))
        problems = site.run(DIRECTORY).problems
    assert problems == (f"cannot read the directory {site.zones}: Too many open files",)
    assert site.served() == {"a.": "1"}
    assert site.reloader.unfinished() == {DIRECTORY}, "convergence tries it again"
    site.run(*site.reloader.unfinished())
    assert site.served() == {"a.": "1", "b.": "1"}
    assert not site.reloader.unfinished()


def test_a_zone_expires_when_the_journal_can_be_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, file = fetched_site(tmp_path)
    file.write_text("5")
    site.run(DIRECTORY, EVERYTHING)
    site.reloader.expired.add("b.")

    def full(*_: object) -> int:
        raise StateError("there is no memory for the journal")

    with monkeypatch.context() as patched:
        patched.setattr(site.publisher, "publish", full)
        assert site.run("b.").problems
    assert site.served() == {"a.": "1", "b.": "5"}
    assert site.reloader.unfinished() == {"b."}, "convergence tries it again"
    assert outcomes(site.run("b.")) == {"b.": "expired"}
    assert site.served() == {"a.": "1", "b.": None}
    assert not site.reloader.unfinished()


@pytest.mark.parametrize(
    ("text", "why"),
    [("7/90", ""), ("no zone", "no zone"), ("7/1", "99 of 100 records are gone")],
)
def test_what_became_of_a_fetched_version_is_told(tmp_path: Path, text: str, why: str) -> None:
    site, file = fetched_site(tmp_path)
    file.write_text("5/100")
    site.run(DIRECTORY, EVERYTHING)
    told: dict[str, Judged] = {}

    async def play() -> None:
        loop = asyncio.get_running_loop()

        def ask(request: ReloadRequest) -> asyncio.Future[ReloadReport]:
            done: asyncio.Future[ReloadReport] = loop.create_future()
            task = loop.create_task(site.reloader.run(*request))
            task.add_done_callback(lambda one: done.set_result(one.result()))
            return done

        fetched = FetchedZones(ask, site.reloader.expired, site.reloader.rows)
        fetched.tell = told.__setitem__
        file.write_text(text)
        fetched.receive(Received(zone="b.", serial=7, records=str(file)))
        fetched.age(Expired(zone="b.", is_expired=False))
        while not told:
            await asyncio.sleep(0)

    asyncio.run(play())
    judged = told["judged b."]
    assert (judged.zone, judged.serial) == ("b.", 7)
    assert why in judged.why if why else not judged.why
    assert site.served()["b."] == ("7/90" if not why else "5/100"), "the old one stays in force"


def test_a_version_that_the_disk_has_refused_to_keep_for_others_is_tried_again(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path, a="1", b="2")
    others = TransfersConfig(allow_transfer=(AllowedPeer(network=("127.0.0.1",)),))
    site.begin(transfers=others)
    build_one = site.build_one

    def with_room(job: Job) -> BuildResult:
        return msgspec.structs.replace(build_one(job), version="a.records")

    site.run()
    assert site.reloader.unfinished() == {"a.", "b."}
    site.build_one = with_room  # type: ignore[method-assign]
    site.run("a.")
    assert site.built == [["a."]]
    assert site.reloader.unfinished() == {"b."}
    site.run("a.")
    assert site.built == []
