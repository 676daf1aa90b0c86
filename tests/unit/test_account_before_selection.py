"""No word without its account: what a worker may answer, a restart from the disk knows of.

The real engine, keeper and files; the disk is slow, full or dies with the power between any two
steps, and caches stand beside it. The clock jumps.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from dnsd.build.poolmeta import PoolMeta
from dnsd.caches.report import LedgerLine, Use
from dnsd.control.failover.engine import FailoverEngine
from dnsd.control.failover.live import Placement, addresses_of
from dnsd.control.failover.selections import LATE_S
from dnsd.control.failover.statefile import StateFile
from dnsd.control.horizon.ask import Horizon
from dnsd.control.horizon.keeper import LedgerKeeper
from dnsd.control.horizon.ledgerfile import NAME, LedgerFile
from dnsd.control.horizon.memory import LedgerMemory
from dnsd.control.horizon.poolbook import accounts_in, key_of
from dnsd.failover.member import Forced, MemberOrder
from dnsd.failover.pool import Decision
from dnsd.image.cells import Range
from dnsd.image.selection import NOTES, Mode, Selection
from dnsd.image.stock import Stock
from dnsd.process import durablefile
from dnsd.process.statedir import IMAGES
from tests.ledgers import restored
from tests.plane import ORIGIN, A, B, C, World, close, meta, only, place, play

OK, BAD = True, False


class Disk:
    """Takes ``seconds`` for each file, or refuses it if it is ``full``; ``written`` counts them."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.full = False
        self.written = 0
        self._in_thread = False
        self._replace = durablefile.replace

    async def to_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do ``work`` as a thread does it: the loop goes on meanwhile."""
        await asyncio.sleep(self.seconds)
        self._in_thread = True
        try:
            return work(*arguments)
        finally:
            self._in_thread = False

    def replace(self, path: Path, data: bytes) -> None:
        assert self._in_thread or self.stopping, "the event loop waits for the disk"
        if self.full:
            raise OSError(28, "No space left on device")
        self._replace(path, data)
        self.written += 1

    stopping = False


class Node(World):
    """A node with a ledger; ``held`` says until when caches hold which address."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(directory, monkeypatch)
        (directory / IMAGES).mkdir()
        self.disk = Disk()
        self.held: dict[str, float] = {}
        self.placed: list[tuple[PoolMeta, int]] = []
        monkeypatch.setattr("asyncio.to_thread", self.disk.to_thread)
        monkeypatch.setattr(durablefile, "replace", self.disk.replace)
        write = Placement.write

        def guarded(one: Placement, decision: Decision, addresses: Any, now: float) -> None:
            before = one.cells.selection
            write(one, decision, addresses, now)
            if one.cells.selection != before:
                self.assert_covered(one.meta, one.cells.selection)

        monkeypatch.setattr(Placement, "write", guarded)

    def engine(self) -> FailoverEngine:
        self.keeper = self._keeper()
        horizon = Horizon(self.keeper, lambda: None)
        return FailoverEngine(
            self.vector, StateFile(self.directory), LedgerMemory(self.keeper, horizon), self._make
        )

    def _keeper(self) -> LedgerKeeper:
        return LedgerKeeper(
            "a", LedgerFile(self.directory), Stock(self.directory / IMAGES), lambda: 0
        )

    async def publish(self, engine: FailoverEngine, one: PoolMeta, cell: int) -> None:
        """Have workers answer from new cells, as a reload does."""
        if not self.keeper.ready:
            await self.keeper.declare({ORIGIN: None})
        self.keeper.pools.expect(one, time.monotonic())
        await self.keeper.save()
        await place(engine, ORIGIN, [one], cell)
        self.placed.append((one, cell))

    def assert_covered(self, one: PoolMeta, selection: Selection) -> None:
        """Assert that the ledger on disk covers what workers answer, or that there is none."""
        try:
            accounts = accounts_in((self.directory / NAME).read_bytes())
        except FileNotFoundError:
            return
        account = accounts[key_of(one)]
        assert set(selection.members.pick(addresses_of(one))) <= account.addresses
        assert selection.ttl <= account.ttl

    def ask(self, selection: Selection, one: PoolMeta, cell: int, worker: int) -> None:
        """Have a worker that has read ``selection`` answer, and a cache keep it."""
        notes = self.vector.cache_until(worker)
        until = math.ceil(time.monotonic()) + selection.ttl
        chosen = [at for at in range(len(addresses_of(one))) if selection.mask >> at & 1]
        at = selection.note_index if selection.mode != Mode.SOME else NOTES + chosen[0]
        notes[cell + one.cell + at] = max(notes[cell + one.cell + at], until)
        for address in selection.members.pick(addresses_of(one)):
            self.held[address] = max(self.held.get(address, 0.0), time.monotonic() + selection.ttl)

    def assert_that_a_crash_forgets_nothing(self, one: PoolMeta) -> None:
        """Assert that a node that starts from the disk now knows of all that caches hold."""
        path, key, now = self.directory / NAME, key_of(one), time.monotonic()
        if not path.exists():
            return  # then all of it is UNKNOWN
        after = restored(path.read_bytes(), now)
        for address, until in self.held.items():
            assert until <= now or after.latest(key.owner, key.type, address) >= until, address


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    node = Node(tmp_path, monkeypatch)
    yield node
    close(node)


