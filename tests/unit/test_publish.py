"""What workers are told, when they are said to serve it, and what is cleared away after."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest

from dnsd.build.pipeline import BuildResult
from dnsd.build.poolmeta import PoolMeta
from dnsd.control import publish
from dnsd.control.publish import Publisher
from dnsd.control.zones.publication import Batch, Publication
from dnsd.errors import StateError
from dnsd.image import memory
from dnsd.image.cells import Range
from dnsd.image.journal import Drop, JournalReader, JournalWriter, Placed, Put, State
from dnsd.image.memory import Memory
from dnsd.image.state import ControlCells, StateVector, WorkerCells
from dnsd.image.stock import Stock, region_of
from tests.plane import meta

A, B = b"\x01a\x00", b"\x01b\x00"


class Home(NamedTuple):
    """Where images and the journal are, as master and control see them."""

    stock: Stock
    journal: int


@pytest.fixture
def home(tmp_path: Path) -> Home:
    stock = Stock(tmp_path, Memory(memory.create("images")))
    return Home(stock, memory.create("journal"))


def image(home: Home, name: str) -> str:
    (home.stock.directory / name).write_text(name)
    return name


def images(home: Home) -> set[str]:
    return {path.name for path in home.stock.directory.iterdir()}


def state_of(home: Home, vector: StateVector) -> State:
    reader = JournalReader(home.journal)
    reader.entries(vector.control[ControlCells.EPOCH])
    return reader.state


def nobody_cares(_released: Range) -> None:
    """Take no note of cells that are free again."""


def acknowledge(vector: StateVector, *generations: int) -> None:
    for index, generation in enumerate(generations):
        cells = vector.worker(index)
        cells[WorkerCells.LISTENING], cells[WorkerCells.GENERATION] = 1, generation


def test_nothing_is_published_at_first(home: Home) -> None:
    vector = StateVector.create(1)
    publisher = Publisher(*home, vector, nobody_cares)
    assert publisher.generation == 0
    assert vector.control[ControlCells.EPOCH]
    assert state_of(home, vector) == {}


def test_what_is_published_stands_in_the_journal_before_the_generation_changes(home: Home) -> None:
    vector = StateVector.create(1)
    publisher = Publisher(*home, vector, nobody_cares)
    assert publisher.publish([Put(A, Placed("1")), Put(B, None)]) == 1
    assert state_of(home, vector) == publisher.published == {A: Placed("1"), B: None}
    assert vector.control[ControlCells.ZONES] == 2
    assert vector.control[ControlCells.BROKEN] == 1
    assert publisher.publish([Drop(A)]) == 2
    assert state_of(home, vector) == {B: None}


def test_an_empty_first_generation_can_be_published(home: Home) -> None:
    vector = StateVector.create(1)
    assert Publisher(*home, vector, nobody_cares).publish([]) == 1


def test_only_workers_that_answer_can_be_behind(home: Home) -> None:
    vector = StateVector.create(3)
    publisher = Publisher(*home, vector, nobody_cares)
    generation = publisher.publish([Put(A, Placed("1"))])
    assert publisher.behind(generation) == []
    acknowledge(vector, 0, 1)  # and the third is being started
    assert publisher.behind(generation) == [0]
    acknowledge(vector, 1, 1)
    assert publisher.behind(generation) == []


def test_an_image_is_deleted_when_the_last_worker_has_left_it(home: Home) -> None:
    vector = StateVector.create(2)
    publisher = Publisher(*home, vector, nobody_cares)
    publisher.publish([Put(A, Placed(image(home, "1"))), Put(B, Placed(image(home, "b")))])
    publisher.publish([Put(A, Placed(image(home, "2")))])
    acknowledge(vector, 2, 1)
    publisher.sweep()
    assert images(home) == {"1", "2", "b"}
    acknowledge(vector, 2, 2)
    publisher.sweep()
    assert images(home) == {"2", "b"}
    publisher.publish([Drop(B)])
    acknowledge(vector, 3, 3)
    publisher.sweep()
    assert images(home) == {"2"}


def test_a_worker_that_is_being_started_may_still_need_an_image(home: Home) -> None:
    vector = StateVector.create(2)
    publisher = Publisher(*home, vector, nobody_cares)
    publisher.publish([Put(A, Placed(image(home, "1")))])
    publisher.publish([Put(A, Placed(image(home, "2")))])
    acknowledge(vector, 2)
    publisher.sweep()
    assert images(home) == {"1", "2"}


def test_an_image_put_back_is_not_deleted(home: Home) -> None:
    vector = StateVector.create(1)
    publisher = Publisher(*home, vector, nobody_cares)
    publisher.publish([Put(A, Placed(image(home, "1")))])
    publisher.publish([Put(A, Placed(image(home, "1"))), Put(B, None)])
    acknowledge(vector, 2)
    publisher.sweep()
    assert images(home) == {"1"}


def test_leftovers_of_earlier_runs_are_deleted_too(home: Home) -> None:
    vector = StateVector.create(1)
    image(home, "stray")
    image(home, ".half.img.77.tmp")
    publisher = Publisher(*home, vector, nobody_cares)
    publisher.look_for_leftovers()
    publisher.publish([Put(A, Placed(image(home, "1")))])
    image(home, "2")  # of a build that has not told of it yet
    publisher.retire_leftovers()
    publisher.sweep()
    assert "stray" in images(home)
    acknowledge(vector, 1)
    publisher.sweep()
    assert images(home) == {"1", "2"}


def test_a_successor_goes_on_with_what_has_been_published(home: Home) -> None:
    vector = StateVector.create(1)
    Publisher(*home, vector, nobody_cares).publish([Put(A, Placed("1")), Put(B, None)])
    before = vector.control[ControlCells.EPOCH]
    successor = Publisher(*home, vector, nobody_cares)
    assert successor.published == {A: Placed("1"), B: None}
    assert successor.generation == 1
    assert vector.control[ControlCells.EPOCH] > before
    assert state_of(home, vector) == {A: Placed("1"), B: None}
    assert successor.publish([Drop(A)]) == 2


def test_a_long_journal_is_begun_anew(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "SLACK", 10)
    vector = StateVector.create(1)
    publisher = Publisher(*home, vector, nobody_cares)
    reader = JournalReader(home.journal)
    first = vector.control[ControlCells.EPOCH]
    for number in range(50):
        publisher.publish([Put(A, Placed(image(home, str(number))))])
        reader.entries(vector.control[ControlCells.EPOCH])
        assert reader.state == {A: Placed(str(number))}
        acknowledge(vector, publisher.generation)
        publisher.sweep()
    assert vector.control[ControlCells.EPOCH] > first
    assert os.fstat(home.journal).st_blocks * 512 <= memory.PAGE
    epoch = os.pread(home.journal, 1 << 16, vector.control[ControlCells.EPOCH])
    assert epoch.count(b"\n") <= 12
    assert images(home) == {"49"}


def test_a_failure_to_publish_changes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    vector = StateVector.create(1)
    publisher = Publisher(*home, vector, nobody_cares)
    publisher.publish([Put(A, Placed("1"))])

    def full(*_: object) -> None:
        raise StateError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(JournalWriter, "append", full)
        with pytest.raises(StateError):
            publisher.publish([Put(A, Placed("2")), Drop(B)])
    assert publisher.published == {A: Placed("1")}
    assert publisher.generation == 1
    assert publisher.publish([Put(A, Placed("3"))]) == 2


def test_cells_are_released_when_the_last_worker_has_left_their_image(home: Home) -> None:
    vector, released = StateVector.create(2), list[Range]()
    publisher = Publisher(*home, vector, released.append)
    first = publisher.take_cells(image(home, "1"), 20)
    publisher.publish([Put(A, Placed("1", first))])
    second = publisher.take_cells(image(home, "2"), 20)
    assert (first, second) == (0, 20)
    publisher.publish([Put(A, Placed("2", second))])
    acknowledge(vector, 2, 1)
    publisher.sweep()
    assert released == []
    acknowledge(vector, 2, 2)
    publisher.sweep()
    assert released == [Range(0, 20)]
    assert publisher.take_cells(image(home, "3"), 10) == 0


def test_a_successor_leaves_cells_to_whom_they_belong(home: Home) -> None:
    vector = StateVector.create(1)
    publisher = Publisher(*home, vector, nobody_cares)
    publisher.take_cells("0", 5)
    publisher.publish([Put(A, Placed("1", publisher.take_cells("1", 20)))])
    successor = Publisher(*home, vector, nobody_cares)
    (claimed,) = (one for one in successor.published.values() if isinstance(one, Placed))
    successor.claim_cells(claimed, 20)
    assert successor.take_cells("2", 6) == 25
    assert successor.take_cells("3", 5) == 0


def test_what_the_killed_have_left_in_memory_is_given_back(home: Home) -> None:
    vector = StateVector.create(1)
    (home.stock.directory / "full").mkdir()
    lost = home.stock.save("full", bytes(5000))
    kept = home.stock.save("full", b"kept" * 3000)
    publisher = Publisher(*home, vector, nobody_cares)
    publisher.look_for_leftovers()
    publisher.publish([Put(A, Placed(kept))])
    publisher.retire_leftovers()
    building = home.stock.save("full", b"new" * 3000)
    for name in (lost, kept, building):
        assert region_of(name)
    taken = os.fstat(memory_of(home).fd).st_blocks
    publisher.sweep()
    assert os.fstat(memory_of(home).fd).st_blocks == taken  # a worker may still look at it
    acknowledge(vector, 1)
    publisher.sweep()
    assert os.fstat(memory_of(home).fd).st_blocks == taken - 2 * memory.PAGE // 512
    assert contents(home, kept) == b"kept" * 3000
    assert contents(home, building) == b"new" * 3000


def test_an_image_in_memory_is_given_back_when_the_last_worker_has_left_it(home: Home) -> None:
    vector = StateVector.create(1)
    (home.stock.directory / "full").mkdir()
    publisher = Publisher(*home, vector, nobody_cares)
    first = home.stock.save("full", b"1" * 5000)
    publisher.publish([Put(A, Placed(first))])
    publisher.publish([Put(A, Placed(home.stock.save("full", b"2" * 5000)))])
    publisher.sweep()
    assert contents(home, first) == b"1" * 5000
    acknowledge(vector, 2)
    publisher.sweep()
    assert contents(home, first) == bytes(5000)


def memory_of(home: Home) -> Memory:
    assert home.stock.memory
    return home.stock.memory


def contents(home: Home, name: str) -> bytes:
    region = region_of(name)
    assert region
    return memory_of(home).read(region)


def test_a_file_of_orders_is_there_before_the_ledger_knows_of_pools() -> None:
    """Else a node that dies in between would miss orders that it never had."""
    done: list[str] = []

    class Recorder:
        published: ClassVar[dict[bytes, object]] = {}
        stock = None

        async def expect(self, pools: Sequence[PoolMeta]) -> None:
            done.append(f"expects {len(pools)}")

        async def declare(self, *_: object) -> None:
            done.append("declares")
            raise StateError("enough")

    recorder: Any = Recorder()
    publication = Publication(recorder, recorder, recorder)
    result = BuildResult(origin="example.com.", pools=(meta(),))
    asyncio.run(publication.publish(Batch([result])))
    assert done == ["expects 1", "declares"]
