"""The cells of a pool: what is written is answered, and no answer that was noted is lost."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import hypothesis.strategies as st
from hypothesis import given

from dnsd.control.failover.selections import LATE_S, NOTED_BY_ANSWER, Noted, PoolCells
from dnsd.image.selection import NOTES, Members, Mode, Selection, cells, decode

MEMBERS = 3
WORKERS = 2


class Memory:
    """The shared memory of one pool, and who uses it."""

    def __init__(self) -> None:
        self.selections = memoryview(bytearray(8 * cells(MEMBERS))).cast("Q")
        self.notes = [memoryview(bytearray(4 * cells(MEMBERS))).cast("I") for _ in range(WORKERS)]
        self.told: list[Noted] = []
        self.now = 1000.0
        self.control()

    def control(self) -> None:
        """Begin a control process."""
        self.cells = PoolCells(self.selections, self.notes, MEMBERS, self.now, self.told.append)

    def write(self, mask: int, ttl: int = 60, mode: Mode = Mode.ANSWER) -> None:
        self.cells.write(mask, ttl, mode, self.now)

    def read(self) -> Reading:
        return Reading(self.now, decode(self.selections[0]))

    def note(self, reading: Reading, worker: int = 0, member: int = 0) -> Noted | None:
        """Note an answer as a worker does that read the word then; return what it has noted."""
        at, selection = reading
        mask, cell = selection.mask, selection.note_index
        if selection.mode == Mode.SOME:
            chosen = [one for one in range(MEMBERS) if mask >> one & 1]
            one = chosen[member % len(chosen)]
            mask, cell = 1 << one, NOTES + one
        elif selection.mode not in NOTED_BY_ANSWER:
            return None
        notes = self.notes[worker]
        until = ceil(at) + selection.ttl
        notes[cell] = max(notes[cell], until)
        return Noted(mask, selection.mode, until)

    def until(self, mask: int, mode: Mode = Mode.ANSWER) -> int:
        """Return until when caches may hold an answer, by what was told."""
        return max((one.until for one in self.told if one[:2] == (mask, mode)), default=0)


class Reading(NamedTuple):
    """When a worker has read which word."""

    at: float
    selection: Selection


def test_an_answer_that_comes_back_has_its_slot_again() -> None:
    memory = Memory()
    memory.write(0b11)
    first = memory.cells.selection
    memory.write(0b01)
    assert memory.cells.selection.note_index != first.note_index
    memory.write(0b11, ttl=5)
    assert memory.cells.selection == first._replace(ttl=5)
    assert memory.told == []


def test_a_slot_is_read_out_before_it_stands_for_another() -> None:
    memory = Memory()
    memory.write(1)
    memory.note(memory.read(), worker=1)
    for mask in range(2, NOTES + 1):
        memory.write(mask)
    memory.now += LATE_S
    assert memory.told == []
    memory.write(100)
    assert memory.told == [Noted(1, Mode.ANSWER, 1060)]
    # And nobody thinks that the new answer was given.
    memory.cells.sweep(memory.now)
    assert memory.until(100) == 0


def test_the_slot_that_is_unused_for_longest_is_taken() -> None:
    memory = Memory()
    for mask in range(1, NOTES + 1):
        memory.write(mask)
        memory.now += 1
    indexes = {mask: memory.selections[1:].tolist().index(mask | 1 << 56) for mask in range(1, 4)}
    memory.write(1)
    memory.now += 1
    memory.write(100)
    assert memory.cells.selection.note_index == indexes[2]


def test_a_worker_may_be_late() -> None:
    """It has read a word, and notes the answer when its note index stands for another already."""
    memory = Memory()
    memory.write(1)
    memory.now += 2 * LATE_S  # a note index that is in use does not get older
    early = memory.read()
    for mask in range(2, NOTES + 2):
        memory.write(mask)
    memory.note(early)
    memory.cells.sweep(memory.now)
    assert memory.until(1) == 1060 + 2 * LATE_S
    # Afterwards the note index stands for one answer alone.
    memory.now += LATE_S
    memory.cells.sweep(memory.now)
    memory.note(memory.read())
    memory.cells.sweep(memory.now)
    assert memory.until(1) == 1060 + 2 * LATE_S
    assert memory.until(NOTES + 1) == 1060 + 3 * LATE_S


def test_single_members_have_cells_of_their_own() -> None:
    memory = Memory()
    memory.write(0b101, mode=Mode.SOME)
    memory.note(memory.read(), member=1)
    memory.cells.sweep(memory.now)
    assert memory.told == [Noted(0b100, Mode.SOME, 1060)]


def test_another_process_goes_on() -> None:
    memory = Memory()
    memory.write(0b11)
    memory.write(0b01, ttl=5)
    memory.note(memory.read())
    memory.control()
    assert memory.cells.selection[:3] == (0b01, 5, Mode.ANSWER)
    assert list(memory.cells.noted()) == [Noted(0b01, Mode.ANSWER, 1005)]
    memory.write(0b11)
    assert memory.cells.selection.note_index == 0


def test_cleared_cells_say_nothing() -> None:
    memory = Memory()
    memory.write(1)
    memory.note(memory.read())
    memory.cells.clear()
    assert memory.cells.selection == Selection(0, 0, Mode.UNSET, 0)
    assert list(memory.cells.noted()) == []


MODES = (Mode.ANSWER, Mode.NODATA, Mode.SERVFAIL, Mode.REFUSED, Mode.SOME)
WRITES = st.tuples(
    st.just("write"), st.integers(1, 7), st.integers(0, 9), st.sampled_from([*MODES, Mode.ANSWER])
)
READS = st.tuples(st.just("read"))
NOTING = st.tuples(st.just("note"), st.integers(0, WORKERS - 1), st.integers(0, MEMBERS))
TIMES = st.tuples(st.just("wait"), st.sampled_from([0.1, 1.0, LATE_S / 2, 2 * LATE_S]))
OTHERS = st.sampled_from([("sweep",), ("restart",)])
EVENTS = st.lists(WRITES | WRITES | READS | NOTING | TIMES | OTHERS, max_size=80)


@given(EVENTS)
def test_no_answer_is_ever_lost(events: list[tuple[object, ...]]) -> None:
    """Whatever happens, each answer that was noted is told, if its worker was not too late."""
    memory = Memory()
    reading = memory.read()
    noted: list[Noted] = []
    written = None
    for event in events:
        match event:
            case ("write", int(mask), int(ttl), Mode() as mode):
                mask = 0 if mode in (Mode.NODATA, Mode.SERVFAIL, Mode.REFUSED) else mask
                written = (mask, ttl, mode)
                memory.write(*written)
            case ("read",):
                reading = memory.read()
            case ("note", int(worker), int(member)):
                if memory.now - reading.at < LATE_S and (
                    one := memory.note(reading, worker, member)
                ):
                    noted.append(one)
            case ("wait", float(seconds)):
                memory.now += seconds
            case ("sweep",):
                memory.cells.sweep(memory.now)
            case ("restart",):
                memory.control()
                # What the other process alone knew of late workers is a matter of its ledger.
                reading = memory.read()
        if written:
            assert memory.cells.selection[:3] == written
    memory.cells.sweep(memory.now)
    for one in noted:
        assert memory.until(one.mask, one.mode) >= one.until


@given(st.sets(st.integers(0, 31)))
def test_members_are_those_that_were_chosen(numbers: set[int]) -> None:
    every = tuple(f"member {number}" for number in range(32))
    members = Members.of(numbers)
    assert list(members) == sorted(numbers)
    assert {number for number in range(32) if number in members} == numbers
    assert members.pick(every) == tuple(every[number] for number in sorted(numbers))
    assert Members.where(every, set(members.pick(every))) == members == decode(members).members
