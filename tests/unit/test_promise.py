"""A promise in seconds is kept: machines die in a site that the real runner checks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from dnsd.build.promises import InZone, Promises
from dnsd.checks.runner import Runner
from dnsd.checks.targets import Target
from dnsd.config import Failover
from dnsd.control.failover.live import LivePool
from tests.jumping import Jumping, play
from tests.promised import Played, Site, World, closed, dead, ill, kills

FEW = Failover(max_checks_per_address=2)
Kill = Callable[[World, str], list[LivePool]]


def promise(site: Site, failover: Failover) -> float:
    """Return what each name of ``site`` promises."""
    addresses = tuple(f"192.0.2.{number + 1}" for number in range(site.machines))
    host = "all.example.com" if site.shared else None
    pools = [
        InZone(
            msgspec.structs.replace(site.policy, name=f"n{number}.example.com.", host=host),
            site.ttl,
            addresses,
        )
        for number in range(site.names)
    ]
    return Promises(pools, failover).worst(pools[0])


@pytest.mark.parametrize("kill", [dead, closed, ill])
@pytest.mark.parametrize("shared", [False, True], ids=["distinct", "shared"])
def test_a_hundred_failures_are_felt_no_longer_than_promised(kill: Kill, shared: bool) -> None:
    site = Site(6, shared=shared)
    felt = kills(site, kill, 100, FEW)
    assert len(felt) == 600
    assert max(felt) <= promise(site, FEW)


def test_the_promise_is_no_more_than_is_needed() -> None:
    site = Site(6)
    assert max(kills(site, ill, 20, FEW)) > 0.8 * promise(site, FEW)


def test_a_dead_machine_is_found_out_by_one_check_however_many_names_lead_to_it() -> None:
    """Else 20 names would wait for each other, two at a time: it is as if there was one."""
    many, one = Site(20), Site(1)
    alone = max(kills(one, dead, 5, FEW))
    assert max(kills(many, dead, 5, FEW)) <= alone + one.policy.fast_interval


def test_a_name_that_is_ill_says_nothing_of_the_others() -> None:
    others: list[int] = []

    def kill(world: World, address: str) -> list[LivePool]:
        others.append(
            sum(member.n_fail for pool in world.pools[1:] for member in pool.state.members.values())
        )
        world.ill.add((address, world.pools[0].meta.policy.name))
        return world.pools[:1]

    site = Site(6)
    assert max(kills(site, kill, 10, FEW)) <= promise(site, FEW)
    assert sum(others) == 0


def test_a_time_out_says_nothing_of_checks_that_would_have_waited_longer() -> None:
    """A far machine that answers after 1.5 s is well for a check that waits for 2 s."""
    seen: dict[float, set[bool]] = {1.0: set(), 2.0: set()}

    async def story(_loop: Jumping) -> None:
        world = World(Site(1), FEW, 1)
        world.slow["192.0.2.1"] = 1.5
        runner = Runner(
            lambda target, result, *_: seen[target.check.timeout].add(result.ok),
            lambda *_: None,
            FEW.limits,
        )
        checks = [Played(f"n{timeout}", timeout, world) for timeout in seen]
        runner.assign([Target("192.0.2.1", check, 4.0, 0.5) for check in checks])
        task = asyncio.create_task(runner.run())
        await asyncio.sleep(60)
        task.cancel()

    play(story)
    assert seen == {1.0: {False}, 2.0: {True}}
