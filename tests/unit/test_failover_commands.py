"""What operators ask of the failover plane, and order: in force at once, and true afterwards."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dnsd.config.policy import Failback
from dnsd.control.failover import statefile
from dnsd.control.failover.commands import commands
from dnsd.control.failover.engine import FailoverEngine
from dnsd.control.failover.report import summary
from dnsd.errors import AdminError
from dnsd.process import durablefile
from tests.plane import ORIGIN, A, B, C, World, close, meta, metas, place, play

OK, BAD = True, False
WWW = {"name": "WWW.example.com", "type": "a"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World(tmp_path, monkeypatch)
    yield world
    close(world)


async def order(engine: FailoverEngine, command: str, **request: Any) -> Any:
    """Return the answer to a command, as it comes over the socket."""
    answer = await commands(engine)[command](request)
    return json.loads(msgspec.json.encode(answer))


async def refused(engine: FailoverEngine, command: str, **request: Any) -> str:
    with pytest.raises(AdminError) as error:
        await order(engine, command, **request)
    return str(error.value)


async def well(world: World, rounds: int = 1) -> None:
    for _ in range(rounds):
        for target in tuple(world.checks[-1].targets):
            world.see((target.address, OK))
        await asyncio.sleep(10)


def test_what_is_shown_of_a_pool(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [meta()], 0)
        await well(world)
        world.see((A, BAD), (A, BAD))
        (pool,) = (await order(engine, "failover"))["pools"]
        assert (pool["name"], pool["type"], pool["ttl_max"]) == ("www.example.com.", "A", 300)
        assert (pool["answer"], pool["ttl"]) == (f"{A}, {B}", 5)
        assert pool["why"][0] == f"{A} is suspect (2 of 3 failures)"
        first, second = pool["members"]
        assert (first["state"], first["seen_as"]) == ("suspect", "suspect (2 of 3 failures)")
        assert first["last"]["detail"] == "connection refused on TCP port 80"
        assert first["last"]["latency"] == 0.1
        # The last check began a latency before it ended; the next one is an interval later.
        assert first["next_change"] == pytest.approx(0.9)
        assert (second["state"], second["answered"]) == ("up", True)
        assert summary(engine) == {"pools": 1, "reduced": 0, "unseen": 0}
        world.see((A, BAD))
        world.checks[-1].miss(B, "the network is unreachable")
        assert summary(engine) == {"pools": 1, "reduced": 1, "unseen": 1}
        found = await order(engine, "failover")
        assert found["alarms"] == [{"address": B, "why": "the network is unreachable"}]
        assert found["pools"][0]["members"][1]["unseen"] == "the network is unreachable"

    play(world, story)


def test_a_member_is_forced(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        await place(engine, ORIGIN, [one], 0)
        await well(world)
        arguments = {**WWW, "member": A, "for": 60, "reason": "disks"}
        found = await order(engine, "force", forced="down", **arguments)
        assert world.answers(one) == (B,)
        assert found["pools"][0]["members"][0]["order"]["reason"] == "disks"
        assert b'"reason":"disks"' in (world.directory / statefile.FILE).read_bytes()
        objection = await refused(engine, "force", forced="down", **WWW, member=B)
        assert "order it with --force" in objection
        await order(engine, "force", forced="auto", **WWW, member=A)
        assert world.answers(one) == (A, B)
        await order(engine, "force", forced="down", **WWW, member=A)
        await order(engine, "force", forced="down", **WWW, member=B, force=True)
        assert world.answers(one) == (A, B)  # all_down = "all", and there is nobody else
        await order(engine, "force", forced="up", **WWW, member=B)
        assert world.answers(one) == (B,)

    play(world, story)


def test_orders_that_make_no_sense_are_refused(world: World) -> None:
    async def story(_world: World, engine: FailoverEngine) -> None:
        assert "no zone has a policy" in await refused(engine, "drained", member=A)
        await place(engine, ORIGIN, [meta()], 0)
        up = {"forced": "up", "member": A}
        assert "there are www.example.com. A" in await refused(engine, "force", name="x", type="A")
        assert "which pool" in await refused(engine, "force", name="x")
        assert "its members are" in await refused(engine, "force", **WWW, **{**up, "member": C})
        for wrong in ("192.0.2.300", "2001:db8::x", "192.0.2.1:80", "a..b", ""):
            told = await refused(engine, "force", **WWW, **{**up, "member": wrong})
            assert "neither an address" in told, wrong
        assert '"forced"' in await refused(engine, "force", **WWW, member=A, forced="sideways")
        assert '"for"' in await refused(engine, "force", **WWW, **up, **{"for": -1})
        assert '"reason"' in await refused(engine, "force", **WWW, **up, reason="a\nb")
        assert "nothing to fail back" in await refused(engine, "failback", **WWW)
        assert "is not held" in await refused(engine, "failback", **WWW, member=A)
        assert "is not drained" in await refused(engine, "undrain_member", member=A)
        assert "not a member of any pool" in await refused(engine, "drain_member", member=C)

    play(world, story)


def test_who_is_held_comes_back_when_the_operator_says_so(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta(failback=Failback("manual"))
        await place(engine, ORIGIN, [one], 0)
        await well(world)
        for _ in range(3):
            world.see((A, BAD))
        await well(world, 3)
        assert world.answers(one) == (B,)
        await order(engine, "failback", **WWW)
        assert world.answers(one) == (A, B)

    play(world, story)


async def checked(world: World, seconds: float) -> None:
    """Let time pass in which all is well."""
    for _ in range(int(seconds / 10)):
        await well(world)


def test_a_drain_step_by_step(world: World) -> None:
    """Lowered until longer answers have expired, then switched; safe when caches forget."""

    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        await place(engine, ORIGIN, [one], 0)
        await checked(world, 400)
        assert world.selection(one).ttl == 300
        world.query(one, worker=1)
        found = await order(engine, "drain_member", member=A, reason="new disks")
        assert (found["safe"], found["steps"][0]["phase"]) == (False, "lowering")
        assert world.selection(one).ttl == 5
        await checked(world, 290)
        world.query(one)
        assert world.answers(one) == (A, B)
        await checked(world, 20)
        found = await order(engine, "drained", member=A)
        assert found["steps"][0]["phase"] == "waiting" or found["safe"]
        assert world.answers(one) == (B,)
        await checked(world, 20)
        found = await order(engine, "drained", member=A)
        assert found["safe"]
        assert found["missing"] == []
        assert world.told("the drain of 192.0.2.1: waiting → safe") == 1
        # The same order again says so, too.
        assert (await order(engine, "drain_member", member=A))["safe"]
        shown = await order(engine, "failover")
        assert shown["pools"][0]["members"][0]["drain"]["phase"] == "safe"
        await order(engine, "undrain_member", member=A)
        assert world.answers(one) == (A, B)
        assert not (await order(engine, "drained", member=A))["safe"]

    play(world, story)


def test_a_drain_that_is_not_on_disk_is_never_safe(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart would bring the member back: it is in force, and told, and written later."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        await place(engine, ORIGIN, [one], 0)
        await checked(world, 400)
        with monkeypatch.context() as patch:
            patch.setattr(durablefile, "replace", full)
            found = await order(engine, "drain_member", member=A, direct=True)
            assert "No space left on device" in found["unwritten"]
            assert world.answers(one) == (B,)
            await checked(world, 400)
            found = await order(engine, "drained", member=A)
            assert [step["phase"] for step in found["steps"]] == ["safe"]
            assert (found["safe"], found["missing"]) == (False, [found["unwritten"]])
            forced = await order(engine, "force", forced="up", **WWW, member=B)
            assert forced["unwritten"]
        await engine.save()
        found = await order(engine, "drained", member=A)
        assert (found["safe"], found["unwritten"]) == (True, None)

    play(world, story)


def test_a_direct_drain_is_not_safe_while_a_cache_may_hold_it(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        await place(engine, ORIGIN, [one], 0)
        await checked(world, 400)
        world.query(one)
        found = await order(engine, "drain_member", member=A, direct=True)
        assert world.answers(one) == (B,)
        assert found["steps"][0]["phase"] == "waiting"
        assert any("caches may hold it for 5m" in reason for reason in found["missing"])
        await checked(world, 300)
        world.query(one)
        assert not (await order(engine, "drained", member=A))["safe"]
        await checked(world, 10)
        assert (await order(engine, "drained", member=A))["safe"]

    play(world, story)


def test_a_drain_is_about_its_own_member(world: World) -> None:
    """Whether others come and go is no matter of it."""

    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta((A, B, C))
        await place(engine, ORIGIN, [one], 0)
        await checked(world, 400)
        world.query(one)
        await order(engine, "drain_member", member=A, direct=True, **WWW)
        for _ in range(16):
            world.see((C, OK), (B, BAD), (B, BAD), (B, BAD))
            world.query(one)
            await asyncio.sleep(10)
            world.see(*((B, OK) for _ in range(12)))
            world.query(one)
            await asyncio.sleep(10)
        assert (await order(engine, "drained", member=A, **WWW))["safe"]

    play(world, story)


def test_a_drain_of_a_member_that_is_answered_still_is_never_safe(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta((A,))
        await place(engine, ORIGIN, [one], 0)
        await checked(world, 400)
        await order(engine, "drain_member", member=A, direct=True, force=True, **WWW)
        assert world.answers(one) == (A,)
        await checked(world, 400)
        found = await order(engine, "drained", member=A, **WWW)
        assert not found["safe"]
        assert "answers with it now" in found["missing"][0]

    play(world, story)


def test_a_node_that_has_just_begun_does_not_know_what_caches_hold(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [meta(ttl=100)], 0)
        await order(engine, "drain_member", member=A, direct=True)
        await checked(world, 90)
        assert not (await order(engine, "drained", member=A))["safe"]
        await checked(world, 20)
        assert (await order(engine, "drained", member=A))["safe"]

    play(world, story)


def test_a_drain_is_of_every_pool_or_of_one(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one, two, three = metas(
            {}, {"name": "mail.example.com."}, {"name": "x.example.com.", "members": (B, C)}
        )
        await place(engine, ORIGIN, [one, two, three], 0)
        await checked(world, 400)
        found = await order(engine, "drain_member", **WWW, member=A)
        assert [step["name"] for step in found["steps"]] == ["www.example.com."]
        await checked(world, 10)
        assert (await order(engine, "drained", **WWW, member=A))["safe"]
        # Elsewhere it is still answered.
        found = await order(engine, "drained", member=A)
        assert not found["safe"]
        assert "mail.example.com. A: it is not drained" in found["missing"]
        assert any("answers with it now: mail.example.com. A" in one for one in found["missing"])
        found = await order(engine, "drain_member", member=A)
        assert [step["name"] for step in found["steps"]] == [
            "www.example.com.",
            "mail.example.com.",
        ]
        assert [step["phase"] for step in found["steps"]] == ["safe", "lowering"]
        await checked(world, 20)
        assert (await order(engine, "drained", member=A))["safe"]
        assert world.answers(three) == (B, C)

    play(world, story)


def test_a_drain_that_would_empty_a_pool_is_refused(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one, two = metas({}, {"name": "one.example.com.", "members": (A,), "all_down": "nodata"})
        await place(engine, ORIGIN, [one, two], 0)
        await well(world)
        refusal = await refused(engine, "drain_member", member=A)
        assert refusal.startswith("one.example.com. A: ")
        assert world.answers(one) == (A, B)
        assert (await order(engine, "failover"))["pools"][1]["members"][0]["drain"] is None
        await order(engine, "drain_member", member=A, direct=True, force=True)
        assert world.answers(two) == ("NODATA",)

    play(world, story)


def test_a_drain_that_has_begun_can_be_hastened(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        await place(engine, ORIGIN, [one], 0)
        await checked(world, 400)
        world.query(one)
        await order(engine, "drain_member", member=A)
        assert world.answers(one) == (A, B)
        found = await order(engine, "drain_member", member=A, direct=True)
        assert world.answers(one) == (B,)
        assert found["steps"][0]["phase"] == "waiting"

    play(world, story)


def test_a_drain_goes_on_after_a_restart(world: World) -> None:
    one = meta()

    async def first(world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [one], 0)
        await checked(world, 400)
        world.query(one)
        await order(engine, "drain_member", member=A, direct=True)

    async def second(world: World, engine: FailoverEngine) -> None:
        assert world.answers(one) == (B,)
        found = await order(engine, "drained", member=A)
        assert found["steps"][0]["phase"] == "waiting"
        await checked(world, 320)
        assert (await order(engine, "drained", member=A))["safe"]

    play(world, first)
    play(world, second, before=lambda engine: engine.place(ORIGIN, [one], 0))


# -- on disk before it is obeyed, and for longer than its member ------------------------------


def slow_disk(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    async def to_thread(work: Any, *arguments: Any) -> Any:
        await asyncio.sleep(seconds)
        return work(*arguments)

    monkeypatch.setattr("asyncio.to_thread", to_thread)


def test_an_order_is_on_disk_before_it_is_obeyed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        await place(engine, ORIGIN, [one], 0)
        await well(world)
        await asyncio.sleep(20)
        slow_disk(monkeypatch, 2.0)
        asked = asyncio.ensure_future(
            order(engine, "drain_member", member=A, direct=True, reason="disks")
        )
        await asyncio.sleep(1.9)
        world.see((B, OK))  # which decides on the pool, too
        assert world.answers(one) == (A, B)
        assert not asked.done()
        found = await asked
        assert world.answers(one) == (B,)
        assert found["unwritten"] is None
        assert b'"reason":"disks"' in (world.directory / statefile.FILE).read_bytes()

    play(world, story)


def test_a_disk_that_hangs_keeps_no_order_from_being_obeyed_and_nothing_is_safe(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Item by item: in force, told, not SAFE; and SAFE when the disk has it."""

    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        await place(engine, ORIGIN, [one], 0)
        await well(world)
        await asyncio.sleep(20)
        slow_disk(monkeypatch, 1000.0)
        found = await order(engine, "drain_member", member=A, direct=True)
        assert world.answers(one) == (B,)
        assert "not saved" in found["unwritten"]
        await asyncio.sleep(900)
        found = await order(engine, "drained", member=A, **WWW)
        assert [step["phase"] for step in found["steps"]] == ["safe"]
        assert not found["safe"]
        await asyncio.sleep(2000)
        assert (await order(engine, "drained", member=A, **WWW))["safe"]

    play(world, story)


