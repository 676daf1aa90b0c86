"""Plays a story: several nodes and all around them, under one clock that jumps."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import time
from contextlib import contextmanager
from functools import cache, partialmethod
from typing import TYPE_CHECKING, Any

import pytest

from dnsd.checks.tcp import TcpCheck
from dnsd.image import store
from dnsd.process import durablefile
from tests import jumping
from tests.conftest import give_memory_back
from tests.simulation.laws import Broken
from tests.simulation.processes import register
from tests.simulation.worlds import commands
from tests.simulation.worlds.clock import WorldLoop
from tests.simulation.worlds.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.checks.result import Result
    from tests.jumping import Jumping
    from tests.simulation.worlds.net import Net
    from tests.simulation.worlds.world import Event, Kind


class _Chance:
    """Stands for the module ``random``, with generators that the seed decides."""

    def __init__(self, seed: int) -> None:
        self._seeds = random.Random(seed)

    def Random(self) -> random.Random:  # noqa: N802
        return random.Random(self._seeds.getrandbits(32))


_monotonic = time.monotonic


@cache
def _with_a_clock() -> tuple[Any, ...]:
    """Return the functions of dnsd of which the system's clock is a default argument."""
    modules = [module for name, module in sys.modules.items() if name.startswith("dnsd.")]
    classes = [one for module in modules for one in vars(module).values() if isinstance(one, type)]
    made = [init for one in classes if callable(init := vars(one).get("__init__"))]
    return tuple({one for one in made if _monotonic in (getattr(one, "__defaults__", None) or ())})


@contextmanager
def _around(world: World, seed: int) -> Iterator[None]:
    """Put ``world`` in the place of clocks, sockets, disks and threads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.monotonic", world.monotonic)
        for one in _with_a_clock():
            given = [world.monotonic if at is _monotonic else at for at in one.__defaults__]
            patch.setattr(one, "__defaults__", tuple(given))
        patch.setattr("time.monotonic_ns", lambda: int(world.monotonic() * 1e9))
        patch.setattr("time.time", world.wall)
        patch.setattr("dnsd.control.failover.engine.moment", world.moment)
        patch.setattr("dnsd.control.failover.recallfile.moment", world.moment)
        patch.setattr("dnsd.process.log.write", _write)
        patch.setattr("dnsd.process.log.say", _say)
        patch.setattr(durablefile, "replace", world.replace)
        patch.setattr(store, "save", world.save_image)
        patch.setattr("dnsd.control.failover.peers.get_votes", world.net.votes)
        patch.setattr(TcpCheck, "run", partialmethod(_check, world.net))
        patch.setattr("dnsd.checks.runner.random", _Chance(seed))
        patch.setattr("dnsd.control.effective.resolve", commands.again)
        patch.setattr("dnsd.control.node.limited.tell", _never_tells)
        patch.setattr("dnsd.control.zones.watching.Writers", _Unwatched)
        patch.setattr("dnsd.cli.survey.ThreadPoolExecutor", world.fetching.pool)
        patch.setattr("dnsd.cli.survey.Remote", world.fetching.remote)
        for where, seconds in _LOOKS.items():
            patch.setattr(where, seconds)
        yield


class _Unwatched:
    """Stands for what the kernel tells of files: no story has them watched."""

    async def stirred(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


_LOOKS = {
    "dnsd.checks.runner.TICK_S": 1.0,
    "dnsd.control.node.PERIOD_S": 2.0,
    "dnsd.control.converge.FILES_S": 4.0,
    "dnsd.control.aliases.LOOK_S": 5.0,
    "dnsd.control.demand.LOOK_S": 5.0,
    "dnsd.control.failover.checking.LOOK_S": 3.0,
    "dnsd.control.failover.engine.JUDGE_S": 1.0,
    "dnsd.control.disk.FIRST_PAUSE_S": 3.0,
    "dnsd.control.delivery.ACKNOWLEDGE_POLL_S": 0.1,
}
"""How often is looked for what no story is about: so much less often that it costs little."""


def _say(_event: str, sentence: str, **_about: object) -> None:
    _write(sentence)


def _write(text: str) -> None:
    if TOLD is not None:
        TOLD.append(text)


TOLD: list[str] | None = None
"""Where the nodes' logs go; None: nowhere."""


async def _check(check: TcpCheck, net: Net, address: str) -> Result:
    return await net.check(check, address)


async def _never_tells(_vector: object) -> None:
    """No story is about rate limits."""


@contextmanager
def _garbage_before() -> Iterator[None]:
    """Have garbage be looked for once, between two worlds: in one that is a third of its cost.

    Not when one ends: it is still known then, so it would be taken for old and never go.
    """
    gc.collect(1)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def lived(story: list[Event], seed: int, kind: Kind) -> tuple[World, Broken | None]:
    """Play ``story``, and check every law all the time, and that it heals."""
    with _garbage_before():
        return _lived(story, seed, kind)


def _lived(story: list[Event], seed: int, kind: Kind) -> tuple[World, Broken | None]:
    worlds: list[World] = []
    loop = WorldLoop()

    async def run(_loop: Jumping) -> None:
        loop.set_task_factory(register)
        world = World(loop, kind, seed)
        worlds.append(world)
        loop.use(world.jobs)
        with _around(world, seed):
            try:
                await world.play(story)
            finally:
                await jumping.end_others()

    try:
        jumping.play(run, loop)
    except Broken as error:
        return worlds[0], error
    finally:
        give_memory_back()
    return worlds[0], None


def play(story: list[Event], seed: int, kind: Kind) -> World:
    """Live through ``story``; Broken if a law is broken."""
    world, broken = lived(story, seed, kind)
    if broken is not None:
        raise broken
    return world
