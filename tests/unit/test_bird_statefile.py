"""The file that tells BIRD whether the node is drained."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnsd.control.anycast.statefile import read_state, write_state
from dnsd.errors import BirdError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dnsd-state.conf"


@pytest.mark.parametrize(("drain", "word"), [(True, "true"), (False, "false")])
def test_it_says_what_was_written(path: Path, drain: bool, word: str) -> None:
    assert write_state(path, drain)
    assert path.read_text().splitlines()[-1] == f"define DNSD_DRAIN = {word};"
    assert read_state(path) is drain


def test_writing_tells_whether_anything_has_changed(path: Path) -> None:
    assert write_state(path, True)
    assert not write_state(path, True)
    assert write_state(path, False)
    assert not write_state(path, False)


def test_what_is_there_already_is_not_touched(path: Path) -> None:
    write_state(path, True)
    before = path.stat()
    write_state(path, True)
    assert path.stat() == before


def test_it_is_replaced_as_a_whole_and_leaves_nothing_behind(path: Path) -> None:
    write_state(path, True)
    before = path.stat().st_ino
    write_state(path, False)
    assert path.stat().st_ino != before
    assert list(path.parent.iterdir()) == [path]


def test_bird_may_read_it(path: Path) -> None:
    write_state(path, True)
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_link_where_the_new_file_is_written_is_not_followed(path: Path) -> None:
    victim = path.with_name("victim")
    victim.write_text("mine")
    path.with_name(f".{path.name}.tmp").symlink_to(victim)
    with pytest.raises(BirdError):
        write_state(path, True)
    assert victim.read_text() == "mine"
    assert write_state(path, True), "the link is gone"


@pytest.mark.parametrize(
    "text", ["", "define OTHER = true;", "# define DNSD_DRAIN = true;", "\xff"]
)
def test_it_may_say_nothing(path: Path, text: str) -> None:
    path.write_text(text, encoding="latin-1")
    assert read_state(path) is None
    assert write_state(path, False)
    assert read_state(path) is False


def test_it_may_be_missing(path: Path) -> None:
    assert read_state(path) is None


def test_a_directory_that_is_missing_is_told(path: Path) -> None:
    missing = path / "deeper"
    with pytest.raises(BirdError) as caught:
        write_state(missing, True)
    assert str(caught.value).startswith(f"cannot write {missing} (No such file or directory)")
    assert "[anycast.bird] state_file" in str(caught.value)


def test_a_directory_in_its_place_is_told(path: Path) -> None:
    path.mkdir()
    with pytest.raises(BirdError, match=r"cannot write .*Is a directory"):
        write_state(path, True)
    assert [one.name for one in path.parent.iterdir()] == [path.name]
