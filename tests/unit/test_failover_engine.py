"""The engine: what was seen becomes a word at once, over edits, restarts and checks that die."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dnsd.checks.calculated import CalculatedCheck
from dnsd.checks.result import Blind, PartResult, Result
from dnsd.config.need import Need
from dnsd.config.policy import Failback
from dnsd.config.references import Reference
from dnsd.control.failover import statefile
from dnsd.control.failover.checking import RESTART_S
from dnsd.control.failover.engine import REFRESH_S, WRITE_S, FailoverEngine
from dnsd.control.failover.live import PoolKey
from dnsd.control.failover.report import report
from dnsd.control.failover.table import OrderTarget
from dnsd.failover import stored
from dnsd.failover.member import Forced, MemberOrder, MemberState
from dnsd.failover.orders import Directive, PlannedOrder
from dnsd.failover.stored import Moment
from dnsd.image.cells import Range
from dnsd.image.selection import Mode
from tests.plane import ORIGIN, A, B, C, World, close, meta, metas, only, place, play

OK, BAD = True, False


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World(tmp_path, monkeypatch)
    yield world
    close(world)


async def up(world: World, rounds: int = 1) -> None:
    """Let all that is checked be well, for some rounds of checks."""
    for _ in range(rounds):
        for target in tuple(world.checks[-1].targets):
            world.see((target.address, OK))
        await asyncio.sleep(10)


def down(world: World, *addresses: str) -> None:
    """Let these be seen to be down."""
    for _ in range(3):
        world.see(*((address, BAD) for address in addresses))


# -- what was seen -----------------------------------------------------------------------------


def test_a_failure_changes_the_answer_at_once(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        await place(engine, ORIGIN, [one], 100)
        assert world.answers(one, 100) == (A, B)
        assert world.selection(one, 100).ttl == 5
        await up(world)
        down(world, A)
        assert world.answers(one, 100) == (B,)
        assert world.told(f"www.example.com. A: {A} up → suspect: connection refused") == 1
        assert world.told(f"{A} suspect → down: connection refused") == 1
        assert world.told(f"www.example.com. A: answers {B} for ") == 1
        await up(world, 3)
        assert world.answers(one, 100) == (A, B)
        assert world.told(f"{A} down → recovering") == 1
        assert world.told(f"www.example.com. A: answers {A}, {B} for ") == 1

    play(world, story)


def test_the_ttl_grows_back(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        await place(engine, ORIGIN, [one], 0)
        seen = []
        for _ in range(22):
            await up(world)
            seen.append(world.selection(one).ttl)
        assert seen[0] == 5
        assert seen == sorted(seen)
        assert seen[-1] == 300

    play(world, story)


def test_suspects_are_checked_more_often(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [meta()], 0)
        await up(world)
        assert set(world.checks[-1].targets.values()) == {"relaxed"}
        world.see((A, BAD))
        paces = {one.address: pace for one, pace in world.checks[-1].targets.items()}
        assert paces == {A: "hurried", B: "relaxed"}
        await up(world, 3)
        assert set(world.checks[-1].targets.values()) == {"relaxed"}

    play(world, story)


def test_pools_with_the_same_target_share_its_check(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        first, second = metas({}, {"name": "mail.example.com.", "down": 1})
        await place(engine, ORIGIN, [first, second], 0)
        assert len(world.checks[-1].targets) == 2
        await up(world)
        world.see((A, BAD))
        assert world.answers(first) == (A, B)
        assert world.answers(second) == (B,)

    play(world, story)


def test_a_pool_without_checks_follows_orders_alone(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta(check="none")
        await place(engine, ORIGIN, [one], 0)
        assert world.checks[-1].targets == {}
        assert world.answers(one) == (A, B)
        assert world.selection(one).ttl == 300
        pool = only(engine)
        pool.force(A, MemberOrder(Forced.DOWN, time.monotonic() + 30, "new disks"))
        engine.decide(pool)
        assert world.answers(one) == (B,)
        assert world.told(f"{A} is forced down: new disks") == 1
        await asyncio.sleep(31)
        assert world.answers(one) == (A, B)
        assert world.told(f"{A} has no order any more") == 1

    play(world, story)


def test_a_hold_ends_in_time(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta(failback=Failback("hold", 60.0))
        await place(engine, ORIGIN, [one], 0)
        await up(world)
        down(world, A)
        for _ in range(3):
            world.see((A, OK))
        assert only(engine).state.members[A].state == MemberState.HELD
        await up(world, 5)
        await asyncio.sleep(9)
        assert world.answers(one) == (B,)
        await asyncio.sleep(2)
        assert world.answers(one) == (A, B)

    play(world, story)


# -- edits -------------------------------------------------------------------------------------


def test_members_that_stay_keep_their_state_in_new_cells(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        old, new = meta((A, B)), meta((A, B, C))
        await place(engine, ORIGIN, [old], 0)
        await up(world)
        down(world, B)
        await place(engine, ORIGIN, [new], 50)
        assert world.answers(new, 50) == (A,)
        # A worker that still has the old image must not be forgotten.
        await up(world)
        down(world, A)
        assert world.answers(new, 50) == (C,)
        assert world.answers(old) == (A,)  # it has no C
        engine.release(Range(0, old.cells))
        assert world.selection(old).mode == Mode.UNSET
        assert world.answers(new, 50) == (C,)

    play(world, story)


def test_old_cells_follow_by_address(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        old, new = meta((A, B)), meta((B, C))
        await place(engine, ORIGIN, [old], 0)
        await place(engine, ORIGIN, [new], 50)
        await up(world)
        down(world, C)
        assert world.answers(new, 50) == (B,)
        assert world.answers(old) == (B,)

    play(world, story)


def test_an_image_that_is_not_published_after_all(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        old, new = meta((A, B)), meta((B, C))
        await place(engine, ORIGIN, [old], 0)
        await place(engine, ORIGIN, [new], 50)
        engine.release(Range(50, new.cells))
        await asyncio.sleep(0)
        assert {target.address for target in world.checks[-1].targets} == {A, B}
        await up(world)
        down(world, B)
        assert world.answers(old) == (A,)

    play(world, story)


def test_cells_that_others_had_before_are_wiped(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        for at in range(one.cells):
            world.vector.selections[at] = 0x0300_0005_0000_0001
            world.vector.cache_until(1)[at] = 99999
        await place(engine, ORIGIN, [one], 0)
        assert world.answers(one) == (A, B)
        assert set(world.vector.cache_until(1)[: one.cells]) == {0}

    play(world, story)


def test_orders_outlive_a_zone_that_is_gone_for_a_while(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        await place(engine, ORIGIN, [one], 0)
        await up(world)
        pool = only(engine)
        pool.force(A, MemberOrder(Forced.DOWN, None, "by hand"))
        engine.decide(pool)
        engine.remove(ORIGIN)
        await asyncio.sleep(0)
        assert engine.table.pools == {}
        assert world.checks[-1].targets == {}
        await asyncio.sleep(600)
        await place(engine, ORIGIN, [one], 50)
        assert world.answers(one, 50) == (B,)
        assert only(engine).state.members[B].state == MemberState.INIT

    play(world, story)


# -- nobody sees -------------------------------------------------------------------------------


def test_who_is_not_seen_keeps_its_state(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        await place(engine, ORIGIN, [one], 0)
        await up(world, 30)
        down(world, B)
        for _ in range(5):
            world.checks[-1].miss(A, "the network is unreachable")
            world.checks[-1].miss(B, "the network is unreachable")
        assert world.answers(one) == (A,)
        assert world.selection(one).ttl == 5
        assert world.told("the network is unreachable; its state stays") == 1
        assert len(engine.checking.alarms.why) == 2
        world.see((A, BAD), (B, OK))
        assert engine.checking.alarms.why == {}
        assert world.told("is checked again (before: the network is unreachable)") == 1
        members = only(engine).state.members
        assert (members[A].state, members[B].state) == (MemberState.SUSPECT, MemberState.RECOVERING)

    play(world, story)


def test_checks_that_die_freeze_everything_and_begin_anew(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta()
        await place(engine, ORIGIN, [one], 0)
        await up(world)
        world.see((A, BAD))
        world.checks[-1].die(RuntimeError("out of luck"))
        await asyncio.sleep(RESTART_S / 2)
        pool = only(engine)
        why = "the checks have died (RuntimeError: out of luck) and start over"
        assert {member.frozen for member in pool.state.members.values()} == {why}
        assert world.told(f": {why}; its state stays") == 1
        await asyncio.sleep(RESTART_S)
        assert len(world.checks) == 2
        paces = {target.address: pace for target, pace in world.checks[-1].targets.items()}
        assert paces == {A: "hurried", B: "relaxed"}
        await up(world)
        assert {member.frozen for member in pool.state.members.values()} == {""}
        down(world, A)
        assert world.answers(one) == (B,)

    play(world, story)


def test_checks_that_are_never_made_are_missed(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [meta()], 0)
        await up(world)
        await asyncio.sleep(60)
        assert {one.frozen for one in only(engine).state.members.values()} == {
            "3 checks of it are missing"
        }
        await up(world)
        assert {one.frozen for one in only(engine).state.members.values()} == {""}

    play(world, story)


def test_a_fault_of_one_pool_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        first, second = metas({}, {"name": "mail.example.com."})
        await place(engine, ORIGIN, [first, second], 0)
        await up(world)
        broken = next(iter(engine.table.pools.values()))
        monkeypatch.setattr(broken.state, "decide", lambda _: 1 / 0)
        down(world, A)
        assert (world.answers(first), world.answers(second)) == ((A, B), (B,))
        assert world.told("dnsd failed: ZeroDivisionError") == 1

    play(world, story)


# -- over a restart ----------------------------------------------------------------------------


def test_a_stop_and_a_start_within_a_minute_change_nothing(world: World) -> None:
    one = meta()

    async def first(world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [one], 0)
        await up(world, 30)
        down(world, A)
        assert world.selection(one)[:2] == (0b10, 150)

    async def second(world: World, engine: FailoverEngine) -> None:
        assert engine.not_ready() == "the zones are not loaded yet"
        await place(engine, ORIGIN, [one], 50)
        engine.loaded()
        assert engine.not_ready() == ""
        assert world.selection(one, 50)[:2] == (0b10, 150)

    play(world, first)
    play(world, second)


def test_control_dies_and_the_next_one_goes_on(world: World) -> None:
    """Nothing of what workers answer changes, even if all that was stored is lost."""
    one = meta()

    async def first(world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [one], 0)
        await up(world)
        down(world, A)

    async def second(world: World, engine: FailoverEngine) -> None:
        assert world.answers(one) == (B,)
        assert only(engine).decision.why == (
            "as before dnsd was restarted, until all members have been checked",
        )
        world.see((B, OK))
        assert world.answers(one) == (B,)
        world.see((A, BAD))
        assert world.answers(one) == (B,)  # there is somebody better than who has failed once
        world.see((A, OK))
        await up(world, 3)
        assert world.answers(one) == (A, B)

    play(world, first)
    (world.directory / statefile.FILE).unlink()
    play(world, second, before=lambda engine: engine.place(ORIGIN, [one], 0))


def test_a_plan_that_began_while_control_was_away_is_obeyed_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before members have been checked again."""
    one = meta()
    ahead = [1e9]
    monkeypatch.setattr("time.time", lambda: ahead[0] + time.monotonic())
    monkeypatch.setattr("dnsd.control.failover.engine.moment", lambda: Moment(time.time()))

    async def first(world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [one], 0)
        await up(world)
        plan = PlannedOrder(time.monotonic() + 60, MemberOrder(Forced.DOWN))
        await engine.order({OrderTarget(*only(engine).key[1:], A): lambda _: Directive(plan=plan)})

    async def second(world: World, _engine: FailoverEngine) -> None:
        assert world.answers(one) == (B,)

    play(world, first)
    ahead[0] += stored.BELIEVED_S + 70  # so that states are not believed
    play(world, second, before=lambda engine: engine.place(ORIGIN, [one], 0))


