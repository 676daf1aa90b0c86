"""Many small images in one file: whole or not at all, damaged one by one, gone with the last."""

from __future__ import annotations

import errno
import os
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.build import images
from dnsd.build.images import Job
from dnsd.build.pipeline import build_zones
from dnsd.config import Limits
from dnsd.errors import ImageError
from dnsd.image import layout, memory, pack, store
from dnsd.image.memory import Memory
from dnsd.image.stock import Stock, region_of
from tests.support import zone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ORIGINS = [f"z{number}." for number in range(5)]


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    (tmp_path / "images").mkdir()
    return Stock(tmp_path / "images", Memory(memory.create("images")))


@pytest.fixture
def jobs(stock: Stock) -> list[Job]:
    return [job(stock, origin, number) for number, origin in enumerate(ORIGINS)]


def job(stock: Stock, origin: str, serial: int) -> Job:
    assert stock.memory
    file = stock.directory.parent / f"{origin}zone"
    file.write_text(zone(serial, f"www A 192.0.2.{serial}"))
    os.utime(file, (1, 1))  # long ago, so that its stamp can be relied on
    return Job(
        origin=origin,
        file=str(file),
        limits=Limits(),
        images=str(stock.directory),
        memory=stock.memory.fd,
    )


def build(jobs: Sequence[Job]) -> list[str]:
    """The names of the images of ``jobs``."""
    results = build_zones(jobs)
    assert [result.origin for result in results] == [one.origin for one in jobs]
    return [result.image for result in results if result.image]


def reused(stock: Stock, jobs: Sequence[Job]) -> list[str]:
    """The images that a start would use again."""
    names = images.by_stem(stock)
    found = (images.reusable(stock, names.get(images.stem(one.origin), ()), one) for one in jobs)
    return [name for name, _ in filter(None, found)]


IMAGES = st.binary(max_size=300).map(layout.MAGIC.__add__)


