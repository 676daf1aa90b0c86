"""What the kernel tells of files: who writes them, and what has another name."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from dnsd.control.zones.inotify import Inotify
from dnsd.control.zones.watch import Deed, Sign
from dnsd.control.zones.writers import Writers
from dnsd.process import kernel


class Looker:
    """Looks at ``file`` again and again."""

    def __init__(self, *files: Path) -> None:
        self.paths = [str(file) for file in files]
        self.writers = Writers()
        self.look()

    def look(self) -> list[tuple[str, Deed]]:
        """The signs since last time: names without directories."""
        _, signs = self.writers.look(self.paths)
        return [(Path(path).name, deed) for path, deed in signs]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "zones").mkdir()
    path = tmp_path / "zones/x.zone"
    path.write_text("old")
    return path


def test_a_writer_is_known_until_it_closes(file: Path) -> None:
    looker = Looker(file)
    assert looker.look() == []
    with file.open("w") as opened:
        assert {*looker.look()} == {("x.zone", Deed.WRITTEN)}
        opened.write("half")
        opened.flush()
        assert {*looker.look()} == {("x.zone", Deed.WRITTEN)}
    assert looker.look()[-1] == ("x.zone", Deed.CLOSED)
    file.read_text()
    assert looker.look() == [], "who reads changes nothing"


def test_a_file_that_is_renamed_is_whole(file: Path) -> None:
    looker = Looker(file)
    new = file.with_name(".x.new")
    new.write_text("new")
    new.replace(file)
    assert looker.look() == [("x.zone", Deed.CLOSED)]
    file.unlink()
    assert looker.look() == [("x.zone", Deed.CLOSED)]


def test_what_no_stamp_shows_has_a_sign(file: Path) -> None:
    looker = Looker(file)
    before = file.stat()
    file.write_text("new")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert looker.look()[-1] == ("x.zone", Deed.CLOSED)


def test_zone_files_that_are_not_watched_yet_have_signs_and_others_none(file: Path) -> None:
    looker = Looker(file)
    file.with_name("y.zone").write_text("new")
    file.with_name("notes").write_text("new")
    assert {*looker.look()} == {("y.zone", Deed.WRITTEN), ("y.zone", Deed.CLOSED)}


def test_a_link_is_written_where_it_leads_to(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere/db.x"
    real.write_text("old")
    link = file.with_name("link.zone")
    link.symlink_to(real)
    looker = Looker(file, link)
    with real.open("w"):
        assert {*looker.look()} == {("link.zone", Deed.WRITTEN)}
    assert looker.look() == [("link.zone", Deed.CLOSED)]
    other = tmp_path / "elsewhere/db.y"
    other.write_text("new")
    link.unlink()
    link.symlink_to(other)
    looker.look()
    other.write_text("newer")
    assert ("link.zone", Deed.CLOSED) in looker.look()


def test_a_directory_with_two_names_and_one_that_comes_later(file: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.symlink_to(file.parent)
    later = tmp_path / "later/z.zone"
    looker = Looker(file, second / "x.zone", later)
    file.write_text("new")
    _, signs = looker.writers.look(looker.paths)
    assert {sign.path for sign in signs} == {str(file), f"{second}/x.zone"}
    later.parent.mkdir()
    looker.look()
    later.write_text("new")
    assert looker.look()[-1] == ("z.zone", Deed.CLOSED)


@pytest.mark.parametrize("is_removed", [False, True])
def test_a_directory_that_another_one_replaces(file: Path, is_removed: bool) -> None:
    looker = Looker(file)
    old = file.parent.rename(file.parent.with_name("old"))
    if is_removed:
        shutil.rmtree(old)
    file.parent.mkdir()
    file.write_text("new")
    looker.look()
    file.write_text("newer")
    assert looker.look()[-1] == ("x.zone", Deed.CLOSED)
    if not is_removed:
        (old / file.name).write_text("not ours any more")
        assert looker.look() == []


def test_what_was_done_to_a_directory_before_another_one_replaces_it(file: Path) -> None:
    looker = Looker(file)
    file.write_text("new")
    file.parent.rename(file.parent.with_name("old"))
    file.parent.mkdir()
    assert looker.look()[-1] == ("x.zone", Deed.CLOSED)


def test_a_directory_that_cannot_be_reached_leaves_others_watched(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = file.parent / "loop"
    loop.symlink_to(loop)
    looker = Looker(file, loop / "y.zone")
    file.write_text("new")
    assert looker.look()[-1] == ("x.zone", Deed.CLOSED)
    assert not capsys.readouterr().err


def test_a_queue_that_overflows_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looker = Looker(file)
    watched = looker.writers._inotify
    assert watched
    octets = [b"\xff\xff\xff\xff" + (0x4000).to_bytes(4, "little") + bytes(8), b""]
    monkeypatch.setattr(os, "read", lambda *_: octets.pop(0))
    assert looker.writers.look(looker.paths)[1] == [Sign("", Deed.UNKNOWN)]


@pytest.mark.parametrize("name", ["inotify_init1", "inotify_add_watch"])
def test_without_the_kernels_help_stamps_are_looked_at(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    call = kernel.call

    def refuse(what: str, *arguments: int | bytes) -> int:
        if what == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return call(what, *arguments)

    monkeypatch.setattr(kernel, "call", refuse)
    looker = Looker(file)
    file.write_text("new")
    stamps, signs = looker.writers.look(looker.paths)
    assert stamps[str(file)]
    assert signs == []
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "the kernel does not report who writes zone files (No space left on device)" in told[0]


def test_descriptors_are_given_back(file: Path) -> None:
    def open_files() -> Iterable[str]:
        return os.listdir("/proc/self/fd")  # noqa: PTH208

    before = len([*open_files()])
    one = Inotify()
    one.follow([str(file.parent)])
    one.follow([])
    file.write_text("new")
    assert [*one.events()] == []
    one.close()
    assert len([*open_files()]) == before
