"""Images in shared memory: what the disk refuses is kept, read by others, and given back."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd import compile as compiler
from dnsd.errors import ImageError
from dnsd.image import memory, store
from dnsd.image.memory import PAGE, Memory, Region
from dnsd.image.stock import Stock, file_name, region_of
from dnsd.zone.load import load_text

ZONE = "@ 300 IN SOA ns host 7 2 3 4 5\n@ 300 IN NS ns\nns 300 IN A 192.0.2.1\n"


def octets(meta: int = 0) -> bytes:
    zone = load_text("example.", ZONE).zone
    assert zone
    return bytes(compiler.build(zone, meta=bytes(meta)))


def blocks(fd: int) -> int:
    return os.fstat(fd).st_blocks * 512


@pytest.fixture
def refusing(tmp_path: Path) -> Stock:
    """A stock whose directory is not there: the disk takes nothing."""
    return Stock(tmp_path / "absent", Memory(memory.create("images")))


@pytest.mark.parametrize("meta", [0, store.MAPPED_FROM])
def test_what_the_disk_refuses_is_in_memory(refusing: Stock, meta: int) -> None:
    name = refusing.save("one.img", octets(meta))
    assert file_name(name) == "one.img"
    image = refusing.open(name)
    assert (image.serial, image.apex) == (7, b"\x07example\x00")
    image.close()
    assert refusing.files() == []


def test_what_the_disk_takes_is_a_file(tmp_path: Path) -> None:
    stock = Stock(tmp_path, Memory(memory.create("images")))
    name = stock.save("one.img", octets())
    assert (name, region_of(name), file_name(name)) == ("one.img", None, "one.img")
    assert stock.open(name).serial == 7
    assert stock.files() == ["one.img"]
    stock.remove(name)
    stock.remove(name)
    assert stock.files() == []


def test_without_memory_the_disk_decides(tmp_path: Path, refusing: Stock) -> None:
    with pytest.raises(ImageError, match="cannot write the image"):
        Stock(tmp_path / "absent").save("one.img", octets())
    with pytest.raises(ImageError, match="memory of another process"):
        Stock(tmp_path).open(refusing.save("one.img", octets()))


def test_no_memory_left_is_said_with_what_the_disk_said(
    refusing: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusing.memory
    before = refusing.memory.end

    def none(fd: int, _data: object, at: int) -> int:
        os.ftruncate(fd, at + 1)
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(os, "pwrite", none)
    with pytest.raises(ImageError, match=r"cannot write .*; nor is there memory .*: Cannot alloc"):
        refusing.save("one.img", octets())
    assert refusing.memory.end - before <= 2 * PAGE
    assert blocks(refusing.memory.fd) == 0


@pytest.mark.parametrize("name", ["x.img@4096+10", "x.img@4096+999999", "x.img@1+999999"])
def test_a_region_that_is_none_is_an_error(refusing: Stock, name: str) -> None:
    with pytest.raises(ImageError):
        refusing.open(name)


def test_an_image_that_was_given_back_is_none(refusing: Stock) -> None:
    names = [refusing.save(f"{number}.img", octets(PAGE)) for number in range(3)]
    assert refusing.memory
    before = blocks(refusing.memory.fd)
    refusing.remove(names[1])
    assert blocks(refusing.memory.fd) < before
    with pytest.raises(ImageError):
        refusing.open(names[1])
    assert [refusing.open(names[at]).serial for at in (0, 2)] == [7, 7]


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=3 * PAGE), st.booleans()), max_size=12))
def test_regions_never_touch_each_other(story: list[tuple[bytes, bool]]) -> None:
    shared = Memory(memory.create("images"))
    kept: dict[Region, bytes] = {}
    for data, keep in story:
        region = shared.put(data)
        if keep:
            kept[region] = data
        else:
            shared.free(region)
    assert {region: shared.read(region) for region in kept} == kept
    shared.put(b"left by somebody who was killed")
    end = shared.end
    later = shared.put(b"later")
    shared.keep_only(kept, end)
    assert {region: shared.read(region) for region in kept} == kept
    assert shared.read(later) == b"later"
    assert blocks(shared.fd) == PAGE + sum(memory.page_after(region.size) for region in kept)
    os.close(shared.fd)


def test_many_may_put_at_once() -> None:
    shared = Memory(memory.create("images"))
    data = [bytes([number]) * (PAGE + number) for number in range(64)]
    with ThreadPoolExecutor(8) as threads:
        regions = list(threads.map(shared.put, data))
    assert [shared.read(region) for region in regions] == data


def test_another_process_puts_and_ends_and_it_is_there() -> None:
    shared = Memory(memory.create("images"))
    mine = shared.put(b"mine")
    script = f"from dnsd.image.memory import Memory; print(*Memory({shared.fd}).put(b'theirs'))"
    command = [sys.executable, "-c", script]
    root = Path(__file__).parents[2]
    told = subprocess.check_output(command, pass_fds=[shared.fd], cwd=root, text=True)
    assert shared.read(Region(*map(int, told.split()))) == b"theirs"
    assert shared.read(mine) == b"mine"