@given(st.dictionaries(st.text(max_size=9), st.tuples(IMAGES, st.binary(max_size=90)), max_size=20))
def test_each_part_of_a_pack_is_found_as_it_was(images: dict[str, tuple[bytes, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "+pack.1.img")
        far: dict[bytes, int] = {}
        parts = {
            key: pack.Part(bytearray(image), rest, lambda one, at: far.update({bytes(one): at}))
            for key, (image, rest) in images.items()
        }
        names = pack.save(path, parts)
        index = pack.index(path)
        assert {key: one.name for key, one in index.items()} == names
        assert {key: pack.read(path, one) for key, one in index.items()} == {
            key: image for key, (image, _) in images.items()
        }
        last = {image: (index[key], rest) for key, (image, rest) in images.items()}
        for image, (where, rest) in last.items():
            at = where.at + far[image]
            assert path.read_bytes()[at : at + len(rest)] == rest
            assert at % layout.ALIGN == 0
            assert all(at >= one.at + one.size for one in index.values()), "behind all images"
        mapped = pack.view(path)
        for key, one in index.items():
            assert one.at % pack.ALIGN == 0
            assert mapped[one.at : one.at + one.size] == images[key][0]
        mapped.close()


def test_what_an_image_was_made_from_stands_behind_all_images_and_is_checked(
    stock: Stock, jobs: list[Job]
) -> None:
    names = build(jobs)
    for name, one in zip(names, jobs, strict=True):
        assert images.read_meta(stock, name).origin == one.origin
        stock.verify(name)
    found = [where for name in names if (where := pack.packed(name))]
    path = stock.path(names[0])
    octets = bytearray(path.read_bytes())
    at = octets.index(b'{"builder"')
    assert at >= max(one.at + one.size for one in found)
    octets[at] ^= 1
    path.write_bytes(octets)
    stock = Stock(stock.directory)
    with pytest.raises(ImageError, match="made from is damaged"):
        images.read_meta(stock, names[0])
    assert images.read_meta(stock, names[1]).origin == jobs[1].origin
    stock.open(names[0]).close()


def test_small_zones_share_a_file_and_its_mapping(stock: Stock, jobs: list[Job]) -> None:
    names = build(jobs)
    (file,) = stock.files()
    assert {stock.path(name) for name in names} == {stock.directory / file}
    opened = [stock.open(name) for name in names]
    assert [image.serial for image in opened] == [0, 1, 2, 3, 4]
    views = [image.buffer for image in opened if isinstance(image.buffer, memoryview)]
    assert len({id(view.obj) for view in views}) == 1
    assert len(views) == len(ORIGINS)
    for image in opened:
        image.close()
    assert images.changes(stock, names) == {}
    assert reused(stock, jobs) == names


def test_a_large_zone_has_a_file_of_its_own(stock: Stock, jobs: list[Job]) -> None:
    records = (f"h{number} A 192.0.2.1" for number in range(3000))
    Path(jobs[2].file).write_text(zone(2, *records))
    names = build(jobs)
    assert [name for name in names if pack.packed(name) is None] == [names[2]]
    assert names[2] in stock.files()


def test_a_broken_zone_leaves_the_others_their_pack(stock: Stock, jobs: list[Job]) -> None:
    Path(jobs[2].file).write_text("@ SOA nonsense")
    results = build_zones(jobs)
    assert [result.origin for result in results if not result.is_loaded] == ["z2."]
    assert len(stock.files()) == 1


def test_a_pack_that_was_cut_short_in_the_making_is_none(
    stock: Stock, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(_self: Path, _target: Path) -> None:
        raise Killed

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(Killed):
        build(jobs)
    (rest,) = stock.files()
    assert rest.startswith(".")
    assert images.by_stem(stock) == {}
    monkeypatch.undo()
    assert reused(stock, jobs) == []
    assert list(stock.names()) == [rest], "it is cleared away as a leftover"
    assert len(build(jobs)) == len(jobs)


def test_what_a_full_disk_refuses_is_in_memory(
    stock: Stock, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_parts: bytes) -> None:
        raise ImageError(f"cannot write {path}: the disk is full", errno.ENOSPC)

    monkeypatch.setattr(store, "save", full)
    names = build(jobs)
    assert len(names) == len(jobs)
    assert all(map(region_of, names))
    assert [stock.open(name).serial for name in names] == [0, 1, 2, 3, 4]


def flip(path: Path, where: pack.Packed) -> None:
    octets = bytearray(path.read_bytes())
    octets[where.at + where.size // 2] ^= 1
    path.write_bytes(octets)


def test_one_damaged_image_is_built_again_and_no_other(stock: Stock, jobs: list[Job]) -> None:
    names = build(jobs)
    where = pack.packed(names[3])
    assert where
    flip(stock.path(names[3]), where)
    assert list(images.changes(stock, names)) == [names[3]]
    assert "damaged" in stock.fault(names[3])
    assert reused(stock, jobs) == [*names[:3], *names[4:]]


def test_a_pack_that_was_only_touched_is_read_once(
    stock: Stock, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = build(jobs)
    os.utime(stock.path(names[0]))
    assert images.changes(stock, names) == {}
    monkeypatch.setattr(Stock, "fault", None)
    assert images.changes(stock, names) == {}, "it is sealed again"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


@pytest.mark.parametrize("harm", [cut, empty, other, Path.unlink])
def test_a_pack_that_does_not_hold_together_is_built_again(
    stock: Stock, jobs: list[Job], harm: Callable[[Path], None]
) -> None:
    names = build(jobs)
    harm(stock.path(names[0]))
    with pytest.raises(ImageError):
        stock.open(names[0])
    assert reused(stock, jobs) == []
    if harm is not cut:  # all its images are still there
        assert images.changes(stock, names).keys() == set(names)
    again = build(jobs)
    assert reused(stock, jobs) == again


@pytest.mark.parametrize(
    "octets",
    [b"", b"null", b'{"a":1}', b'{"a":[1]}', b'{"a":[-5,9]}', b'{"a":[9,99999]}', b"[" * 9999],
)
def test_an_index_that_makes_no_sense_is_damaged_whatever_its_checksum_says(
    tmp_path: Path, octets: bytes
) -> None:
    path = tmp_path / "+pack.1.img"
    rest = bytes(96)
    at = pack.HEAD.size + len(rest)
    head = pack.HEAD.pack(pack.MAGIC, 1, zlib.crc32(octets), at, len(octets))
    path.write_bytes(head + rest + octets)
    with pytest.raises(ImageError, match="is damaged"):
        pack.index(path)
    assert images.by_stem(Stock(tmp_path)) == {}


def test_a_pack_goes_with_the_last_of_its_images(stock: Stock, jobs: list[Job]) -> None:
    names = build(jobs)
    (file,) = stock.files()
    held = stock.open(names[0])
    for name in names[1:]:
        stock.remove(name)
        stock.remove(name)
        assert stock.files() == [file]
    stock.remove(names[0])
    assert stock.files() == []
    assert held.serial == 0
    assert held.apex == b"\x02z0\x00"
    held.close()


def test_what_was_removed_from_a_pack_is_not_found_again(stock: Stock, jobs: list[Job]) -> None:
    names = build(jobs)
    (file,) = stock.files()
    held = stock.open(names[1])
    stock.remove(names[0])
    assert list(stock.names()) == names[1:]
    assert images.by_stem(stock).keys() == {images.stem(origin) for origin in ORIGINS[1:]}
    assert reused(stock, jobs) == names[1:]
    assert not images.changes(stock, names[1:])
    after = Stock(stock.directory)
    for name in names[1:]:
        after.remove(name)
    assert after.files() == [], "the next process knows what the one before has removed"
    assert (held.serial, file) == (1, pack.packed(names[1]).pack)  # type: ignore[union-attr]
    held.close()


def test_a_pack_of_which_all_was_struck_out_is_known_by_its_file(
    stock: Stock, jobs: list[Job]
) -> None:
    names = build(jobs)
    (file,) = stock.files()
    for name in names:
        where = pack.packed(name)
        assert where
        pack.strike_out(stock.directory / file, where)
    assert list(stock.names()) == [file]


def test_a_pack_that_cannot_be_read_just_now_is_none_that_nobody_uses(
    stock: Stock, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is listed and not used is removed."""
    list(build_zones(jobs))
    (name,) = stock.files()

    def refuse(path: Path) -> None:
        raise store.unreadable(path, OSError(errno.EMFILE, os.strerror(errno.EMFILE)))

    with monkeypatch.context() as patch:
        patch.setattr(pack, "index", refuse)
        assert list(stock.names()) == []
    (stock.directory / name).write_bytes(b"damaged")
    assert list(stock.names()) == [name]


def test_a_pack_is_mapped_once_while_its_images_are_opened_one_after_the_other(
    stock: Stock, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = build(jobs)
    viewed: list[Path] = []
    view = pack.view

    def noted(path: Path) -> Any:
        viewed.append(path)
        return view(path)

    monkeypatch.setattr(pack, "view", noted)
    with stock.held():
        for name in names:
            stock.open(name).close()
    assert len(viewed) == 1
    assert not stock._mapped, "and no longer than that"
