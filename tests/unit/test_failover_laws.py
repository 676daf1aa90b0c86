"""Whatever happens, workers answer what a pool decides that has lived through the same."""

from __future__ import annotations

import asyncio
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from dnsd.build.poolmeta import PoolMeta
from dnsd.config.policy import Failback
from dnsd.failover.member import Forced, MemberOrder
from dnsd.failover.pool import PoolState
from dnsd.failover.stored import Kept
from dnsd.image.cells import Range
from dnsd.image.selection import Members, Mode
from tests import jumping
from tests.jumping import Jumping
from tests.plane import ORIGIN, POLICY, A, B, C, World, close, meta, only

ALL = (A, B, C)
WHO = st.sampled_from(ALL)
RESULTS = st.tuples(st.sampled_from(["ok", "ok", "bad", "bad", "miss"]), WHO)
ORDERS = st.tuples(
    st.just("force"), WHO, st.sampled_from([*Forced][:2]), st.sampled_from([3.3, 20.0, None])
)
EVENTS = st.one_of(
    RESULTS,
    RESULTS,
    RESULTS,
    ORDERS,
    st.tuples(st.just("free"), WHO),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 2.1, 8.0])),
    st.tuples(st.just("edit"), st.sampled_from([ALL, (A, B), (B, C), (A,)])),
    st.just(("restart",)),
)
POLICIES = st.fixed_dictionaries(
    {
        "all_down": st.sampled_from(["all", "last_good", "nodata", "servfail"]),
        "select": st.sampled_from(["all", "one"]),
        "failback": st.sampled_from([Failback(), Failback("hold", 6.0), Failback("manual")]),
        "tiers": st.sampled_from([(), ((A, B), (C,))]),
        "ok": st.integers(1, 2),
    }
)


class Twin:
    """A pool that lives through the same as the engine's, but for shared memory and tasks."""

    def __init__(self, one: PoolMeta) -> None:
        self.meta = one
        self.state = PoolState(one.policy, one.ttl, one.members, time.monotonic())
        self.trusts_until = -math.inf
        self.inherited: tuple[tuple[str, ...], int, int] = ((), 0, 0)

    def expected(self) -> tuple[int, int, int]:
        """Return the word that workers must read."""
        now = time.monotonic()
        found = self.state.decide(now)
        if now < self.trusts_until and not self.state.is_checked:
            members, ttl, mode = self.inherited
            mask = sum(1 << at for at, one in enumerate(self.meta.members) if one in members)
            if mask or not members:
                return mask, ttl, mode
        else:
            self.trusts_until = -math.inf
        return found.mask, found.ttl, int(found.mode)

    def restart(self, selection: tuple[int, int, int], until: float) -> None:
        """Become what the next process finds."""
        now = time.monotonic()
        stored = self.state.to_stored(now)
        kept = Kept({(stored.name, stored.type): stored}, 0.0, fresh=True, reason="")
        self.state = PoolState(self.meta.policy, self.meta.ttl, self.meta.members, now)
        self.state.restore(kept, now)
        self.inherited = (Members(selection[0]).pick(self.meta.members), *selection[1:])
        self.trusts_until = until


class Life:
    """An engine and its twin."""

    def __init__(self, world: World, one: PoolMeta) -> None:
        self.world, self.meta, self.cell = world, one, 0
        self.engine = world.engine()
        self.task = asyncio.ensure_future(self.engine.run())
        self.twin: Twin

    async def begin(self) -> None:
        await asyncio.sleep(0.01)
        self.engine.place(ORIGIN, [self.meta], self.cell)
        self.twin = Twin(self.meta)
        await asyncio.sleep(0.01)  # the checks are told in the next turn of the loop

    async def happen(self, event: tuple[object, ...]) -> None:
        now = time.monotonic()
        state, checks = self.twin.state, self.world.checks[-1]
        match event:
            case ("ok" | "bad" as how, str(who)) if who in state.members:
                checks.see(who, how == "ok")
                state.members[who].thaw(now)
                state.members[who].result(now, how == "ok", latency=0.1)
            case ("miss", str(who)) if who in state.members:
                checks.miss(who, "blind")
                state.members[who].freeze("blind")
            case ("force", str(who), Forced() as how, span) if who in state.members:
                until = now + span if isinstance(span, float) else None
                self.order(who, MemberOrder(how, until))
            case ("free", str(who)) if who in state.members:
                self.order(who, None)
            case ("wait", float(seconds)):
                await asyncio.sleep(seconds)
            case ("edit", tuple(members)):
                self.edit([str(one) for one in members])
            case ("restart",):
                await self.restart()

    def order(self, who: str, order: MemberOrder | None) -> None:
        pool = only(self.engine)
        pool.force(who, order)
        self.engine.decide(pool)
        self.twin.state.force(who, order)
        self.twin.trusts_until = -math.inf

    def edit(self, members: list[str]) -> None:
        """Load the zone again; when that is done, no worker has its old image any more."""
        old, was = self.meta, self.cell
        self.meta, self.cell = meta_of(members, old), 100 - self.cell
        self.engine.place(ORIGIN, [self.meta], self.cell)
        self.engine.release(Range(was, old.cells))
        self.twin.meta = self.meta
        self.twin.state.edit(self.meta.policy, self.meta.ttl, self.meta.members, time.monotonic())

    async def restart(self) -> None:
        self.engine.stop()
        await self.end()
        self.engine = self.world.engine()
        self.engine.place(ORIGIN, [self.meta], self.cell)
        self.task = asyncio.ensure_future(self.engine.run())
        until = time.monotonic() + self.engine.checking.first_round
        self.twin.restart(self.selection, until)
        await asyncio.sleep(0.01)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    @property
    def selection(self) -> tuple[int, int, int]:
        mask, ttl, mode, _ = self.world.selection(self.meta, self.cell)
        return mask, ttl, int(mode)


def meta_of(members: list[str], like: PoolMeta) -> PoolMeta:
    tiers = tuple(tuple(one for one in tier if one in members) for tier in like.policy.tiers)
    changes = {
        name: getattr(like.policy, name) for name in ("all_down", "select", "failback", "ok")
    }
    return meta(members, ttl=60, tiers=tiers, **changes)


@given(POLICIES, st.lists(EVENTS, max_size=30))
def test_workers_read_what_is_decided(
    policy: dict[str, Any], events: list[tuple[object, ...]]
) -> None:
    async def story(_loop: Jumping) -> None:
        life = Life(world, meta(ALL, ttl=60, **policy))
        await life.begin()
        for event in events:
            await life.happen(event)
            await asyncio.sleep(0.013)  # beyond what is rounded
            expected = life.twin.expected()
            assert life.selection == expected, event
            assert world.vector.selections[life.cell] >> 56 & 7 != Mode.UNSET
        await life.end()

    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        world = World(Path(directory), patch)
        try:
            jumping.play(story)
        finally:
            close(world)
        assert not world.told("dnsd failed")


def test_the_policy_of_these_laws_is_that_of_the_other_tests() -> None:
    assert (POLICY.interval, POLICY.fast_interval, POLICY.down) == (10.0, 1.0, 3)
