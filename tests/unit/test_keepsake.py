"""What control leaves to its successor: whole or the one before, whatever the disk says."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.announce.orders import Orders, RouteOrder
from dnsd.control.anycast.orderbook import OrderBook
from dnsd.control.failover.statefile import StateFile
from dnsd.failover.stored import Moment, StoredPool
from dnsd.image import memory
from dnsd.image.keepsake import Keepsakes
from dnsd.image.memory import Memory
from dnsd.image.state import ControlCells, StateVector
from dnsd.process import durablefile
from dnsd.process.durablefile import Durable

POOL = StoredPool(name="www.", type="A", members=())


class Site:
    """The shared memory of a node, for one control process after the other."""

    def __init__(self) -> None:
        self.vector = StateVector.create(1)
        self.fd = memory.create("kept")

    def begin(self) -> Keepsakes:
        return Keepsakes(self.fd, self.vector)

    @property
    def taken(self) -> int:
        return os.fstat(self.fd).st_blocks * 512


def full(_path: Path, _data: bytes) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@given(st.lists(st.tuples(st.sampled_from(("config", "ledger", "pools")), st.binary()), max_size=9))
def test_a_successor_finds_what_was_put_last(story: list[tuple[str, bytes]]) -> None:
    site = Site()
    kept = site.begin()
    for which, data in story:
        getattr(kept, which).put(data)
    last = dict(story)
    successor = site.begin()
    for which in ("config", "ledger", "pools", "orders"):
        assert getattr(successor, which).get() == last.get(which)
    assert site.taken <= 2 * memory.PAGE * len(last), "what is replaced takes no memory"
    os.close(site.fd)


def test_who_is_killed_in_the_middle_leaves_the_one_before_and_no_memory() -> None:
    site = Site()
    kept = site.begin()
    kept.ledger.put(b"before")
    taken = site.taken
    Memory(site.fd).put(b"half of it")  # and then it is killed
    assert site.begin().ledger.get() == b"before"
    assert site.taken == taken


def test_without_memory_nothing_old_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    kept = site.begin()
    kept.pools.put(b"old")

    def none(*_: object) -> int:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(os, "pwrite", none)
    kept.pools.put(b"new")
    assert site.begin().pools.get() is None
    assert site.vector.control[ControlCells.KEPT_POOLS] == 0


def test_a_file_that_cannot_be_written_is_as_it_was_and_leaves_nothing(tmp_path: Path) -> None:
    site = Site()
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / ".file.tmp").mkdir()
    file = Durable(tmp_path / "file", site.begin().ledger)
    with pytest.raises(OSError, match="directory"):
        file.write(b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert file.read() == b"new", "this node knows better than the disk"
    assert Durable(tmp_path / "file").read() == b"old"
    assert Durable(tmp_path / "absent").read() is None


def test_a_file_is_on_disk_before_its_name_and_its_name_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut leaves an empty file, or brings the old one back."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    synced = []

    def fsync(descriptor: int) -> None:
        what = Path(f"/proc/self/fd/{descriptor}").readlink()
        content = None if what.is_dir() else what.read_bytes()
        synced.append((what, content, path.read_bytes()))

    monkeypatch.setattr(os, "fsync", fsync)
    durablefile.replace(path, b"n", b"ew")
    assert synced == [(tmp_path / ".file.tmp", b"new", b"old"), (tmp_path, None, b"new")]


def test_no_link_is_followed_when_a_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"theirs")
    (tmp_path / ".file.tmp").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        durablefile.replace(tmp_path / "file", b"ours")
    assert (tmp_path / "elsewhere").read_bytes() == b"theirs"


def test_an_order_that_the_disk_refuses_is_in_force_told_and_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site()
    ordered = Orders(withdraw=RouteOrder(since=1.0, until=None, reason="new disks"))
    monkeypatch.setattr("dnsd.control.anycast.orderbook.AGAIN_S", 0.001)

    async def story() -> None:
        book = OrderBook(tmp_path, site.begin().orders)
        with monkeypatch.context() as patch:
            patch.setattr(durablefile, "replace", full)
            book.put(ordered)
            await book.write()
            assert "No space left on device" in book.fault
            assert OrderBook(tmp_path, site.begin().orders).at(2.0) == ordered
        assert OrderBook(tmp_path).at(2.0) == Orders(), "a restart would have forgotten it"
        again = asyncio.create_task(book.run())
        while book.fault:
            await asyncio.sleep(0.001)
        again.cancel()
        assert OrderBook(tmp_path).at(2.0) == ordered

    asyncio.run(asyncio.wait_for(story(), 60))


def test_an_order_about_a_member_is_durable_only_when_it_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site()

    async def story() -> None:
        file = StateFile(tmp_path, site.begin().pools)
        file.read(Moment(0.0))
        await file.write((POOL,), Moment(0.0))
        assert file.fault == ""
        file.demand()
        assert "not saved" in file.fault, "it may be under way"
        with monkeypatch.context() as patch:
            patch.setattr(durablefile, "replace", full)
            await file.write((POOL,), Moment(0.0))
            assert "a restart now would forget them" in file.fault
            await file.write((POOL,), Moment(0.0))
            assert "a restart now would forget them" in file.fault
            assert StateFile(tmp_path, site.begin().pools).read(Moment(0.0)).pools
        await file.write((POOL,), Moment(0.0))
        assert file.fault == ""

    asyncio.run(story())
