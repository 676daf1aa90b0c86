"""A site whose names are checked by the real runner, on a clock that jumps: machines die in it.

Each name is a pool with one member on each machine. A machine is well, dead (it takes no
connection, nor refuses one), closed (it refuses them), or ill (it takes connections and answers
nothing); a name on a machine can be ill alone. How long a failure is felt is the time until no
cache can hold an answer that leads to it, if caches asked at the worst moments.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import pytest

from dnsd.build.poolmeta import PoolMeta
from dnsd.checks.result import FailureKind, Result, ServiceEndpoint
from dnsd.checks.runner import Runner
from dnsd.checks.targets import Target
from dnsd.config import Failover
from dnsd.config.policy import PoolPolicy
from dnsd.control.failover import checking as module
from dnsd.control.failover.checking import MemberChecks
from dnsd.control.failover.live import LivePool
from dnsd.process import log
from tests.jumping import Jumping, play

LATENCY_S = 0.002
"""How long a service that is well takes to answer."""


class Site(NamedTuple):
    """How many names there are on how many machines, and what their policies say."""

    names: int
    machines: int = 2
    shared: bool = False
    ttl: int = 5
    policy: PoolPolicy = PoolPolicy(
        name="www.example.com.",
        type="A",
        check="http",
        port=80,
        interval=1.0,
        timeout=1.0,
        fast_interval=0.5,
        down=2,
        ttl_min=1,
    )


@dataclass(frozen=True)
class Played:
    """A check whose outcome the world plays: ``name`` on whatever address it is asked at."""

    name: str
    timeout: float
    world: World = field(compare=False, repr=False)

    def endpoint(self, address: str) -> ServiceEndpoint:
        return ServiceEndpoint(address, 80, None)

    async def run(self, address: str) -> Result:
        return await self.world.ask(address, self.name, self.timeout)


class World:
    """The site at work."""

    def __init__(self, site: Site, failover: Failover, seed: int) -> None:
        self.site = site
        self.state: dict[str, str] = {}
        self.ill: set[tuple[str, str]] = set()
        self.slow: dict[str, float] = {}
        self.asked = 0
        now = time.monotonic()
        addresses = tuple(f"192.0.2.{number + 1}" for number in range(site.machines))
        self.pools = [
            LivePool("example.com.", self._meta(number, addresses), now)
            for number in range(site.names)
        ]
        chance = random.Random(seed)
        self.checking = MemberChecks(
            self._decide,
            lambda seen, unseen: Runner(seen, unseen, failover.limits, chance=chance),
            failover,
        )
        self._led: dict[tuple[LivePool, str], float] = {}
        self._before: dict[LivePool, tuple[tuple[str, ...], int]] = {}

    def _meta(self, number: int, addresses: tuple[str, ...]) -> PoolMeta:
        policy = msgspec.structs.replace(self.site.policy, name=f"n{number}.example.com.")
        return PoolMeta(policy=policy, ttl=self.site.ttl, members=addresses, cell=0, cells=0)

    def target(self, pool: PoolPolicy, address: str, _failover: Failover, *_: object) -> Target:
        """Stand in for ``target_of``."""
        name = "all" if self.site.shared else pool.name
        return Target(address, Played(name, pool.timeout, self), pool.interval, pool.fast_interval)

    async def ask(self, address: str, name: str, timeout: float) -> Result:
        self.asked += 1
        match self.state.get(address, "well"):
            case "dead":
                await asyncio.sleep(timeout)
                return Result(
                    False, "did not take a connection", timeout, reason=FailureKind.NO_CONNECTION
                )
            case "closed":
                await asyncio.sleep(LATENCY_S)
                return Result(False, "refused a connection", LATENCY_S, reason=FailureKind.REFUSED)
            case "ill":
                await asyncio.sleep(timeout)
                return Result(False, "did not answer", timeout, reason=FailureKind.TIMEOUT)
        if (delay := self.slow.get(address, LATENCY_S)) >= timeout:
            await asyncio.sleep(timeout)
            return Result(
                False, "did not take a connection", timeout, reason=FailureKind.NO_CONNECTION
            )
        if (address, name) in self.ill:
            await asyncio.sleep(timeout)
            return Result(False, "did not answer", timeout, reason=FailureKind.TIMEOUT)
        await asyncio.sleep(delay)
        return Result(True, "", delay)

    def _decide(self, pool: LivePool) -> None:
        """Decide, and note until when caches that asked just before may hold what was answered."""
        now = time.monotonic()
        answered, ttl = self._before.get(pool, ((), 0))
        for address in answered:
            self._led[pool, address] = max(self._led.get((pool, address), 0.0), now + ttl)
        pool.decide(now, lambda _coming: True)
        self._before[pool] = pool.answered, pool.decision.ttl

    def leads_until(self, pool: LivePool, address: str) -> float:
        """Return when the last cache forgets that ``pool`` leads to ``address``, inf if never."""
        answered, _ = self._before[pool]
        return float("inf") if address in answered else self._led[pool, address]


async def steady(world: World) -> None:
    """Wait until each pool has the longest TTL."""
    while any(pool.decision.ttl < world.site.ttl for pool in world.pools):
        await asyncio.sleep(1.0)


async def felt(world: World, address: str, pools: list[LivePool]) -> list[float]:
    """Return for how many seconds from now on each of ``pools`` leads to ``address``."""
    killed = time.monotonic()
    while any(address in pool.answered for pool in pools):
        await asyncio.sleep(0.5)
        assert time.monotonic() - killed < 3600, "it is never taken out"
    return [world.leads_until(pool, address) - killed for pool in pools]


def kills(
    site: Site,
    kill: Callable[[World, str], list[LivePool]],
    times: int,
    failover: Failover | None = None,
    seed: int = 1,
) -> list[float]:
    """Play ``times`` failures, and return how long each pool that ``kill`` returns felt each."""
    found: list[float] = []

    async def story(_loop: Jumping) -> None:
        chance = random.Random(seed)
        world = World(site, failover or Failover(), seed)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "target_of", world.target)
            patch.setattr(log, "say", _unsaid)
            world.checking.follow(world.pools, [])
            task = asyncio.create_task(world.checking.run())
            for number in range(times):
                await steady(world)
                await asyncio.sleep(chance.uniform(0, site.policy.interval))
                address = f"192.0.2.{number % site.machines + 1}"
                found.extend(await felt(world, address, kill(world, address)))
                world.state.clear()
                world.ill.clear()
                world.slow.clear()
            task.cancel()

    play(story)
    return found


def dead(world: World, address: str) -> list[LivePool]:
    """The machine dies."""
    world.state[address] = "dead"
    return world.pools


def closed(world: World, address: str) -> list[LivePool]:
    """The machine refuses connections."""
    world.state[address] = "closed"
    return world.pools


def ill(world: World, address: str) -> list[LivePool]:
    """The machine takes connections and answers nothing."""
    world.state[address] = "ill"
    return world.pools


def _unsaid(*_event: object, **_about: object) -> None:
    """Say nothing: hundreds of machines die."""