def run(node: Node, story: Callable[[Node, FailoverEngine], Awaitable[None]]) -> None:
    async def playing(_: World, engine: FailoverEngine) -> None:
        keeping = asyncio.ensure_future(node.keeper.run())
        await story(node, engine)
        assert not keeping.done()
        node.disk.stopping = True

    play(node, playing)


def results(node: Node, *seen: tuple[str, bool]) -> None:
    for address, ok in seen:
        node.see((address, ok))


def test_a_flip_waits_for_no_disk(node: Node) -> None:
    async def story(node: Node, engine: FailoverEngine) -> None:
        one = meta(down=1)
        await node.publish(engine, one, 0)
        results(node, (A, OK), (B, OK))
        await asyncio.sleep(5)
        node.disk.seconds = 1000.0
        written = node.disk.written
        results(node, (A, BAD))
        assert node.answers(one) == (B,)
        results(node, (B, BAD), (A, OK), (A, OK), (A, OK))
        assert node.answers(one) == (A,)
        assert node.disk.written == written

    run(node, story)


def test_a_member_that_an_order_kept_out_comes_back_when_the_account_is_on_disk(
    node: Node,
) -> None:
    async def story(node: Node, engine: FailoverEngine) -> None:
        one = meta(check="none")
        await node.publish(engine, one, 0)
        pool = only(engine)
        pool.force(A, MemberOrder(Forced.DOWN))
        engine.decide(pool)
        await asyncio.sleep(60)
        assert accounts_in((node.directory / NAME).read_bytes())[key_of(one)].addresses == {B}
        node.disk.seconds = 3.0
        pool.force(A, None)
        engine.decide(pool)
        assert node.answers(one) == (B,)
        assert pool.waits
        await asyncio.sleep(2.9)
        assert node.answers(one) == (B,)
        await asyncio.sleep(0.2)
        assert node.answers(one) == (A, B)
        assert not pool.waits

    run(node, story)


def test_a_member_that_an_order_with_an_end_keeps_out_stays_in_the_account(node: Node) -> None:
    async def story(node: Node, engine: FailoverEngine) -> None:
        one = meta(check="none")
        await node.publish(engine, one, 0)
        pool = only(engine)
        pool.force(A, MemberOrder(Forced.DOWN, until=time.monotonic() + 1000))
        engine.decide(pool)
        await asyncio.sleep(60)
        assert node.answers(one) == (B,)
        assert accounts_in((node.directory / NAME).read_bytes())[key_of(one)].addresses == {A, B}

    run(node, story)


