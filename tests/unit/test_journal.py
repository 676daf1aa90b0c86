"""The journal: whatever the interleaving, a reader arrives at the writer's state."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.errors import StateError
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
    journal_path,
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
        st.tuples(st.just("half"), st.integers(1, 200)),
    ),
    max_size=25,
)


@given(states, steps)
def test_any_interleaving_gives_the_reader_the_state_of_the_writer(
    start: State, story: list[tuple[str, object]]
) -> None:
    with TemporaryDirectory() as name:
        directory = Path(name)
        wanted, epoch = dict(start), 1
        writer = JournalWriter(directory, epoch, wanted)
        reader, served = JournalReader(directory), State()
        for action, argument in [*story, ("read", None)]:
            if action == "append":
                assert isinstance(argument, list)
                writer.append(argument)
                apply(wanted, argument)
            elif action == "epoch":
                assert isinstance(argument, dict)
                writer.close()
                wanted, epoch = dict(argument), epoch + 1
                writer = JournalWriter(directory, epoch, wanted)
            elif action == "half":
                # an append that is under way: the reader sees only its beginning
                assert isinstance(argument, int)
                line = encode([Put(APEXES[0], Placed("half.img"))])
                before = writer.path.stat().st_size
                with writer.path.open("ab") as file:
                    file.write(line[: min(argument, len(line) - 1)])
                apply(served, reader.entries(epoch))
                os.truncate(writer.path, before)
                assert served == wanted
            else:
                apply(served, reader.entries(epoch))
                assert served == wanted == reader.state
        writer.close()
        reader.close()


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


def test_a_reader_gets_the_last_entry_of_a_zone_once(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, 7, {b"\x00": Placed("1.img")})
    writer.append(
        [Put(b"\x00", Placed("2.img")), Put(b"\x01a\x00", Placed("3.img")), Drop(b"\x01a\x00")]
    )
    reader = JournalReader(tmp_path)
    assert reader.entries(7) == [Put(b"\x00", Placed("2.img"))]
    assert reader.entries(7) == []
    assert writer.lines == 4


def test_a_new_epoch_brings_only_what_differs(tmp_path: Path) -> None:
    JournalWriter(
        tmp_path, 1, {b"\x00": Placed("1.img"), b"\x01a\x00": Placed("a.img"), b"\x01b\x00": None}
    )
    reader = JournalReader(tmp_path)
    reader.entries(1)
    JournalWriter(tmp_path, 2, {b"\x00": Placed("1.img"), b"\x01a\x00": Placed("b.img")})
    assert reader.entries(2) == [Put(b"\x01a\x00", Placed("b.img")), Drop(b"\x01b\x00")]


def test_an_epoch_whose_file_is_gone_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    JournalWriter(tmp_path, 1, {b"\x00": Placed("1.img")})
    reader = JournalReader(tmp_path)
    reader.entries(1)
    with pytest.raises(StateError, match=r"journal\.2: No such file") as caught:
        reader.entries(2)
    assert caught.value.errno == errno.ENOENT
    assert reader.state == {b"\x00": Placed("1.img")}
    JournalWriter(tmp_path, 3, {b"\x00": Placed("2.img")})
    assert reader.entries(3) == [Put(b"\x00", Placed("2.img"))]


def test_a_journal_shorter_than_it_should_be_is_not_all_there_is(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, 1, {b"\x00": Placed("1.img")})
    writer.append([Put(b"\x01a\x00", Placed("2.img"))])
    os.truncate(writer.path, writer.size - 1)
    reader = JournalReader(tmp_path)
    with pytest.raises(StateError, match="damaged: it has"):
        reader.entries(1, writer.size)
    assert reader.state == {}
    JournalWriter(tmp_path, 2, {b"\x00": None})
    assert reader.entries(2) == [Put(b"\x00", None)]


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
def test_a_damaged_line_is_an_error_until_the_next_epoch(tmp_path: Path, line: bytes) -> None:
    writer = JournalWriter(tmp_path, 1, {b"\x00": Placed("1.img")})
    reader = JournalReader(tmp_path)
    reader.entries(1)
    with journal_path(tmp_path, 1).open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(StateError, match=r"journal\.1 is damaged"):
        reader.entries(1)
    writer.append([Put(b"\x00", Placed("2.img"))])
    with pytest.raises(StateError, match=r"journal\.1 is damaged"):
        reader.entries(1)
    assert reader.state == {b"\x00": Placed("1.img")}
    JournalWriter(tmp_path, 2, {b"\x00": Placed("2.img")})
    assert reader.entries(2) == [Put(b"\x00", Placed("2.img"))]


def test_a_failed_append_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = JournalWriter(tmp_path, 1, {b"\x00": Placed("1.img")})
    real = os.write

    def full(fd: int, data: bytes) -> int:
        if data.startswith(b"{"):
            return real(fd, data[:10])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StateError, match="No space left"):
            writer.append([Put(b"\x00", Placed("2.img"))])
    writer.append([Put(b"\x00", Placed("3.img"))])
    assert JournalReader(tmp_path).entries(1) == [Put(b"\x00", Placed("3.img"))]
    assert writer.lines == 2


def test_a_journal_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"cannot write the journal .*absent.*journal\.1"):
        JournalWriter(tmp_path / "absent", 1, {})
