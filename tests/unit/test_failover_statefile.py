"""``failover.state`` is written by one at a time, and the last one has the last word."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from dnsd.control.failover.statefile import FILE, StateFile
from dnsd.failover import stored
from dnsd.failover.stored import Moment, StoredPool
from dnsd.process import durablefile


def pools(name: str) -> tuple[StoredPool, ...]:
    return (StoredPool(name=name, type="A", members=(), drains=(), last_good=()),)


def test_who_stops_has_the_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that was given last is not lost to a thread that writes what was before."""
    began, go_on = threading.Event(), threading.Event()
    writing: list[int] = []
    replace = durablefile.replace

    def slowly(path: Path, data: bytes) -> None:
        writing.append(1)
        assert len(writing) == 1, "two write at once"
        began.set()
        go_on.wait()
        replace(path, data)
        writing.pop()

    monkeypatch.setattr(durablefile, "replace", slowly)
    file = StateFile(tmp_path)

    async def story() -> None:
        first = asyncio.create_task(file.write(pools("first."), Moment(1.0)))
        second = asyncio.create_task(file.write(pools("second."), Moment(2.0)))
        await asyncio.to_thread(began.wait)
        stop = asyncio.create_task(asyncio.to_thread(file.write_now, pools("last."), Moment(3.0)))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.02, go_on.set)
        await asyncio.gather(first, second, stop)

    asyncio.run(story())
    kept = stored.decode((tmp_path / FILE).read_bytes(), Moment(4.0))
    assert [name for name, _ in kept.pools] == ["last."]


@pytest.mark.parametrize("content", [b"", b'{"trunc', None])
def test_orders_that_are_lost_are_missed_until_one_is_given(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is None:
        (tmp_path / FILE).mkdir()
    else:
        (tmp_path / FILE).write_bytes(content)
    file = StateFile(tmp_path)
    assert not file.read(Moment(1.0)).pools
    assert f"{FILE} " in file.loss
    assert "give the orders again" in file.loss
    file.demand()
    assert file.loss == ""


def test_a_file_that_is_missing_is_missed_where_there_were_pools(tmp_path: Path) -> None:
    assert not StateFile(tmp_path).read(Moment(1.0)).pools
    file = StateFile(tmp_path, past="the ledger knows pools of this node")
    assert not file.read(Moment(1.0)).pools
    assert "is missing, although the ledger knows pools of this node" in file.loss


def test_orders_that_are_lost_are_missed_over_restarts_until_one_is_given(tmp_path: Path) -> None:
    """Else what was lost would be forgotten with the first state that is written down."""
    (tmp_path / FILE).write_bytes(b"")
    for wall in (1.0, 2.0, 1e9):
        file = StateFile(tmp_path)
        file.read(Moment(wall))
        assert f"{FILE} " in file.loss
        file.write_now(pools("a."), Moment(wall))
    file.demand()
    file.write_now(pools("a."), Moment(1e9))
    again = StateFile(tmp_path)
    assert again.read(Moment(1e9)).pools
    assert again.loss == ""


def test_states_that_are_old_or_never_were_are_no_loss(tmp_path: Path) -> None:
    file = StateFile(tmp_path)
    file.read(Moment(1.0))
    assert file.loss == ""
    for stored_pools in (pools("a."), ()):
        file.write_now(stored_pools, Moment(2.0))
        for wall in (1.0, 2.0, 1e9):
            again = StateFile(tmp_path)
            again.read(Moment(wall))
            assert again.loss == ""