def test_what_was_inherited_is_not_trusted_for_ever(world: World) -> None:
    one = meta()

    async def first(world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [one], 0)
        await up(world)
        down(world, A)

    async def second(world: World, engine: FailoverEngine) -> None:
        world.see((A, OK))
        assert world.answers(one) == (B,)
        await asyncio.sleep(engine.checking.first_round + 0.1)
        assert world.answers(one) == (A,)

    play(world, first)
    (world.directory / statefile.FILE).unlink()
    play(world, second, before=lambda engine: engine.place(ORIGIN, [one], 0))


def test_an_order_is_obeyed_before_all_have_been_checked(world: World) -> None:
    one = meta()

    async def first(world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [one], 0)
        await up(world)

    async def second(world: World, engine: FailoverEngine) -> None:
        pool = only(engine)
        pool.force(B, MemberOrder(Forced.DOWN))
        engine.decide(pool)
        assert world.answers(one) == (A,)

    play(world, first)
    (world.directory / statefile.FILE).unlink()
    play(world, second, before=lambda engine: engine.place(ORIGIN, [one], 0))


def test_what_has_changed_is_on_disk_within_a_second(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        def on_disk() -> stored.Kept:
            return stored.decode(path.read_bytes(), statefile.moment())

        path = world.directory / statefile.FILE
        await place(engine, ORIGIN, [meta()], 0)
        await asyncio.sleep(WRITE_S + 0.01)
        await up(world)
        down(world, A)
        await asyncio.sleep(WRITE_S + 0.01)
        states = {
            one.address: one.state for one in on_disk().pools["www.example.com.", "A"].members
        }
        assert states == {A: MemberState.DOWN, B: MemberState.UP}
        path.unlink()
        await asyncio.sleep(REFRESH_S + WRITE_S)
        assert on_disk().fresh

    play(world, story)


def test_a_state_that_cannot_be_read_is_told_and_ignored(world: World) -> None:
    (world.directory / statefile.FILE).write_bytes(b"dnsd-failover 1 00000000\n{}")

    async def story(world: World, engine: FailoverEngine) -> None:
        assert world.told("the file is damaged") == 1
        await place(engine, ORIGIN, [meta()], 0)
        assert only(engine).state.members[A].state == MemberState.INIT

    play(world, story)


def test_a_disk_that_is_full_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async def story(world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [meta()], 0)
        await asyncio.sleep(3 * REFRESH_S)
        assert "No space left on device" in engine.file.fault
        assert world.told("cannot be written (No space left on device)") == 1

    with monkeypatch.context() as patch:
        patch.setattr("dnsd.process.durablefile.replace", full)
        play(world, story)


def test_where_pools_are_expected_there_is_a_file(world: World) -> None:
    """Before the ledger knows of them: so the file is missed if it is gone."""

    async def story(_world: World, engine: FailoverEngine) -> None:
        await engine.expect([])
        assert not (world.directory / statefile.FILE).exists()
        await engine.expect([meta()])
        assert (world.directory / statefile.FILE).exists()

    play(world, story)


def test_a_node_without_pools_needs_no_file(world: World) -> None:
    async def story(_world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [], 0)
        engine.loaded()
        assert engine.not_ready() == ""
        await asyncio.sleep(2 * REFRESH_S)

    play(world, story)
    assert not (world.directory / statefile.FILE).exists()


# -- whether it may be announced ---------------------------------------------------------------


def test_no_client_is_sent_here_before_a_round_of_checks(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [meta()], 0)
        engine.loaded()
        assert engine.not_ready() == "1 pool has members that have not been checked yet"
        world.see((A, OK))
        assert engine.not_ready()
        world.see((B, BAD))
        assert engine.not_ready() == ""
        # And later nothing of this kind speaks against it any more.
        await place(engine, "example.org.", [meta((C,), name="www.example.org.")], 50)
        assert engine.not_ready() == ""

    play(world, story)


def test_a_round_that_does_not_end_is_no_reason_for_ever(world: World) -> None:
    async def story(_world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [meta()], 0)
        engine.loaded()
        await asyncio.sleep(3.9)
        assert engine.not_ready()
        await asyncio.sleep(0.2)
        assert engine.not_ready() == ""

    play(world, story)


# -- calculated checks, and several -----------------------------------------------------------


DB: dict[str, object] = {"name": "db.example.com."}
WEB: dict[str, object] = {
    "name": "web.example.com.",
    "check": "calculated",
    "of": (Reference("db.example.com.", "A", A),),
    "need": Need(),
}


def calculated(world: World) -> CalculatedCheck:
    """The check of the members of WEB."""
    checks = {one.check for one in world.checks[-1].targets}
    (found,) = (one for one in checks if isinstance(one, CalculatedCheck))
    return found


def test_a_calculated_check_sees_what_answers_are_made_of(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        db, web = metas(DB, WEB)
        await place(engine, ORIGIN, [db, web], 0)
        check = calculated(world)
        with pytest.raises(Blind, match="not checked yet"):
            await check.run(A)
        world.checks[-1].see(A, OK, 80)
        assert (await check.run(A)).ok
        for _ in range(3):
            world.checks[-1].see(A, BAD, 80)
        result = await check.run(A)
        assert (result.ok, result.detail) == (
            False,
            f"0 of 1 up, 1 needed: db.example.com. A {A}: down",
        )
        pool = engine.table.pools[PoolKey(ORIGIN, "db.example.com.", "A")]
        pool.force(A, MemberOrder(Forced.UP))
        engine.decide(pool)
        assert (await check.run(A)).ok, "an order stands above results"
        pool.force(A, None)
        world.checks[-1].miss(A, "no route to it")
        with pytest.raises(Blind, match="cannot be checked: no route to it"):
            await check.run(A)
        engine.place(ORIGIN, [web], 200)
        with pytest.raises(Blind, match="not a pool of this node"):
            await check.run(A)

    play(world, story)


def test_a_name_is_up_when_enough_of_its_members_are(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        whole = {**WEB, "of": (Reference("db.example.com.", "A"),)}
        db, web = metas({**DB, "min_up": 2}, whole)
        await place(engine, ORIGIN, [db, web], 0)
        check = calculated(world)
        world.checks[-1].see(A, OK, 80)
        with pytest.raises(Blind, match="its state is unknown"):
            await check.run(A)
        world.checks[-1].see(B, OK, 80)
        assert (await check.run(A)).ok
        for _ in range(3):
            world.checks[-1].see(B, BAD, 80)
        assert "db.example.com. A: too few members are up" in (await check.run(A)).detail

    play(world, story)


def test_the_result_of_each_check_is_reported(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        await place(engine, ORIGIN, [meta()], 0)
        parts = (
            PartResult("TCP port 80", True, "", 0.1),
            PartResult("TLS on port 443", False, "certificate expires soon", 0.2),
        )
        (target,) = (one for one in world.checks[-1].targets if one.address == A)
        world.checks[-1]._seen(target, Result(False, "1 of 2 passed", 0.2, parts), 1.0, 1.2)
        first, second = report(engine)["pools"][0]["members"]
        assert first["checks"] == [one._asdict() for one in parts]
        assert second["checks"] == []

    play(world, story)


def test_what_was_answered_until_the_stop_is_known_after_it(world: World) -> None:
    async def story(world: World, engine: FailoverEngine) -> None:
        one = meta(check="none")
        await place(engine, ORIGIN, [one], 0)
        await asyncio.sleep(10.5)
        before = engine.memory.latest(only(engine).key, A)
        world.query(one)
        assert engine.memory.latest(only(engine).key, A) == before
        engine.stop()
        assert engine.memory.latest(only(engine).key, A) > before

    play(world, story)