def test_an_order_of_a_pool_that_goes_meanwhile_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        await place(engine, ORIGIN, [one], 0)
        slow_disk(monkeypatch, 2.0)
        asked = asyncio.ensure_future(order(engine, "force", forced="down", **WWW, member=A))
        await asyncio.sleep(1)
        engine.remove(ORIGIN)
        await asked
        (kept,) = (await order(engine, "failover"))["absent_orders"]
        assert (kept["address"], kept["order"]["forced"]) == (A, "down")
        await place(engine, ORIGIN, [one], 50)
        assert world.answers(one, 50) == (B,)

    play(world, story)


def test_an_order_of_an_absent_pool_is_shown_and_can_be_taken_back(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta((A, B, C))
        await place(engine, ORIGIN, [one], 0)
        await well(world)
        await order(engine, "force", forced="down", **WWW, member=A, reason="smoke")
        await order(engine, "drain_member", member=C, direct=True)
        await place(engine, ORIGIN, [meta((B, C))], 50)
        found = await order(engine, "failover")
        (kept,) = found["absent_orders"]
        assert kept["order"]["reason"] == "smoke"
        assert kept["why"] == "the pool does not have it now"
        engine.remove(ORIGIN)
        found = await order(engine, "failover")
        assert {kept["address"] for kept in found["absent_orders"]} == {A, C}
        assert {kept["why"] for kept in found["absent_orders"]} == {"the pool is not there now"}
        await order(engine, "force", forced="auto", **WWW, member=A)
        assert "no pool" in await refused(engine, "force", forced="down", **WWW, member=A)
        await order(engine, "undrain_member", member=C)
        assert (await order(engine, "failover"))["absent_orders"] == []
        await place(engine, ORIGIN, [one], 100)
        assert world.answers(one, 100) == (A, B, C)

    play(world, story)


def test_an_order_of_an_absent_pool_outlives_a_restart(world: World) -> None:
    async def first(_world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [meta()], 0)
        await order(engine, "force", forced="down", **WWW, member=A)
        await place(engine, ORIGIN, [meta((B,))], 50)

    async def second(world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [meta((B, C))], 100)
        assert [one["address"] for one in (await order(engine, "failover"))["absent_orders"]] == [A]
        await place(engine, ORIGIN, [meta()], 150)
        assert world.answers(meta(), 150) == (B,)

    play(world, first)
    play(world, second)


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have the time of the day go on with the clock that jumps; what it is ahead can be set."""
    ahead = [1.8e9]
    monkeypatch.setattr("time.time", lambda: ahead[0] + time.monotonic())
    return ahead


@pytest.mark.usefixtures("day")
def test_maintenance_is_planned_and_cancelled(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        await place(engine, ORIGIN, [one], 0)
        await checked(world, 400)
        assert world.selection(one).ttl == 300
        at = time.time() + 600
        ahead = {**WWW, "member": A, "at": at, "for": 3600, "reason": "disks"}
        found = await order(engine, "force", forced="down", **ahead)
        plan = found["pools"][0]["members"][0]["plan"]
        assert plan == {
            "forced": "down",
            "at": pytest.approx(at, abs=0.1),
            "until": pytest.approx(at + 3600, abs=0.1),
            "reason": "disks",
        }
        assert world.answers(one) == (A, B)
        assert world.told(f"{A} is to be forced down in 10m for 1h: disks") == 1
        assert "cancel it first" in await refused(engine, "force", forced="up", **ahead)
        await checked(world, 500)
        assert world.selection(one).ttl in range(90, 101)
        await order(engine, "cancel_plan", **WWW, member=A)
        assert world.selection(one).ttl == 300
        assert "nothing is planned" in await refused(engine, "cancel_plan", **WWW, member=A)
        await order(engine, "drain_member", **{**ahead, "at": time.time() + 60, "for": None})
        await checked(world, 70)
        assert world.answers(one) == (B,)
        assert (await order(engine, "drained", member=A))["steps"][0]["phase"] is not None
        later = {**WWW, "member": A, "at": time.time() + 60}
        assert "drained already" in await refused(engine, "drain_member", **later)

    play(world, story)


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (1.0, "be in the future"),
        ("22:00", "POSIX"),
        (1e300, "within a year"),
        (float("nan"), "POSIX"),
    ],
)
def test_plans_that_make_no_sense_are_refused(world: World, at: object, why: str) -> None:
    async def story(_world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [meta()], 0)
        assert why in await refused(engine, "force", forced="down", **WWW, member=A, at=at)

    play(world, story)


@pytest.mark.usefixtures("day")
def test_an_order_after_the_beginning_of_a_plan_takes_its_place(world: World) -> None:
    """Also if nobody has looked at the pool in between: control was stopped."""

    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta(check="none")
        await place(engine, ORIGIN, [one], 0)
        await order(engine, "force", forced="down", **WWW, member=A, at=time.time() + 60)
        asyncio.get_running_loop().forward(61)  # type: ignore[attr-defined]
        await order(engine, "force", forced="up", **WWW, member=A)
        assert b'"starts"' not in (world.directory / statefile.FILE).read_bytes()
        await asyncio.sleep(20)
        assert world.answers(one) == (A, B)

    play(world, story)


def test_a_plan_made_after_the_clock_was_set_does_not_follow_that(
    world: World, day: list[float]
) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta(check="none")
        await place(engine, ORIGIN, [one], 0)
        await asyncio.sleep(1)
        day[0] -= 3600
        await order(engine, "force", forced="down", **WWW, member=A, at=time.time() + 60)
        await asyncio.sleep(80)
        assert world.answers(one) == (B,)

    play(world, story)


def test_what_is_planned_of_a_pool_that_is_away_follows_the_clock(
    world: World, day: list[float]
) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta(check="none")
        await place(engine, ORIGIN, [one], 0)
        await order(engine, "force", forced="down", **WWW, member=A, at=time.time() + 600)
        engine.remove(ORIGIN)
        day[0] += 590
        await asyncio.sleep(30)
        await place(engine, ORIGIN, [one], 0)
        assert world.answers(one) == (B,)

    play(world, story)


def test_plans_follow_the_time_of_the_day(world: World, day: list[float]) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta(check="none")
        await place(engine, ORIGIN, [one], 0)
        await order(engine, "force", forced="down", **WWW, member=A, at=time.time() + 7200)
        day[0] += 7000  # the machine has slept
        await asyncio.sleep(20)
        assert world.answers(one) == (A, B)
        await asyncio.sleep(190)
        assert world.answers(one) == (B,)

    play(world, story)
