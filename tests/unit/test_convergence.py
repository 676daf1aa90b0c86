"""What is to be served and what is served converge; until they have, every report says so.

Real workers' followers, a real publisher, journal, images and builds; time, disk and builders
are in the hands of the test.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsd.build.images import Job
from dnsd.build.pipeline import BuildResult, troubled
from dnsd.config import Config, Server
from dnsd.config import Zones as ZonesTable
from dnsd.control.converge import FILES_S, Convergence
from dnsd.control.differences import BEHIND_S, LASTING_S
from dnsd.control.horizon.keeper import LedgerKeeper
from dnsd.control.horizon.ledgerfile import LedgerFile
from dnsd.control.publish import Publisher
from dnsd.control.retries import LONGEST_PAUSE_S, Retries
from dnsd.control.zones.reload import CONFIGURATION, EVERYTHING, Reloader
from dnsd.control.zones.table import ZoneRow
from dnsd.control.zones.watch import Watch
from dnsd.errors import ImageError, StateError
from dnsd.image import memory
from dnsd.image.journal import JournalWriter
from dnsd.image.memory import Memory
from dnsd.image.selection import Cells
from dnsd.image.state import ControlCells, StateVector, WorkerCells
from dnsd.image.stock import Stock
from dnsd.image.store import Image
from dnsd.process import log
from dnsd.process.statedir import IMAGES
from dnsd.serve.follow import Follower, Seat
from dnsd.wire.name import to_text
from tests.building import build_zone
from tests.support import zone

ORIGINS = ("a.", "b.")
WORKERS = 2
TICK = 0.3


class Serials:
    """A hot path that only knows the serials of its zones; None: SERVFAIL."""

    def __init__(self) -> None:
        self.zones: dict[str, int | None] = {}

    def answer(self, packet: bytes, now: float, client: Any) -> bytes | None:
        raise AssertionError((packet, now, client))

    def put_zone(self, apex: bytes, image: Image | None, cells: Cells | None = None) -> None:
        assert cells is None
        self.zones[to_text(apex)] = None if image is None else image.serial

    def use_secrets(self, secrets: tuple[bytes, ...]) -> None:
        raise AssertionError(secrets)

    def expire_zone(self, apex: bytes) -> None:
        raise AssertionError(apex)

    def drop_zone(self, apex: bytes) -> None:
        del self.zones[to_text(apex)]


class Worker:
    """A worker's follower, without the process."""

    def __init__(self, world: World, index: int) -> None:
        self.world, self.index = world, index
        self.head = world.vector.worker(index)
        self.hotpath = Serials()
        self.later: list[Callable[[], None]] = []
        self.head[WorkerCells.LISTENING] = 1
        self.head[WorkerCells.GENERATION] = self.head[WorkerCells.READ] = 0
        vector = world.vector
        seat = Seat(vector.control, self.head, vector.cells(index), vector.gaps(index))
        self.follower = Follower(
            world.stock, world.journal, seat, self.hotpath, self.later.append, lambda: None
        )

    def run(self) -> None:
        self.world.running = self.index
        self.follower.beat()
        while self.later:
            self.later.pop()()
        self.world.running = None