def test_what_may_come_back_is_in_the_account_before_it_does(node: Node) -> None:
    """A flip waits for no disk, so it cannot be written down only then, nor in the next second."""

    async def story(node: Node, engine: FailoverEngine) -> None:
        one = meta(down=1)
        await node.publish(engine, one, 0)
        results(node, (A, OK), (B, OK), (A, BAD))
        pool = only(engine)
        pool.force(A, MemberOrder(Forced.DOWN))
        engine.decide(pool)
        await asyncio.sleep(60)
        assert accounts_in((node.directory / NAME).read_bytes())[key_of(one)].addresses == {B}
        pool.force(A, None)
        engine.decide(pool)
        await asyncio.sleep(0.001)
        node.disk.seconds = 1000.0
        results(node, (A, OK), (A, OK), (A, OK))
        assert node.answers(one) == (A, B)

    run(node, story)


def test_a_disk_that_refuses_the_account_keeps_no_order_from_being_obeyed(node: Node) -> None:
    async def story(node: Node, engine: FailoverEngine) -> None:
        one = meta(check="none")
        await node.publish(engine, one, 0)
        pool = only(engine)
        pool.force(A, MemberOrder(Forced.DOWN))
        engine.decide(pool)
        await asyncio.sleep(60)
        node.disk.full, node.disk.seconds = True, 1.0
        pool.force(A, None)
        engine.decide(pool)
        assert node.answers(one) == (B,)
        await asyncio.sleep(2.1)
        assert node.answers(one) == (A, B)
        assert "No space left on device" in node.keeper.fault
        assert not (node.directory / NAME).exists()
        # While it is tried again, a power cut may leave a file: what that does not cover waits.
        pool.force(B, MemberOrder(Forced.DOWN))
        engine.decide(pool)
        assert node.answers(one) == (A,)
        await asyncio.sleep(60)
        node.disk.full, node.disk.seconds = False, 5.0
        await asyncio.sleep(3)
        pool.force(B, None)
        engine.decide(pool)
        await asyncio.sleep(30)
        assert node.answers(one) == (A, B)
        assert not node.keeper.fault

    run(node, story)


def test_an_error_in_what_is_said_comes_after_the_account(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(node: Node, engine: FailoverEngine) -> None:
        one = meta(down=1)
        await node.publish(engine, one, 0)
        results(node, (A, OK), (B, OK))
        pool = only(engine)
        monkeypatch.setattr(pool, "say", lambda *_, **_about: 1 / 0)
        results(node, (A, BAD))
        assert node.answers(one) == (B,)
        served = node.keeper.ledger.report(time.monotonic()).lines
        assert [line.version.targets for line in served if line.use == 2] == [(B,)]
        assert node.told("dnsd failed: ZeroDivisionError") == 1

    run(node, story)


# -- the laws ---------------------------------------------------------------------------------

MEMBERS = st.sampled_from([(A, B), (B, C), (A, B, C), (C,)])
STEPS = st.one_of(
    st.tuples(st.just("see"), st.tuples(st.sampled_from((A, B, C)), st.booleans())),
    st.tuples(
        st.just("order"),
        st.tuples(
            st.sampled_from((A, B, C)),
            st.sampled_from((None, Forced.UP, Forced.DOWN)),
            st.none() | st.just(20.0),
        ),
    ),
    st.tuples(st.just("edit"), st.tuples(MEMBERS, st.sampled_from((30, 300)))),
    st.tuples(st.just("release"), st.none()),
    st.tuples(st.just("disk"), st.tuples(st.sampled_from((0.0, 0.5, 7.0)), st.booleans())),
    st.tuples(st.just("read"), st.none()),
    st.tuples(st.just("late"), st.none()),
    st.tuples(st.just("wait"), st.sampled_from((0.1, 1.0, 6.0, 40.0))),
)


class Player:
    """Plays steps on a node; ``read`` are what workers have read and not answered yet."""

    def __init__(self, node: Node, engine: FailoverEngine) -> None:
        self.node, self.engine = node, engine
        self.read: list[tuple[float, Callable[[], None]]] = []
        self.cell = 0

    async def step(self, what: str, how: Any) -> None:
        node, engine = self.node, self.engine
        match what, how:
            case "see", (address, ok):
                node.see((address, ok))
            case "order", (address, forced, seconds):
                pool = only(engine)
                if address in pool.state.members:
                    until = seconds and time.monotonic() + seconds
                    pool.force(address, MemberOrder(forced, until) if forced else None)
                    engine.decide(pool)
            case "edit", (members, ttl):
                self.cell += 40
                await node.publish(engine, meta(members, ttl), self.cell)
            case "release", _:
                self._release()
            case "disk", (seconds, full):
                node.disk.seconds, node.disk.full = seconds, full
            case "read", _:
                self._read()
            case "late", _:
                self._answer_late()
            case "wait", seconds:
                await asyncio.sleep(seconds)

    def answer(self) -> None:
        """Have a worker answer from all cells."""
        for one, cell in self.node.placed:
            self._ask(self.node.selection(one, cell), one, cell)

    def _release(self) -> None:
        """Have all workers leave the images of before."""
        *gone, last = self.node.placed
        self.node.placed = [last]
        self.read.clear()
        for one, cell in gone:
            self.engine.release(Range(cell, one.cells))

    def _answer_late(self) -> None:
        for at, answer in self.read:
            if time.monotonic() < at + LATE_S - 1:
                answer()
        self.read.clear()

    def _read(self) -> None:
        for one, cell in self.node.placed:
            selection = self.node.selection(one, cell)
            self.read.append((time.monotonic(), partial(self._ask, selection, one, cell)))

    def _ask(self, selection: Selection, one: PoolMeta, cell: int) -> None:
        self.node.ask(selection, one, cell, 0)


@contextmanager
def world() -> Iterator[Node]:
    with TemporaryDirectory(prefix="dnsd-") as name, pytest.MonkeyPatch.context() as patching:
        node = Node(Path(name), patching)
        yield node
        close(node)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(STEPS, st.booleans()), min_size=3, max_size=20))
