"""What the disk has refused is tried again, and is as if nothing had been once it is taken."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from dnsd import compile as compiler
from dnsd.build import images
from dnsd.control.disk import FIRST_PAUSE_S, LONGEST_PAUSE_S, Disk
from dnsd.control.zones.table import ServedImage, ZoneRow
from dnsd.errors import ImageError
from dnsd.image import memory, store
from dnsd.image.memory import Memory
from dnsd.image.stock import Stock
from dnsd.process.statedir import IMAGES
from dnsd.zone.load import load_text

ZONE = "@ 300 IN SOA ns host 7 2 3 4 5\n@ 300 IN NS ns\nns 300 IN A 192.0.2.1\n"


class Site:
    """A state directory that is not there yet, and two zones that are served from memory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "state"
        self.stock = Stock(self.directory / IMAGES, Memory(memory.create("images")))
        self.rows = [self.row("one.example."), self.row("two.example.")]
        self.disk = Disk(self.directory, self.stock, lambda: self.rows)

    def row(self, origin: str) -> ZoneRow:
        zone = load_text(origin, ZONE).zone
        assert zone
        name = self.stock.save(images.new_name(origin), compiler.build(zone))
        return ZoneRow(origin, self.directory, 0.0, served=ServedImage(name, 7, 3))

    def turn(self) -> dict[str, str]:
        return asyncio.run(self.disk.turn())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_what_is_in_memory_becomes_files(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.disk.problems == [
        "2 zones are served from memory: the disk has not accepted the image; trying again"
    ]
    taken = site.turn()
    assert taken.keys() == {"one.example.", "two.example."}
    for name in taken.values():
        path = site.directory / IMAGES / name
        store.verify(path)
        assert path.stat().st_mtime_ns == images._made(name), "it is not read again at a restart"
    assert site.turn() == {}, "who serves it is another matter"
    for row in site.rows:
        assert row.served
        row.served = ServedImage(taken[row.origin], 7, 3)
    assert site.disk.problems == []
    assert capsys.readouterr().err == ""


def test_a_disk_that_goes_on_refusing_is_tried_less_and_less_often(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, _image: bytes) -> None:
        raise ImageError(f"cannot write the image {path}: No space left on device", errno.ENOSPC)

    pauses = []
    with monkeypatch.context() as patch:
        patch.setattr(store, "save", full)
        for _ in range(8):
            assert site.turn() == {}
            pauses.append(site.disk.pause)
    assert pauses[0] > FIRST_PAUSE_S
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_S
    assert "No space left" in site.disk.problems[0]
    assert len(site.turn()) == 2
    assert site.disk.fault == ""
    refused, again = capsys.readouterr().err.splitlines()
    assert "No space left" in refused
    assert again.endswith("can be written again [disk-writable]")
    site.turn()
    assert site.disk.pause == FIRST_PAUSE_S


def test_a_read_only_disk_ends_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses to remove even what is not there."""

    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    (site.directory / IMAGES).mkdir(0o700, parents=True)
    site.directory.chmod(0o700)
    with monkeypatch.context() as patch:
        for call in ("open", "unlink"):
            patch.setattr(Path, call, refuse)
        assert site.turn() == {}
    assert "Read-only file system" in site.disk.fault
    assert site.turn().keys() == {"one.example.", "two.example."}


def test_an_image_that_was_given_back_meanwhile_is_no_file(site: Site) -> None:
    served = site.rows[0].served
    assert served
    site.stock.remove(served.image)
    assert site.turn().keys() <= {"two.example."}
    assert len(site.stock.files()) <= 1


def test_zones_are_not_looked_through_while_nothing_is_in_memory(tmp_path: Path) -> None:
    def rows() -> list[ZoneRow]:
        raise AssertionError("a hundred thousand zones are looked at each second")

    disk = Disk(tmp_path / "state", Stock(tmp_path, Memory(memory.create("images"))), rows)
    assert disk.problems == []
    assert asyncio.run(disk.turn()) == {}