class World:
    """A node whose clock, disk and builders do as the test says."""

    def __init__(self, directory: Path) -> None:
        self.now = 1000.0
        self.zones, self.state = directory / "zones", directory / "state"
        self.zones.mkdir()
        (self.state / IMAGES).mkdir(parents=True)
        self.serials = dict.fromkeys(ORIGINS, 0)
        self.vector = StateVector.create(WORKERS)
        self.stock = Stock(self.state / IMAGES, Memory(memory.create("images")))
        self.journal = memory.create("journal")
        self.running: int | None = None
        self.starved: set[int] = set()
        self.unreadable: set[str] = set()
        self.builders_die = self.disk_is_full = False
        for origin in ORIGINS:
            self.edit(origin)
        self.control()
        self.reload(CONFIGURATION, EVERYTHING)
        self.workers = [Worker(self, index) for index in range(WORKERS)]

    def control(self) -> None:
        """Begin control, or its successor."""
        config = Config(
            server=Server(state_directory=self.state), zones=ZonesTable(directory=self.zones)
        )
        self.publisher = Publisher(self.stock, self.journal, self.vector, lambda _: None)
        keeper = LedgerKeeper("node", LedgerFile(self.state), self.stock, lambda: 0)
        self.reloader = Reloader(config, self.publisher, Watch(0.0), self.build, NoPools(), keeper)
        self.convergence = Convergence(self.vector, self.publisher, self.reloader, lambda: self.now)

    async def build(
        self, jobs: Sequence[Job], deliver: Callable[[Sequence[BuildResult]], object]
    ) -> None:
        if self.builders_die:
            why = "the process that built this zone was killed"
            deliver([troubled(job, why) for job in jobs])
            return
        deliver([build_zone(job) for job in jobs])

    def reload(self, *due: str) -> None:
        asyncio.run(self.reloader.run(set(due)))

    def edit(self, origin: str) -> None:
        self.serials[origin] += 1
        path = self.zones / f"{origin}zone"
        path.write_text(zone(self.serials[origin]))
        os.utime(path, (1, self.serials[origin]))

    @property
    def epoch(self) -> tuple[int, int]:
        """Where the journal begins and ends."""
        control = self.vector.control
        return control[ControlCells.EPOCH], control[ControlCells.JOURNAL]

    def image(self, origin: str) -> Path | None:
        row = self.reloader.rows.get(origin)
        return self.state / IMAGES / row.served.image if row and row.served else None

    def tick(self) -> None:
        """Let everybody do what is to be done now."""
        for worker in self.workers:
            worker.run()
        self.hold()
        if due := asyncio.run(self.convergence.due()):
            self.reload(*due)
        self.publisher.sweep()
        self.now += TICK

    # -- the law --

    @property
    def is_well(self) -> bool:
        """Whether every report says that all is well."""
        return not (
            self.convergence.differences()
            or self.publisher.behind(self.publisher.generation)
            or self.reloader.unfinished()
        )

    def hold(self) -> None:
        """If no report says that something is amiss, nothing is."""
        if self.is_well:
            for worker in self.workers:
                assert worker.hotpath.zones == self.serials

    def heal(self) -> None:
        """End all faults, and see that the node heals by itself."""
        self.starved.clear()
        self.builders_die = self.disk_is_full = False
        until = self.now + 3 * LONGEST_PAUSE_S
        while not self.is_well:
            assert self.now < until, (self.convergence.differences(), self.reloader.unfinished())
            self.tick()
        self.hold()
        for worker in self.workers:
            assert worker.head[WorkerCells.GENERATION] == self.publisher.generation


class NoPools:
    """There are no pools in these zones."""

    async def expect(self, pools: Sequence[object]) -> None:
        assert not pools

    def place(self, *_: object) -> None:
        raise AssertionError

    def remove(self, origin: str) -> None:
        """Nothing was placed."""

    def release(self, _cells: object) -> None:
        """Nothing was taken."""


@contextmanager
def worlds() -> Iterator[World]:
    real_open, real_append = Image.open, JournalWriter.append
    with TemporaryDirectory(prefix="dnsd-") as name:
        world = World.__new__(World)

        def opened(path: Path) -> Image:
            if world.running in world.starved:
                raise ImageError(f"cannot read the image {path}: no descriptor", errno.EMFILE)
            if path.name in world.unreadable:
                raise ImageError(f"cannot read the image {path}: I/O error", errno.EIO)
            return real_open(path)

        def appended(writer: JournalWriter, entries: Any) -> None:
            if world.disk_is_full:
                raise StateError("cannot write the journal: no space", errno.ENOSPC)
            real_append(writer, entries)

        with (
            patch.object(Image, "open", opened),
            patch.object(JournalWriter, "append", appended),
            patch.object(time, "monotonic", lambda: world.now),
            patch.object(log, "write", lambda _line: None),
        ):
            world.starved, world.unreadable = set(), set()
            World.__init__(world, Path(name))
            yield world


# -- what may happen --------------------------------------------------------------------------


def edit(world: World, origin: str) -> None:
    world.edit(origin)
    world.reload(origin)


def lose(world: World, origin: str) -> None:
    if path := world.image(origin):
        path.unlink(missing_ok=True)


def truncate(world: World, origin: str) -> None:
    path = world.image(origin)
    if path and path.exists():
        os.truncate(path, path.stat().st_size // 2)


def rot(world: World, origin: str) -> None:
    """Change one octet, and nothing that stat() tells."""
    path = world.image(origin)
    if path and path.exists() and (octets := bytearray(path.read_bytes())):
        status = path.stat()
        octets[-1] ^= 0xFF
        path.write_bytes(octets)
        os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))


def spoil(world: World, origin: str) -> None:
    if path := world.image(origin):
        world.unreadable.add(path.name)


def lose_journal(world: World, _origin: str) -> None:
    epoch, end = world.epoch
    os.pwrite(world.journal, bytes(end - epoch), epoch)


def cut_journal(world: World, _origin: str) -> None:
    epoch, end = world.epoch
    half = (end - epoch) // 2
    os.pwrite(world.journal, bytes(half), end - half)


