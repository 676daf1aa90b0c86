"""A worker follows the journal: zones put, kept, dropped, and each generation acknowledged."""

from __future__ import annotations

import errno
import logging
import mmap
import os
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from dnsd import compile as compiler
from dnsd.errors import ImageError
from dnsd.image import gaps, journal, memory, store
from dnsd.image.gaps import Gaps
from dnsd.image.journal import Drop, JournalWriter, Placed, Put, State
from dnsd.image.memory import Memory
from dnsd.image.state import ControlCells, StateVector, WorkerCells
from dnsd.image.stock import Stock
from dnsd.process.statedir import IMAGES
from dnsd.serve import missing
from dnsd.serve.follow import Follower, Seat
from dnsd.serve.turn import FOLLOW_S
from dnsd.wire import name
from dnsd.zone.load import load_text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from dnsd.image.journal import Entry
    from dnsd.image.selection import Cells
    from dnsd.image.store import Image

ONE, TWO = name.from_text("one.example."), name.from_text("two.example.")


class Zones:
    """A hot path that only remembers its zones' serials (None: not loaded)."""

    def __init__(self) -> None:
        self.serials: dict[bytes, int | None] = {}
        self.cells: dict[bytes, Cells | None] = {}
        self.images: list[Image] = []

    def answer(self, packet: bytes, now: float, client: Any) -> bytes | None:
        raise AssertionError((packet, now, client))

    def put_zone(self, apex: bytes, image: Image | None, cells: Cells | None = None) -> None:
        self.serials[apex] = None if image is None else image.serial
        self.cells[apex] = cells
        if image is not None:
            self.images.append(image)

    def use_secrets(self, secrets: tuple[bytes, ...]) -> None:
        raise AssertionError(secrets)

    def expire_zone(self, apex: bytes) -> None:
        raise AssertionError(apex)

    def drop_zone(self, apex: bytes) -> None:
        del self.serials[apex]


