"""Plays a story: the plane and all around it under one clock that jumps."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dnsd.checks.question import DnsQuestion
from dnsd.process import durablefile
from tests import jumping
from tests.conftest import give_memory_back
from tests.simulation.kernel import Bird
from tests.simulation.processes import register
from tests.simulation.world import HERE, World

if TYPE_CHECKING:
    from tests.jumping import Jumping
    from tests.simulation.world import Event

_EPOCH = 1_700_000_000.0


class _Query:
    def to_wire(self) -> bytes:
        return b"query"


@contextmanager
def _around(world: World, loop: Jumping) -> Iterator[None]:
    """Put ``world`` in the place of sockets, disks and other programs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.time", lambda: loop.now + _EPOCH)
        patch.setattr("os.fsync", lambda _fd: None)
        patch.setattr("dnsd.process.log.write", lambda _text: None)
        patch.setattr("dnsd.daemon.carrier.say", lambda *_, **_about: None)
        here = "dnsd.control.anycast."
        patch.setattr(durablefile, "replace", world.replace)
        for module in ("vip", "gateways"):
            patch.setattr(here + module + ".netlink", world.kernel)
        patch.setattr(here + "gateways.wake", lambda _hops: None)
        patch.setattr(here + "probes.is_here", lambda address: address == HERE)
        patch.setattr(here + "vip.ThreadPoolExecutor", lambda **_: world.jobs.pool("netlink"))
        patch.setattr(here + "neighbours.ask", world.claims)
        patch.setattr(here + "kernel.advice", lambda *_: ())
        patch.setattr(here + "addresses.LinkEvents", world.kernel.events)
        patch.setattr(here + "plane.Bird", lambda _: Bird(world.router, world.kernel, step))
        patch.setattr(here + "pastkeeper.boot", lambda: f"boot {world.boot}")
        patch.setattr(here + "keeper.write_state", world.write_mark)
        patch.setattr(here + "observe.fault_of", world.disk_fault)
        patch.setattr(here + "selfcheck.over_udp", world.ask)
        patch.setattr(here + "selfcheck.over_tcp", world.ask)
        patch.setattr(DnsQuestion, "query", lambda _: _Query())
        patch.setattr(DnsQuestion, "fault", lambda _s, _q, got: got == b"wrong" and "with SERVFAIL")

        def step() -> asyncio.Future[None]:
            return asyncio.wrap_future(world.jobs.begin("bird", lambda: None))

        yield


def play(story: list[Event], seed: int = 0) -> World:
    """Play ``story`` on a node, check every law all the time, and that it heals; Broken if not."""
    before = random.getstate()
    random.seed(seed)
    worlds: list[World] = []

    async def run(loop: Jumping) -> None:
        loop.set_task_factory(register)
        with tempfile.TemporaryDirectory() as directory:
            world = World(loop, Path(directory), seed)
            worlds.append(world)
            loop.set_default_executor(world.jobs.pool("thread"))
            with _around(world, loop):
                await world.play(story)

    try:
        jumping.play(run)
    finally:
        random.setstate(before)
        give_memory_back()
    return worlds[0]
