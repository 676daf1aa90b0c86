"""Zones that are fetched, from primaries of this file's own: what happens in the middle of it."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from itertools import count
from typing import TYPE_CHECKING

import pytest

from dnsd.config import PrimaryPeer, TransfersConfig, ZoneTransfers, origins
from dnsd.transfer import ipc
from dnsd.transfer.incoming import TransferFault
from dnsd.transfer.refresh import SoaTimes
from dnsd.versions import recordfile
from dnsd.versions.version import ZoneVersion, from_records
from dnsd.wire.name import from_text, to_text
from dnsd.wire.records import Record
from dnsd.xfrd import fetching, secondary
from dnsd.xfrd.fetch import Fetched
from dnsd.xfrd.knowledge import Knowledge
from dnsd.xfrd.secondary import SecondaryPart

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

A, B, C = "a.example.", "b.example.", "c.example."


class Primary:
    """A primary that has each zone it is asked for, with ``serial``; None: it does not answer."""

    def __init__(self, serial: int | None) -> None:
        self.serial = serial
        self.peer = PrimaryPeer(address=f"192.0.2.{next(_NUMBERS)}")
        self.is_open = asyncio.Event()
        """Not set: whole zones are not answered for, until it is."""
        self.is_open.set()
        self.asked: list[str] = []
        """The zones that were asked for whole, in turn."""
        PRIMARIES[self.peer] = self

    def says(self) -> int:
        if self.serial is None:
            raise TransferFault("it is down")
        return self.serial


_NUMBERS = count(1)
PRIMARIES: dict[PrimaryPeer, Primary] = {}


class Network:
    """Stands for :class:`dnsd.xfrd.fetch.Fetcher`."""

    async def times(self, peer: PrimaryPeer, _apex: bytes, _key: None) -> SoaTimes:
        return SoaTimes(PRIMARIES[peer].says(), 3600, 600, 86400)

    async def transfer(self, peer: PrimaryPeer, apex: bytes, *_: object) -> Fetched:
        found = PRIMARIES[peer]
        found.asked.append(to_text(apex))
        serial = found.says()
        await found.is_open.wait()
        return Fetched(version(to_text(apex), serial, expire=86400), 100, 1)


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "Fetcher", Network)


class Secondary:
    """A part that fetches zones into ``directory``, and what it tells control."""

    def __init__(self, directory: Path, **settings: int) -> None:
        self.known = Knowledge()
        self.known.settings = TransfersConfig(**settings)  # type: ignore[arg-type]
        self.directory = directory
        self.said: list[ipc.FromTransfers] = []
        self.part = SecondaryPart(self.known, directory, lambda _, word: self.said.append(word))

    def hear(self, zone: str, *primaries: Primary) -> None:
        peers = tuple(one.peer for one in primaries)
        self.part.hear(ipc.ZoneTold(zone=zone, transfers=ZoneTransfers(primaries=peers)))

    def path(self, zone: str) -> Path:
        return self.directory / f"{origins.file_stem(zone)}.records"

    def serial(self, zone: str) -> int | None:
        """Return the serial of what is kept."""
        try:
            return recordfile.read(self.path(zone)).serial
        except FileNotFoundError:
            return None


def play(directory: Path, scene: Callable[[Secondary], Awaitable[None]], **settings: int) -> None:
    async def work() -> None:
        fetched = Secondary(directory, **settings)
        running = asyncio.get_running_loop().create_task(fetched.part.run())
        async with asyncio.timeout(20):
            await scene(fetched)
        running.cancel()

    asyncio.run(work())


async def until(holds: Callable[[], object]) -> None:
    while not holds():
        await asyncio.sleep(0.005)


def version(zone: str, serial: int, expire: int) -> ZoneVersion:
    apex = from_text(zone)
    soa = (
        apex + b"\x01h\x00" + serial.to_bytes(4, "big") + struct.pack(">4I", 3600, 600, expire, 300)
    )
    return from_records(apex, [Record(apex, 6, 60, soa)])


def test_a_zone_that_waits_is_fetched_though_the_one_before_it_is_given_up(tmp_path: Path) -> None:
    async def scene(fetched: Secondary) -> None:
        slow = Primary(1)
        slow.is_open.clear()
        for zone in (A, B, C):
            fetched.hear(zone, slow)
        await until(lambda: slow.asked)
        fetched.part.lose(B)
        slow.is_open.set()
        await until(lambda: fetched.serial(A) and fetched.serial(C))
        assert slow.asked == [A, C]

    play(tmp_path, scene, incoming=1)


def test_a_zone_that_was_asked_for_out_of_turn_holds_up_no_other(tmp_path: Path) -> None:
    async def scene(fetched: Secondary) -> None:
        slow, other = Primary(1), Primary(1)
        slow.is_open.clear()
        for zone in (A, B, C):
            fetched.hear(zone, slow)
        await until(lambda: slow.asked)
        fetched.hear(B, other)
        await until(lambda: fetched.serial(B))
        slow.is_open.set()
        await until(lambda: fetched.serial(A) and fetched.serial(C))

    play(tmp_path, scene, incoming=3)


def test_other_primaries_while_one_is_being_asked_take_nothing_away(tmp_path: Path) -> None:
    async def scene(fetched: Secondary) -> None:
        old, new = Primary(1), Primary(7)
        old.is_open.clear()
        fetched.hear(A, old)
        await until(lambda: old.asked)
        fetched.hear(A, new)
        asyncio.get_running_loop().call_later(0.1, old.is_open.set)
        await until(lambda: fetched.serial(A) == 7)
        await asyncio.sleep(0.2)
        assert fetched.serial(A) == 7
        assert ipc.Received(zone=A, serial=7, records=str(fetched.path(A))) in fetched.said

    play(tmp_path, scene)


def test_the_whole_zone_is_wanted_until_some_primary_has_given_it(tmp_path: Path) -> None:
    async def scene(fetched: Secondary) -> None:
        down, good = Primary(None), Primary(5)
        fetched.hear(A, good)
        await until(lambda: fetched.serial(A))
        good.serial = 3
        fetched.hear(A, down, good)
        assert fetched.part.obey("retransfer", A) == ""
        await until(lambda: fetched.serial(A) == 3)

    play(tmp_path, scene)


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_zone_that_is_given_up_is_expired_no_more(tmp_path: Path, comes_back: bool) -> None:
    async def scene(fetched: Secondary) -> None:
        recordfile.write(fetched.path(A), version(A, 1, expire=50))
        os.utime(fetched.path(A), (time.time() - 10_000,) * 2)
        fetched.hear(A, Primary(None))
        assert fetched.said[-1] == ipc.Expired(zone=A, is_expired=True)
        fetched.part.lose(A)
        if comes_back:
            fetched.hear(A, Primary(2))
            await until(lambda: fetched.serial(A))
        last = [one for one in fetched.said if isinstance(one, ipc.Expired)][-1]
        assert not last.is_expired

    play(tmp_path, scene)


def test_a_clock_that_is_set_back_puts_nothing_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secondary, "CLOCK_S", 0.01)
    real = time.time

    async def scene(fetched: Secondary) -> None:
        fetched.hear(A, Primary(1))
        await until(lambda: fetched.part.row(A)["next_at"] and fetched.serial(A))
        before = fetched.part.row(A)
        monkeypatch.setattr(time, "time", lambda: real() - 1_000_000)
        await asyncio.sleep(0.1)
        after = fetched.part.row(A)
        for what in ("next_at", "confirmed_at", "expires_at"):
            assert isinstance(old := before[what], float)
            assert isinstance(new := after[what], float)
            assert abs(old - new - 1_000_000) < 1

    play(tmp_path, scene)


def test_a_zone_expires_while_it_waits_for_its_turn(tmp_path: Path) -> None:
    async def scene(fetched: Secondary) -> None:
        slow = Primary(1)
        slow.is_open.clear()
        fetched.hear(B, slow)
        await until(lambda: slow.asked)
        recordfile.write(fetched.path(A), version(A, 1, expire=86400))
        os.utime(fetched.path(A), (time.time() - 86400 + 0.3,) * 2)
        fetched.hear(A, slow)
        await until(lambda: ipc.Expired(zone=A, is_expired=True) in fetched.said)
        assert slow.asked == [B]

    play(tmp_path, scene, incoming=1)


def test_what_updates_have_made_of_a_zone_is_no_version_of_its_primaries(tmp_path: Path) -> None:
    async def scene(fetched: Secondary) -> None:
        path, down, good = fetched.path(A), Primary(None), Primary(3)
        recordfile.write(path, version(A, 7, expire=50))
        os.utime(path, (time.time() - 10_000,) * 2)
        for suffix in (".file", ".before"):
            path.with_suffix(suffix).touch()
        fetched.hear(A, down)
        await until(lambda: fetched.part.row(A)["fault"])
        assert fetched.said == [ipc.Expired(zone=A, is_expired=False)]
        assert fetched.serial(A) == 7
        fetched.hear(A, good)
        await until(lambda: fetched.serial(A) == 3)
        await until(lambda: [*tmp_path.iterdir()] == [path])

    play(tmp_path, scene)


def test_a_notify_that_was_missed_before_a_start_is_made_up_for(tmp_path: Path) -> None:
    async def scene(fetched: Secondary) -> None:
        recordfile.write(fetched.path(A), version(A, 1, expire=86400))
        fetched.hear(A, Primary(2))
        await until(lambda: fetched.serial(A) == 2)

    play(tmp_path, scene)


@pytest.mark.parametrize("steps", range(4))
def test_it_ends_when_it_is_to_end_though_it_was_just_woken(tmp_path: Path, steps: int) -> None:
    async def work() -> None:
        part = Secondary(tmp_path).part
        running = asyncio.get_running_loop().create_task(part.run())
        await asyncio.sleep(0.01)
        part._wake.set()
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        ended, _ = await asyncio.wait({running}, timeout=1)
        assert ended
        # a task that has not ended would hold up the loop, too
        running.cancel()

    asyncio.run(work())