class Scene:
    """Control's side of the journal, and a follower that reads it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / IMAGES).mkdir()
        self.stock = Stock(directory / IMAGES, Memory(memory.create("images")))
        self.journal = memory.create("journal")
        self.state = StateVector.create(1)
        self.head = self.state.worker(0)
        self.zones = Zones()
        self.later: list[Callable[[], None]] = []
        self.current: list[int] = []
        self.follower = self.another()

    def another(self) -> Follower:
        return Follower(
            self.stock,
            self.journal,
            Seat(
                self.state.control,
                self.head,
                self.state.cells(0),
                self.state.gaps(0),
            ),
            self.zones,
            self.later.append,
            lambda: self.current.append(self.acknowledged),
        )

    @property
    def acknowledged(self) -> int:
        return int(self.head[WorkerCells.GENERATION])

    @property
    def gaps(self) -> Gaps:
        return gaps.read(self.state.gaps(0))

    def image(self, apex: bytes, serial: int) -> Placed:
        """Save an image that is large enough to be mapped, and return it."""
        text = f"@ 300 IN SOA ns host {serial} 2 3 4 5\n@ 300 IN NS ns\nns 300 IN A 192.0.2.1\n"
        zone = load_text(name.to_text(apex), text).zone
        assert zone
        path = self.directory / IMAGES / f"{apex.hex()}-{serial}"
        store.save(path, compiler.build(zone, meta=bytes(store.MAPPED_FROM)))
        return Placed(path.name)

    def publish(self, *entries: Entry) -> None:
        self.writer.append(entries)
        self.state.control[ControlCells.JOURNAL] = self.writer.end
        self.state.control[ControlCells.GENERATION] += 1

    def begin(self, state: State) -> None:
        """Start control anew: an epoch whose journal begins with ``state``."""
        self.writer = JournalWriter(self.journal, state)
        self.state.control[ControlCells.EPOCH] = self.writer.epoch
        self.state.control[ControlCells.JOURNAL] = self.writer.end
        self.state.control[ControlCells.GENERATION] += 1

    def run(self) -> None:
        """Beat, and do what has been put off."""
        self.follower.beat()
        while self.later:
            self.later.pop(0)()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_follow_nothing_published_is_not_current(scene: Scene) -> None:
    scene.run()
    assert (scene.acknowledged, scene.current) == (0, [])


def test_follow_put_replace_unload_drop(scene: Scene) -> None:
    scene.begin({ONE: scene.image(ONE, 1), TWO: None})
    scene.run()
    assert scene.zones.serials == {ONE: 1, TWO: None}
    scene.publish(Put(ONE, scene.image(ONE, 2)), Put(TWO, scene.image(TWO, 7)))
    scene.run()
    assert scene.zones.serials == {ONE: 2, TWO: 7}
    scene.publish(Put(ONE, None), Drop(TWO))
    scene.run()
    assert scene.zones.serials == {ONE: None}
    assert (scene.acknowledged, scene.current) == (3, [1, 2, 3])
    scene.run()
    assert scene.current == [1, 2, 3]


def test_follow_new_epoch_replaces_the_set(scene: Scene) -> None:
    kept = scene.image(ONE, 1)
    scene.begin({ONE: kept, TWO: scene.image(TWO, 1)})
    scene.run()
    scene.begin({ONE: kept})
    scene.run()
    assert scene.zones.serials == {ONE: 1}
    assert len(scene.zones.images) == 2, "an image in place is not mapped again"
    assert scene.acknowledged == 2


def test_follow_replaced_images_are_unmapped_when_nobody_uses_them(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAPPED_FROM", 0)
    scene.begin({ONE: scene.image(ONE, 1)})
    scene.run()
    (first,) = scene.zones.images
    in_use = memoryview(first.buffer)
    scene.publish(Put(ONE, scene.image(ONE, 2)))
    scene.run()
    assert not first.buffer.closed  # type: ignore[union-attr]
    in_use.release()
    scene.publish(Put(TWO, None))
    scene.run()
    assert first.buffer.closed  # type: ignore[union-attr]
    assert not scene.zones.images[1].buffer.closed  # type: ignore[union-attr]


def test_follow_image_that_cannot_be_opened(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.begin({ONE: scene.image(ONE, 1)})
    scene.run()
    damaged = scene.directory / IMAGES / "damaged"
    damaged.write_bytes(b"no image")
    with caplog.at_level(logging.ERROR):
        scene.publish(Put(ONE, Placed("gone")), Put(TWO, Placed("damaged")))
        scene.run()
    assert scene.zones.serials == {ONE: 1, TWO: None}
    assert (scene.acknowledged, scene.head[WorkerCells.READ]) == (1, 2)
    assert scene.current == [1, 1], "what can be served is served"
    assert len(caplog.messages) == 2
    assert str(damaged) in caplog.messages[1]
    total, (first, second) = scene.gaps
    assert total == 2
    assert (first.what, first.errno, first.stale) == (gaps.identity("gone"), errno.ENOENT, True)
    assert (second.what, second.errno, second.stale) == (gaps.identity("damaged"), 0, False)
    scene.publish(Put(ONE, scene.image(ONE, 3)))
    scene.run()
    assert scene.zones.serials == {ONE: 3, TWO: None}
    assert (scene.acknowledged, scene.gaps.total) == (1, 1)
    scene.publish(Drop(TWO))
    scene.run()
    assert (scene.acknowledged, scene.gaps.total) == (4, 0)


def test_follow_image_is_tried_again_until_it_can_be_opened(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    opened = store.Image.open
    tried = []

    def refuse(_path: Path) -> Image:
        tried.append(now[0])
        raise ImageError("no descriptor", errno.EMFILE)

    monkeypatch.setattr(store.Image, "open", refuse)
    scene.begin({ONE: scene.image(ONE, 1)})
    for _ in range(200):
        scene.run()
        now[0] += 0.05
    pauses = [later - sooner for sooner, later in pairwise(tried)]
    assert pauses == sorted(pauses)
    assert 3 < len(tried) < 12, "less and less often"
    ((_, since, number, _),) = scene.gaps.listed
    assert (since, number) == (100 * 10**9, errno.EMFILE)
    assert (scene.acknowledged, scene.zones.serials) == (0, {ONE: None})
    monkeypatch.setattr(store.Image, "open", opened)
    now[0] += missing.LONGEST_PAUSE
    scene.run()
    assert (scene.acknowledged, scene.zones.serials, scene.gaps.total) == (1, {ONE: 1}, 0)
    assert scene.current == [0], "it has begun to serve once"


@pytest.mark.parametrize("cut", [0, 10])
def test_follow_journal_that_is_not_whole_is_told_and_never_acknowledged(
    scene: Scene, cut: int
) -> None:
    scene.begin({ONE: scene.image(ONE, 1)})
    os.ftruncate(scene.journal, scene.writer.epoch + cut)
    for _ in range(3):
        scene.run()
    assert (scene.head[WorkerCells.READ], scene.acknowledged, scene.zones.serials) == (0, 0, {})
    (gap,) = scene.gaps.listed
    assert (gap.what, gap.errno) == (gaps.JOURNAL, 0)
    scene.begin({ONE: scene.image(ONE, 2)})
    scene.run()
    assert (scene.acknowledged, scene.zones.serials, scene.gaps.total) == (2, {ONE: 2}, 0)


def test_follow_image_of_another_zone_is_not_served(scene: Scene) -> None:
    scene.begin({ONE: scene.image(TWO, 1)})
    scene.run()
    assert scene.zones.serials == {ONE: None}


def test_follow_damaged_journal_is_said_once_and_nothing_changes(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.begin({ONE: scene.image(ONE, 1)})
    scene.run()
    scene.writer.end += os.pwrite(scene.journal, b"nonsense\n", scene.writer.end)
    scene.state.control[ControlCells.GENERATION] += 1
    with caplog.at_level(logging.ERROR):
        scene.run()
        scene.publish(Put(ONE, None))
        scene.run()
    assert (scene.zones.serials, scene.acknowledged) == ({ONE: 1}, 1)
    assert len(caplog.messages) == 1
    scene.begin({ONE: scene.image(ONE, 2)})
    scene.run()
    assert (scene.zones.serials, scene.acknowledged) == ({ONE: 2}, 4)


def test_follow_epoch_that_ends_while_it_is_read_is_not_acknowledged(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.begin({ONE: scene.image(ONE, 1)})
    scene.run()
    scene.publish(Put(ONE, scene.image(ONE, 2)))
    reading = journal.JournalReader.reading

    def control_restarts(
        reader: journal.JournalReader, epoch: int, octets: int
    ) -> Generator[None, None, list[Entry]]:
        monkeypatch.undo()
        scene.begin({ONE: scene.image(ONE, 3)})
        journal.forget(scene.journal, scene.writer.epoch)
        return reading(reader, epoch, octets)

    monkeypatch.setattr(journal.JournalReader, "reading", control_restarts)
    scene.run()
    assert (scene.acknowledged, scene.gaps) == (1, Gaps(0, ()))
    scene.run()
    assert (scene.zones.serials, scene.acknowledged) == ({ONE: 3}, 3)


def test_follow_many_zones_are_put_in_place_a_few_at_a_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: next(times) * FOLLOW_S)
    apexes = [name.from_text(f"zone{number}.example.") for number in range(10)]
    scene.begin(dict.fromkeys(apexes))
    scene.follower.beat()
    turns = 0
    while scene.later:
        assert scene.acknowledged == 0
        assert len(scene.zones.serials) < len(apexes) or turns
        (again,) = scene.later
        scene.later.clear()
        scene.publish(Put(ONE, None))  # more in the meantime changes nothing
        scene.follower.beat()
        again()
        turns += 1
    assert turns >= 4
    assert set(apexes) <= set(scene.zones.serials)
    assert scene.acknowledged == 1
    scene.run()
    assert ONE in scene.zones.serials
    assert scene.acknowledged == turns + 1


def test_follow_a_turn_ends_in_the_middle_of_reading_and_of_unmapping(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No piece of work is so large that it must be done at once; the clock runs out at each."""
    scene.begin({ONE: scene.image(ONE, 1), **{bytes([1, n, 0]): None for n in range(100)}})
    monkeypatch.setattr(journal, "CHUNK", 256)
    monkeypatch.setattr(journal, "STEP", 10)
    monkeypatch.setattr(store, "UNMAPPED_AT_ONCE", mmap.PAGESIZE)
    times = iter(range(100_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(times) * FOLLOW_S)
    scene.run()
    assert (len(scene.zones.serials), scene.acknowledged) == (101, 1)
    (first,) = scene.zones.images
    scene.publish(Put(ONE, scene.image(ONE, 2)))
    scene.follower.beat()
    turns = 0
    while scene.later:
        again = scene.later.pop()
        assert scene.acknowledged == 1
        again()
        turns += 1
    assert first.buffer.closed  # type: ignore[union-attr]
    assert turns >= 5, "its image has five pages"
    assert scene.acknowledged == 2


def test_follow_successor_acknowledges_what_its_predecessor_had(scene: Scene) -> None:
    scene.begin({ONE: scene.image(ONE, 1)})
    scene.run()
    scene.zones.serials.clear()
    scene.head[WorkerCells.GENERATION] = 0
    scene.follower = scene.another()
    scene.run()
    assert (scene.zones.serials, scene.acknowledged) == ({ONE: 1}, 1)