def starve(world: World, origin: str) -> None:
    world.starved.add(ORIGINS.index(origin))


def feed(world: World, _origin: str) -> None:
    world.starved.clear()


def kill_builders(world: World, _origin: str) -> None:
    world.builders_die = not world.builders_die


def fill_disk(world: World, _origin: str) -> None:
    world.disk_is_full = not world.disk_is_full


def restart_worker(world: World, origin: str) -> None:
    index = ORIGINS.index(origin)
    world.workers[index] = Worker(world, index)


def restart_control(world: World, _origin: str) -> None:
    world.control()
    world.reload(CONFIGURATION, EVERYTHING)


def wait(world: World, _origin: str) -> None:
    for _ in range(8):
        world.tick()


EVENTS = (
    edit,
    lose,
    truncate,
    rot,
    spoil,
    lose_journal,
    cut_journal,
    starve,
    feed,
    kill_builders,
    fill_disk,
    restart_worker,
    restart_control,
    wait,
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(EVENTS), st.sampled_from(ORIGINS), st.booleans()), max_size=12
    )
)
def test_desired_and_actual_converge_and_until_then_every_report_says_so(
    story: list[tuple[Callable[[World, str], None], str, bool]],
) -> None:
    with worlds() as world:
        for happens, origin, ticks in story:
            happens(world, origin)
            if ticks:
                world.tick()
            else:
                world.hold()
        world.heal()


@pytest.mark.parametrize("harm", [lose, truncate, rot, spoil])
def test_a_harmed_image_is_told_and_built_again(harm: Callable[[World, str], None]) -> None:
    with worlds() as world:
        world.heal()
        world.builders_die = True
        harm(world, "a.")
        restart_worker(world, "b.")
        for _ in range(10):
            world.tick()
        (sentence,) = world.convergence.sentences()
        assert sentence.startswith("worker 1 answers SERVFAIL for a. (")
        assert world.workers[0].hotpath.zones["a."] == 1
        assert world.workers[1].hotpath.zones == {"a.": None, "b.": 1}
        (told,) = world.convergence.told()
        assert (told["worker"], told["zone"]) == (1, "a.")
        assert told["seconds"] > LASTING_S
        row = world.reloader.rows["a."]
        assert (row.trouble, row.findings) == ("the process that built this zone was killed", ())
        world.heal()
        assert world.convergence.sentences() == ()


def test_an_image_that_only_a_worker_cannot_open_is_not_built_again() -> None:
    with worlds() as world:
        world.heal()
        generation = world.publisher.generation
        starve(world, "a.")
        edit(world, "b.")
        for _ in range(10):
            world.tick()
        assert world.publisher.generation == generation + 1
        (one,) = world.convergence.differences()
        assert one.what == (
            "worker 0 serves older data of b. (cannot open its image: Too many open files)"
        )
        assert world.workers[0].head[WorkerCells.GENERATION] == generation
        world.heal()


def test_a_worker_that_does_not_read_is_a_difference_after_a_while() -> None:
    with worlds() as world:
        world.heal()
        edit(world, "a.")
        assert world.convergence.differences() == ()
        assert not world.is_well
        world.now += BEHIND_S + 0.1
        assert [one.what for one in world.convergence.differences()] == [
            f"worker {index} has not loaded generation {world.publisher.generation}"
            for index in range(WORKERS)
        ]
        world.vector.worker(1)[WorkerCells.LISTENING] = 0
        assert [one.worker for one in world.convergence.differences()] == [0], "the other is dead"


def test_retries_come_less_and_less_often_until_the_key_is_well() -> None:
    retries, now, tried = Retries(), 0.0, []
    while now < 4 * LONGEST_PAUSE_S:
        if retries.ready({"a"}, now):
            tried.append(now)
        now += 0.25
    pauses = [later - sooner for sooner, later in pairwise(tried)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 1.0
    assert pauses[-1] == LONGEST_PAUSE_S
    assert retries.ready(set(), now) == set()
    assert retries.ready({"a"}, now) == {"a"}, "it was well: this is another matter"


class Unlisted(dict[str, ZoneRow]):
    """A table that may be asked for a zone, and not be looked through."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("a hundred thousand zones are looked at in each turn")

    keys = values = items = __iter__  # type: ignore[assignment]


def test_a_turn_that_looks_at_no_files_does_not_look_through_the_zones(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert asyncio.run(world.convergence.due()) == set()
    world.reloader._publication.rows = Unlisted(world.reloader.rows)
    assert asyncio.run(world.convergence.due()) == set()
    world.now += FILES_S
    with pytest.raises(AssertionError, match="hundred thousand"):
        asyncio.run(world.convergence.due())