def test_a_power_cut_forgets_nothing_that_was_answered(
    steps: list[tuple[tuple[str, Any], bool]],
) -> None:
    async def story(node: Node, engine: FailoverEngine) -> None:
        await node.publish(engine, meta(), 0)
        player = Player(node, engine)
        player.answer()
        for (what, how), asks in steps:
            await player.step(what, how)
            if asks:
                player.answer()
            event(f"waits: {only(engine).waits}")
            for one, cell in node.placed:
                node.assert_covered(one, node.selection(one, cell))
            node.assert_that_a_crash_forgets_nothing(node.placed[-1][0])

    with world() as node:
        run(node, story)


@pytest.mark.parametrize("members", [(A, B), (A, B, C), (A,), (C,)])
def test_a_pool_whose_ttl_is_about_to_fall_is_given_out_with_the_larger_one_until_then(
    node: Node, members: tuple[str, ...]
) -> None:
    """Whatever has the ledger written meanwhile, and whatever flips."""

    async def story(node: Node, engine: FailoverEngine) -> None:
        one = meta(check="none")
        await node.publish(engine, one, 0)
        assert node.selection(one).ttl > 30
        node.keeper.pools.expect(meta(members, 30), time.monotonic())
        node.keeper.pools.changed = True
        await node.keeper.save()
        node.assert_covered(one, node.selection(one))

    run(node, story)


def test_a_pool_that_is_removed_is_given_out_until_no_worker_has_it(node: Node) -> None:
    async def story(node: Node, engine: FailoverEngine) -> None:
        one = meta(check="none")
        await node.publish(engine, one, 0)
        for again in (1, 2):
            node.ask(node.selection(one), one, 0, 0)
            engine.remove(ORIGIN)
            assert {line.use for line in _lines(node) if A in line.version.targets} >= {Use.SERVED}
            engine.release(Range(0, one.cells))
            await asyncio.sleep(LATE_S + 2)
            lines = [line for line in _lines(node) if A in line.version.targets]
            assert {line.use for line in lines} == {Use.IDLE}
            assert max(line.left for line in lines) > 250
            assert not node.keeper.pools.accounts()
            if again == 1:
                await node.publish(engine, one, 0)
                assert node.answers(one) == (A, B)

    run(node, story)


def _lines(node: Node) -> tuple[LedgerLine, ...]:
    return node.keeper.ledger.report(time.monotonic()).lines
