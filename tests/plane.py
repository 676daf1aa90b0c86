"""The failover plane of a node without sockets: checks that see what a test says, and workers."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dnsd.build.poolmeta import PoolMeta
from dnsd.checks.result import Result
from dnsd.config.policy import PoolPolicy
from dnsd.control.failover.engine import FailoverEngine
from dnsd.control.failover.live import LivePool, addresses_of
from dnsd.control.failover.statefile import StateFile
from dnsd.image.selection import Mode, Selection, cells, decode
from dnsd.image.state import StateVector
from tests import jumping
from tests.jumping import Jumping
from tests.remembering import OwnMemory

if TYPE_CHECKING:
    import pytest

    from dnsd.checks.runner import Seen, Unseen
    from dnsd.checks.targets import Target

ORIGIN = "example.com."
A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"

POLICY = PoolPolicy(
    name="www.example.com.",
    type="A",
    check="tcp",
    port=80,
    interval=10.0,
    timeout=2.0,
    fast_interval=1.0,
)


class FakeChecks:
    """Makes no checks: a test says what was seen."""

    def __init__(self, seen: Seen, unseen: Unseen) -> None:
        self.targets: dict[Target, str] = {}
        self.behind = 0.0
        self._seen, self._unseen = seen, unseen
        self._death: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def assign(self, targets: Iterable[Target]) -> None:
        wanted = list(targets)
        self.targets = {one: self.targets.get(one, "relaxed") for one in wanted}

    def hurry(self, target: Target) -> None:
        self.targets[target] = "hurried"

    def relax(self, target: Target) -> None:
        self.targets[target] = "relaxed"

    async def run(self) -> None:
        await self._death

    def die(self, error: Exception) -> None:
        self._death.set_exception(error)

    def see(self, address: str, ok: bool, port: int | None = None) -> None:
        """Say that a check of ``address`` has ended."""
        now = time.monotonic()
        detail = "" if ok else "connection refused on TCP port 80"
        for target in self._of(address, port):
            self._seen(target, Result(ok, detail, 0.1), now - 0.1, now)

    def miss(self, address: str, why: str) -> None:
        """Say that ``address`` cannot be checked."""
        for target in self._of(address, None):
            self._unseen(target, why)

    def _of(self, address: str, port: int | None) -> list[Target]:
        return [
            one
            for one in self.targets
            if one.address == address and (port is None or getattr(one.check, "port", 0) == port)
        ]


def meta(
    members: Iterable[str] = (A, B), ttl: int = 300, cell: int = 0, **changes: object
) -> PoolMeta:
    """Return a pool of an image; ``changes`` are those of its policy."""
    policy = msgspec.structs.replace(POLICY, **changes)
    members = tuple(members)
    return PoolMeta(
        policy=policy,
        ttl=ttl,
        members=members,
        cell=cell,
        cells=cells(len(members) + len(policy.fallback)),
    )


def metas(*changes: dict[str, object]) -> tuple[PoolMeta, ...]:
    """Return the pools of an image, one behind the other."""
    found: list[PoolMeta] = []
    for one in changes:
        cell = found[-1].cell + found[-1].cells if found else 0
        found.append(meta(cell=cell, **one))  # type: ignore[arg-type]
    return tuple(found)


class World:
    """A state vector, a state directory, and one engine after the other."""

    def __init__(self, directory: Path, patch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.vector = StateVector.create(2)
        self.log: list[str] = []
        self.checks: list[FakeChecks] = []
        self.now = 1000.0
        patch.setattr("dnsd.process.log.write", self.log.append)
        patch.setattr("os.fsync", lambda _: None)

    def engine(self) -> FailoverEngine:
        """Return the engine of a new control process."""
        return FailoverEngine(
            self.vector, StateFile(self.directory), OwnMemory(time.monotonic()), self._make
        )

    def _make(self, seen: Seen, unseen: Unseen) -> FakeChecks:
        self.checks.append(FakeChecks(seen, unseen))
        return self.checks[-1]

    def see(self, *results: tuple[str, bool]) -> None:
        for address, ok in results:
            self.checks[-1].see(address, ok)

    def answers(self, one: PoolMeta, cell: int = 0) -> tuple[str, ...]:
        """Return what a worker answers from an image whose cells begin at ``cell``."""
        selection = self.selection(one, cell)
        if selection.mode not in (Mode.ANSWER, Mode.SOME):
            return (selection.mode.name,)
        return selection.members.pick(addresses_of(one))

    def selection(self, one: PoolMeta, cell: int = 0) -> Selection:
        return decode(self.vector.selections[cell + one.cell])

    def query(self, one: PoolMeta, cell: int = 0, worker: int = 0) -> None:
        """Have a worker answer, and note it."""
        selection = self.selection(one, cell)
        notes = self.vector.cache_until(worker)
        at = cell + one.cell + selection.note_index
        notes[at] = max(notes[at], int(-(-time.monotonic() // 1)) + selection.ttl)

    def told(self, text: str) -> int:
        return sum(text in line for line in self.log)


async def place(engine: FailoverEngine, origin: str, pools: Sequence[PoolMeta], cell: int) -> None:
    """Place pools, and let their checks begin."""
    engine.place(origin, pools, cell)
    await asyncio.sleep(0)
    await asyncio.sleep(0)


Story = Callable[[World, FailoverEngine], Awaitable[None]]


def play(
    world: World, story: Story, *, before: Callable[[FailoverEngine], None] | None = None
) -> None:
    """Run an engine, after ``before``, and the story of it; then stop it as SIGTERM does."""

    async def run(loop: Jumping) -> None:
        loop.forward(world.now - loop.now)
        engine = world.engine()
        if before:
            before(engine)
        task = asyncio.ensure_future(engine.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await story(world, engine)
        assert not task.done()
        engine.stop()
        world.now = loop.now

    jumping.play(run)


def close(world: World) -> None:
    os.close(world.vector.fd)


def only(engine: FailoverEngine) -> LivePool:
    """Return the one pool there is."""
    (pool,) = engine.table.pools.values()
    return pool
