"""The journal: whatever the interleaving, a reader arrives at the writer's state."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.errors import StateError
from dnsd.image import journal, memory
from dnsd.image.journal import (
    Drop,
    Entry,
    JournalReader,
    JournalWriter,
    Placed,
    Put,
    State,
    apply,
    decode,
    encode,
    forget,
)

APEXES = [b"\x00", b"\x01a\x00", b"\x01b\x01a\x00", b"\x02\xff.\x00"]

apexes = st.sampled_from(APEXES)
files = st.sampled_from(["1.img", "2.img", "ü 3.img"])
placed = st.none() | st.builds(Placed, files, st.integers(0, 1))
puts = st.builds(Put, apexes, placed)
entries = st.lists(puts | st.builds(Drop, apexes), max_size=5)
states = st.dictionaries(apexes, placed)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), entries),
        st.tuples(st.just("epoch"), states),
        st.tuples(st.just("read"), st.none()),
        st.tuples(st.just("forget"), st.none()),
        st.tuples(st.just("half"), st.integers(1, 200)),
    ),
    max_size=25,
)


@given(states, steps)
def test_any_interleaving_gives_the_reader_the_state_of_the_writer(
    start: State, story: list[tuple[str, object]]
) -> None:
    fd, wanted = memory.create("journal"), dict(start)
    writer = JournalWriter(fd, wanted)
    reader, served = JournalReader(fd), State()
    for action, argument in [*story, ("read", None)]:
        if action == "append":
            assert isinstance(argument, list)
            writer.append(argument)
            apply(wanted, argument)
        elif action == "epoch":
            assert isinstance(argument, dict)
            wanted = dict(argument)
            writer = JournalWriter(fd, wanted)
        elif action == "forget":
            forget(fd, writer.epoch)
        elif action == "half":
            # an append that is under way: the reader sees only its beginning
            assert isinstance(argument, int)
            line = encode([Put(APEXES[0], Placed("half.img"))])
            end = max(os.fstat(fd).st_size, writer.epoch)
            os.pwrite(fd, line[: min(argument, len(line) - 1)], end)
            apply(served, reader.entries(writer.epoch))
            os.ftruncate(fd, end)
            assert served == wanted
        else:
            apply(served, reader.entries(writer.epoch))
            assert served == wanted == reader.state
    os.close(fd)


@given(puts | st.builds(Drop, apexes))
def test_an_entry_survives_its_line(entry: Entry) -> None:
    line = encode([entry])
    assert decode(line) == entry
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1


def test_the_lines_are_those_of_the_contract() -> None:
    entries = Put(b"\x01a\x00", Placed("x.img")), Put(b"\x00", None), Drop(b"\x00")
    lines = encode(entries).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"zone": "016100", "image": "x.img", "cell": 0},
        {"zone": "00", "image": None},
        {"drop": "00"},
    ]


@pytest.fixture
def fd() -> Iterator[int]:
    made = memory.create("journal")
    yield made
    os.close(made)


def test_a_reader_gets_the_last_entry_of_a_zone_once(fd: int) -> None:
    writer = JournalWriter(fd, {b"\x00": Placed("1.img")})
    writer.append(
        [Put(b"\x00", Placed("2.img")), Put(b"\x01a\x00", Placed("3.img")), Drop(b"\x01a\x00")]
    )
    reader = JournalReader(fd)
    assert reader.entries(writer.epoch) == [Put(b"\x00", Placed("2.img"))]
    assert reader.entries(writer.epoch) == []
    assert writer.lines == 4


def test_it_is_read_in_steps_and_counts_only_at_the_end(
    fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "CHUNK", 100)
    monkeypatch.setattr(journal, "STEP", 10)
    state: State = {bytes([1, n, 0]): Placed(f"{n}.img") for n in range(100)}
    writer = JournalWriter(fd, state)
    reader = JournalReader(fd)
    given_up = reader.reading(writer.epoch, writer.end)
    assert [next(given_up) for _ in range(50)] == [None] * 50
    assert reader.state == {}
    steps = list(reader.reading(writer.epoch, writer.end))
    assert len(steps) > 2 * len(state) / 10
    assert reader.state == state
    writer.append([Drop(apex) for apex in state])
    given_up = reader.reading(writer.epoch, writer.end)
    next(given_up)
    assert reader.state == state
    assert len(reader.entries(writer.epoch, writer.end)) == 100
    assert reader.state == {}


def test_a_new_epoch_brings_only_what_differs(fd: int) -> None:
    first = JournalWriter(
        fd, {b"\x00": Placed("1.img"), b"\x01a\x00": Placed("a.img"), b"\x01b\x00": None}
    )
    reader = JournalReader(fd)
    reader.entries(first.epoch)
    second = JournalWriter(fd, {b"\x00": Placed("1.img"), b"\x01a\x00": Placed("b.img")})
    assert reader.entries(first.epoch) == []
    assert reader.entries(second.epoch) == [Put(b"\x01a\x00", Placed("b.img")), Drop(b"\x01b\x00")]


def test_an_epoch_that_is_forgotten_takes_no_memory_and_is_no_empty_one(fd: int) -> None:
    first = JournalWriter(fd, {b"\x00": Placed("1.img" * 10_000)})
    reader = JournalReader(fd)
    second = JournalWriter(fd, {b"\x00": Placed("2.img")})
    forget(fd, second.epoch)
    assert os.fstat(fd).st_blocks * 512 <= memory.PAGE
    with pytest.raises(StateError, match="damaged: it has 0 octets"):
        reader.entries(first.epoch, first.end)
    assert reader.entries(second.epoch) == [Put(b"\x00", Placed("2.img"))]


def test_a_journal_that_cannot_be_read_changes_nothing(
    fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = JournalWriter(fd, {b"\x00": Placed("1.img")})
    reader = JournalReader(fd)
    reader.entries(writer.epoch)

    def broken(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", broken)
        with pytest.raises(StateError, match="cannot read the journal: Input") as caught:
            reader.entries(writer.epoch)
    assert caught.value.errno == errno.EIO
    assert reader.state == {b"\x00": Placed("1.img")}


def test_a_journal_shorter_than_it_should_be_is_not_all_there_is(fd: int) -> None:
    writer = JournalWriter(fd, {b"\x00": Placed("1.img")})
    writer.append([Put(b"\x01a\x00", Placed("2.img"))])
    os.ftruncate(fd, writer.end - 1)
    reader = JournalReader(fd)
    with pytest.raises(StateError, match="damaged: it has"):
        reader.entries(writer.epoch, writer.end)
    assert reader.state == {}
    successor = JournalWriter(fd, {b"\x00": None})
    assert reader.entries(successor.epoch) == [Put(b"\x00", None)]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"zone": "0", "image": null}',
        b'{"zone": "00"}',
        b'{"drop": 1}',
        b"\xff",
    ],
)
def test_a_damaged_line_is_an_error_until_the_next_epoch(fd: int, line: bytes) -> None:
    writer = JournalWriter(fd, {b"\x00": Placed("1.img")})
    reader = JournalReader(fd)
    reader.entries(writer.epoch)
    os.pwrite(fd, line + b"\n", writer.end)
    for _ in range(2):
        with pytest.raises(StateError, match=r"journal is damaged"):
            reader.entries(writer.epoch)
    assert reader.state == {b"\x00": Placed("1.img")}
    successor = JournalWriter(fd, {b"\x00": Placed("2.img")})
    assert reader.entries(successor.epoch) == [Put(b"\x00", Placed("2.img"))]


def test_a_failed_append_leaves_no_half_line(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = JournalWriter(fd, {b"\x00": Placed("1.img")})
    real = os.pwrite

    def full(fd: int, data: bytes, at: int) -> int:
        if bytes(data[:1]) == b"{":
            return real(fd, data[:10], at)
        raise OSError(12, "Cannot allocate memory")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(StateError, match="no memory for the journal: Cannot allocate memory"):
            writer.append([Put(b"\x00", Placed("2.img"))])
    writer.append([Put(b"\x00", Placed("3.img"))])
    assert JournalReader(fd).entries(writer.epoch) == [Put(b"\x00", Placed("3.img"))]
    assert writer.lines == 2
