"""When changed files are due to be loaded: all of it under a clock that the test turns."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.build.stamps import TICK_NS, Stamp, Stamps, doubtful, observe, stamp
from dnsd.control.zones.watch import PATIENCE, WRITER_S, Deed, Sign, Watch
from dnsd.control.zones.writers import ends

OLD, NEW, NEWER = Stamp(1, 10, 5), Stamp(2, 10, 5), Stamp(3, 10, 5)
SETTLE = 2.0


def watching(**files: Stamp | None) -> Watch:
    """A watch of one zone for each file, which has seen them all as they were loaded."""
    watch = Watch(SETTLE)
    for name, one in files.items():
        watch.follow(f"{name}.", {name: one})
    assert watch.look(0.0, dict(files)) == []
    return watch


def test_what_does_not_change_is_never_due() -> None:
    watch = watching(a=OLD, b=None)
    assert watch.look(1e9, {"a": OLD, "b": None}) == []


@pytest.mark.parametrize(
    "changed", [Stamp(2, 10, 5), Stamp(1, 11, 5), Stamp(1, 10, 6), Stamp(0, 10, 5), None]
)
def test_a_change_is_due_once_it_has_settled(changed: Stamp | None) -> None:
    watch = watching(a=OLD)
    assert watch.look(10.0, {"a": changed}) == []
    assert watch.look(11.9, {"a": changed}) == []
    assert watch.look(12.0, {"a": changed}) == ["a."]


def test_a_file_whose_last_line_does_not_end_has_to_be_the_same_for_longer() -> None:
    watch = Watch(SETTLE, {"a": False, "b": True}.__getitem__)
    for name in "ab":
        watch.follow(f"{name}.", {name: OLD})
    watch.look(0.0, {"a": OLD, "b": OLD})
    assert watch.look(10.0, {"a": NEW, "b": OLD}) == []
    assert watch.look(10.0 + SETTLE * PATIENCE - 0.1, {"a": NEW, "b": OLD}) == []
    assert watch.look(10.0 + SETTLE * PATIENCE, {"a": NEW, "b": OLD}) == ["a."]
    watch.follow("a.", {"a": NEW})
    assert watch.look(100.0, {"a": NEW, "b": NEW}) == []
    assert watch.look(100.0 + SETTLE, {"a": NEW, "b": NEW}) == ["b."]
    # one that is gone ends nowhere
    assert watch.look(200.0, {"a": None, "b": NEW}) == ["b."]
    assert "a." in watch.look(200.0 + SETTLE, {"a": None, "b": NEW})


@pytest.mark.parametrize(
    ("content", "whole"), [(b"", True), (b"a A 192.0.2.1\n", True), (b"a A 192.0.2.1", False)]
)
def test_how_a_file_ends(tmp_path: Path, content: bytes, whole: bool) -> None:
    path = tmp_path / "a.zone"
    assert ends(str(path))
    path.write_bytes(content)
    assert ends(str(path)) is whole


def test_a_file_that_goes_on_changing_is_not_due() -> None:
    watch = watching(a=OLD)
    for tick in range(50):
        assert watch.look(10.0 + tick, {"a": Stamp(tick, 10, 5)}) == []
    assert watch.look(61.0, {"a": Stamp(49, 10, 5)}) == ["a."]


def test_a_file_that_is_moved_away_for_a_moment_is_not_due_while_it_is_gone() -> None:
    watch = watching(a=OLD)
    assert watch.look(10.0, {"a": None}) == []
    assert watch.look(11.0, {"a": NEW}) == []
    assert watch.look(12.0, {"a": NEW}) == []
    assert watch.look(13.0, {"a": NEW}) == ["a."]


def test_a_change_that_is_taken_back_is_not_due() -> None:
    watch = watching(a=OLD)
    watch.look(10.0, {"a": NEW})
    assert watch.look(11.0, {"a": OLD}) == []
    assert watch.look(20.0, {"a": OLD}) == []


def test_what_is_due_stays_so_until_it_has_been_tried() -> None:
    watch = watching(a=OLD)
    watch.look(10.0, {"a": NEW})
    assert watch.look(20.0, {"a": NEW}) == ["a."]
    assert watch.look(21.0, {"a": NEW}) == ["a."]
    watch.follow("a.", {"a": NEW})
    assert watch.look(22.0, {"a": NEW}) == []


def test_a_file_that_changed_again_while_it_was_loaded_is_due_again() -> None:
    watch = watching(a=OLD)
    watch.look(10.0, {"a": NEW})
    assert watch.look(12.0, {"a": NEW}) == ["a."]
    watch.follow("a.", {"a": NEW})  # what the load has read
    assert watch.look(13.0, {"a": NEWER}) == []
    assert watch.look(15.0, {"a": NEWER}) == ["a."]


def test_a_file_that_several_zones_include_makes_all_of_them_due() -> None:
    watch = Watch(SETTLE)
    watch.follow("a.", {"a": OLD, "shared": OLD})
    watch.follow("b.", {"b": OLD, "shared": OLD})
    watch.follow("c.", {"c": OLD})
    files: Stamps = {"a": OLD, "b": OLD, "c": OLD, "shared": OLD}
    assert watch.paths() == set(files)
    watch.look(0.0, files)
    files["shared"] = NEW
    watch.look(10.0, files)
    assert watch.look(12.0, files) == ["a.", "b."]


def test_a_zone_waits_for_all_of_its_files() -> None:
    watch = Watch(SETTLE)
    watch.follow("a.", {"a": OLD, "included": OLD})
    watch.look(0.0, {"a": OLD, "included": OLD})
    watch.look(10.0, {"a": NEW, "included": OLD})
    assert watch.look(12.0, {"a": NEW, "included": NEW}) == []
    assert watch.look(14.0, {"a": NEW, "included": NEW}) == ["a."]


def test_many_changes_are_one_batch() -> None:
    watch = watching(**{f"z{number}": OLD for number in range(1000)})
    files: Stamps = {f"z{number}": OLD for number in range(1000)}
    for number in range(1000):  # copying them takes ten settle times
        files[f"z{number}"] = NEW
        assert watch.look(10.0 + number / 50, files) == []
    last = 10.0 + 999 / 50
    assert watch.look(last + SETTLE - 0.01, files) == []
    assert len(watch.look(last + SETTLE, files)) == 1000


def test_a_file_that_never_settles_holds_up_others_only_for_a_while() -> None:
    watch = watching(a=OLD, busy=OLD)
    watch.look(10.0, {"a": NEW, "busy": NEW})
    limit = 10.0 + SETTLE * (1 + PATIENCE)
    for tick in range(200):
        now = 10.0 + tick / 4
        due = watch.look(now, {"a": NEW, "busy": Stamp(tick + 10, 1, 1)})
        assert due == (["a."] if now >= limit else [])


def test_what_is_forgotten_is_not_watched() -> None:
    watch = watching(a=OLD, b=OLD)
    watch.forget("a.")
    watch.forget("never known.")
    assert watch.paths() == {"b"}
    watch.look(10.0, {"b": OLD})
    assert watch.look(20.0, {"b": OLD}) == []


def test_files_that_were_not_looked_at_are_left_alone() -> None:
    watch = watching(a=OLD)
    watch.follow("b.", {"b": OLD})  # loaded while somebody looked at the files
    assert watch.look(10.0, {"a": OLD}) == []


def test_without_a_settle_time_a_change_is_due_at_once() -> None:
    watch = Watch(0.0)
    watch.follow("a.", {"a": OLD})
    assert watch.look(10.0, {"a": NEW}) == ["a."]


stories = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.none() | st.builds(Stamp, st.just(1), st.just(1), st.integers(1, 3)),
    ),
    max_size=30,
)


@given(stories)
def test_whatever_happens_all_is_loaded_once_it_is_quiet(
    story: list[tuple[str, Stamp | None]],
) -> None:
    files: Stamps = dict.fromkeys("abc", OLD)
    watch = watching(a=OLD, b=OLD, c=OLD)
    loaded, now = dict(files), 0.0

    def turn() -> None:
        for key in watch.look(now, files):
            name = key[0]
            assert loaded[name] != files[name], "nothing is loaded without need"
            loaded[name] = files[name]
            watch.follow(key, {name: files[name]})

    for name, one in story:
        now += 0.7
        files[name] = one
        turn()
    for _ in range(4):
        now += SETTLE
        turn()
    assert loaded == files


# -- stamps -----------------------------------------------------------------------------------


def test_a_stamp_tells_files_apart(tmp_path: Path) -> None:
    path = tmp_path / "zone"
    assert observe([str(path)]) == {str(path): None}
    path.write_text("one")
    first = stamp(str(path))
    assert first
    assert first.size == 3
    path.write_text("more")
    assert stamp(str(path)) != first


def test_a_file_changed_as_it_was_read_is_not_relied_on() -> None:
    began, ended = 10 * TICK_NS, 12 * TICK_NS
    stamps: Stamps = {
        "old": Stamp(9 * TICK_NS, 1, 1),
        "same tick": Stamp(9 * TICK_NS + 1, 1, 1),
        "meanwhile": Stamp(11 * TICK_NS, 1, 1),
        "another clock": Stamp(13 * TICK_NS, 1, 1),
        "absent": None,
    }
    checked = doubtful(stamps, began, ended)
    assert [name for name in stamps if checked[name] != stamps[name]] == ["same tick", "meanwhile"]


# -- writers ----------------------------------------------------------------------------------


def signs(*paths: str, deed: Deed = Deed.CLOSED) -> list[Sign]:
    return [Sign(path, deed) for path in paths]


def test_a_file_is_due_when_its_writer_has_closed_it() -> None:
    watch = watching(a=OLD)
    assert watch.look(10.0, {"a": NEW}, signs("a", deed=Deed.WRITTEN)) == []
    assert [*watch.written] == ["a"]
    # it pauses for much longer than it takes to settle
    assert watch.look(60.0, {"a": NEW}) == []
    assert watch.look(61.0, {"a": NEWER}, signs("a", deed=Deed.WRITTEN) + signs("a")) == []
    assert [*watch.written] == []
    assert watch.look(63.0, {"a": NEWER}) == ["a."]


def test_a_file_that_is_never_closed_is_due_in_the_end() -> None:
    watch = watching(a=OLD)
    watch.look(10.0, {"a": NEW}, signs("a", deed=Deed.WRITTEN))
    assert watch.look(9.9 + WRITER_S, {"a": NEW}) == []
    watch.look(10.0 + WRITER_S, {"a": NEW})
    assert watch.look(12.0 + WRITER_S, {"a": NEW}) == ["a."]


def test_others_wait_for_a_writer_but_not_for_ever() -> None:
    watch = watching(a=OLD, b=OLD)
    changed = {"a": NEW, "b": NEW}
    watch.look(10.0, changed, signs("a", deed=Deed.WRITTEN))
    assert watch.look(13.0, changed) == []
    assert watch.look(10.0 + SETTLE * (1 + PATIENCE), changed) == ["b."]


def test_without_time_to_settle_a_file_that_is_written_waits_too() -> None:
    watch = watching(a=OLD)
    watch.settle = 0.0
    assert watch.look(10.0, {"a": NEW}, signs("a", deed=Deed.WRITTEN)) == []
    assert watch.look(10.1, {"a": NEW}, signs("a")) == ["a."]


def test_a_change_that_no_stamp_shows_is_suspected() -> None:
    watch = watching(a=OLD, b=OLD)
    same = {"a": OLD, "b": OLD}
    assert watch.look(10.0, same, signs("a")) == []
    assert watch.look(12.0, same) == ["a."]
    assert watch.suspects(["a."]) == {"a."}
    assert watch.look(13.0, same) == [], "it has been told of"
    assert watch.look(20.0, {"a": NEW, "b": OLD}) == []
    assert watch.look(22.0, {"a": NEW, "b": OLD}) == ["a."]
    assert watch.suspects(["a."]) == set(), "its stamp tells"


def test_a_file_of_two_zones_makes_both_suspect() -> None:
    watch = Watch(SETTLE)
    for key in ("a.", "b."):
        watch.follow(key, {key: OLD, "shared": OLD})
    files = {"a.": OLD, "b.": OLD, "shared": OLD}
    watch.look(0.0, files, signs("shared"))
    due = watch.look(3.0, files)
    assert due == ["a.", "b."]
    assert watch.suspects(due) == {"a.", "b."}


def test_a_zone_that_is_busy_is_told_later_of_a_file_it_shares() -> None:
    watch = Watch(SETTLE)
    for key in ("a.", "b."):
        watch.follow(key, {key: OLD, "shared": OLD})
    files = {"a.": OLD, "b.": OLD, "shared": OLD}
    watch.look(0.0, files, signs("shared"))
    assert watch.look(3.0, files) == ["a.", "b."]
    assert watch.suspects(["a."]) == {"a."}
    assert watch.look(4.0, files) == ["b."], "it was being built, perhaps from what was before"
    watch.look(5.0, files, signs("shared"))
    assert sorted(watch.look(8.0, files)) == ["a.", "b."]
    assert watch.suspects(["a."]) == {"a."}, "it was touched once more"
    assert watch.suspects(["a.", "b."]) == {"b."}
    assert watch.look(9.0, files) == []


def test_what_is_new_in_a_directory_is_a_change_of_it() -> None:
    watch = Watch(SETTLE)
    watch.follow("directory", {"/zones": OLD})
    assert watch.look(0.0, {"/zones": OLD}, signs("/zones/x.zone", deed=Deed.WRITTEN)) == []
    assert watch.look(9.0, {"/zones": OLD}) == []
    assert watch.look(10.0, {"/zones": OLD}, signs("/zones/x.zone", "/other/x.zone")) == []
    assert watch.look(12.0, {"/zones": OLD}) == ["directory"]
    assert watch.suspects(["directory"]) == {"directory"}


def test_after_too_many_signs_everything_is_suspected() -> None:
    watch = watching(a=OLD, b=OLD)
    same = {"a": OLD, "b": OLD}
    watch.look(1.0, same, signs("a", deed=Deed.WRITTEN))
    watch.look(2.0, same, [Sign("", Deed.UNKNOWN)])
    assert not watch.written
    assert watch.look(4.0, same) == ["a.", "b."]
