"""A pool: what is answered, for how long and why; orders, edits; and the worst case, simulated."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsd.config.policy import Failback, PoolPolicy
from dnsd.failover import drain, ttl
from dnsd.failover.member import Forced, MemberOrder, MemberState
from dnsd.failover.orders import Directive, PlannedOrder
from dnsd.failover.pool import Decision, PoolState
from dnsd.failover.stored import Moment, decode, encode
from dnsd.image.selection import Mode
from tests.failover import ADDRESSES, World, freeze, pool, thaw

A, B, C = ADDRESSES[:3]
DOWN = MemberOrder(Forced.DOWN, reason="new disks")
STABLE = "+" * 30


def pool_of(*results: str, ttl_max: int = 300, **changes: object) -> PoolState:
    """Return a pool whose members have seen ``results``, all at 100 s."""
    state = PoolState(pool(**changes), ttl_max, ADDRESSES[: len(results)], 0.0)
    for address, seen in zip(ADDRESSES, results, strict=False):
        for one in seen:
            state.members[address].result(100.0, one == "+")
    return state


def decided(*results: str, **changes: object) -> tuple[int, int, Mode]:
    return pool_of(*results, **changes).decide(100.0)[:3]  # type: ignore[arg-type]


# -- the TTL ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "changes", "mask", "seconds"),
    [
        ((STABLE, STABLE), {}, 0b11, 300),
        ((STABLE, "+" * 10), {}, 0b11, 40),
        ((STABLE, STABLE + "-"), {}, 0b11, 5),
        ((STABLE, "---"), {}, 0b01, 150),
        ((STABLE, ""), {}, 0b01, 5),
        (("", ""), {}, 0b11, 5),
        (("---", "---"), {}, 0b11, 5),
        (("---", "---"), {"ttl_min": 60}, 0b11, 10),
        # Whoever can't change the answer has no say in its TTL:
        ((STABLE + "-",), {}, 0b1, 300),
        ((STABLE + "-",), {"all_down": "nodata"}, 0b1, 5),
        ((STABLE + "-",), {"all_down": "fallback", "fallback": (C,)}, 0b1, 5),
        ((STABLE + "--", "+++---"), {"all_down": "last_good"}, 0b01, 150),
        ((STABLE, "+-", "+"), {"tiers": ((A,), (B, C))}, 0b001, 300),
        (("---", "+-", STABLE), {"tiers": ((A,), (B, C))}, 0b110, 5),
        (("---", STABLE, "+-"), {"tiers": ((A,), (B,), (C,))}, 0b010, 150),
        ((STABLE, "+-"), {"select": "weighted", "weights": {B: 0}}, 0b01, 300),
        ((STABLE + "-", STABLE), {"min_up": 2}, 0b11, 300),
        ((STABLE + "-", STABLE), {"min_up": 2, "all_down": "refuse"}, 0b11, 5),
    ],
)
def test_the_ttl_is_that_of_the_next_change(
    results: tuple[str, ...], changes: dict[str, object], mask: int, seconds: int
) -> None:
    assert decided(*results, **changes)[:2] == (mask, seconds)


def test_a_failure_that_could_empty_the_pool_is_answered_with_the_policy() -> None:
    state = pool_of(STABLE, all_down="servfail")
    assert state.decide(100.0)[:3] == (1, 300, Mode.ANSWER)
    for _ in range(3):
        state.members[A].result(101.0, ok=False)
    assert state.decide(101.0)[:3] == (0, 5, Mode.SERVFAIL)


def test_why() -> None:
    state = pool_of(STABLE, "+-", "---")
    assert state.decide(100.0).why == (
        f"{B} is suspect (1 of 3 failures)",
        f"{C} is down",
        f"TTL: {B} is suspect (1 of 3 failures)",
    )
    state.force(B, DOWN)
    freeze(state, "the checker has been silent")
    assert state.decide(100.0).why == (
        f"{A} is up (29 successes), last known: the checker has been silent",
        f"{B} is forced down (new disks); its checks say suspect (1 of 3 failures)",
        f"{C} is down, last known: the checker has been silent",
        f"TTL: {A} is up (29 successes), last known: the checker has been silent",
    )
    assert pool_of("---").decide(100.0).why == (
        'too few members are up: all_down = "all"',
        f"{A} is down",
        "TTL: too few members are up",
    )


def test_what_was_good_last_outlives_the_members_that_were_not() -> None:
    state = pool_of("+++", "+++", "---", all_down="last_good")
    assert state.decide(100.0).mask == 0b011
    for _ in range(3):
        state.members[A].result(101.0, ok=False)
        state.members[B].result(101.0, ok=False)
    assert state.decide(101.0)[:2] == (0b011, 5)


def test_an_answer_for_want_of_a_better_one_was_not_good() -> None:
    state = pool_of("+++", "---", all_down="last_good")
    state.decide(100.0)
    for _ in range(3):
        state.members[A].result(101.0, ok=False)
    assert state.decide(101.0).mask == 0b01
    state.force(A, DOWN)
    assert state.decide(102.0).mask == 0b10
    state.force(A, None)
    assert state.decide(103.0).mask == 0b01


def test_without_checks_only_orders_change_anything() -> None:
    state = pool_of("", "", check="none")
    assert state.is_checked
    assert state.decide(0.0)[:2] == (0b11, 300)
    state.force(A, DOWN)
    assert state.decide(0.0)[:2] == (0b10, 300)


def test_it_is_complete_when_every_member_was_looked_at() -> None:
    assert not pool_of("+", "").is_checked
    assert pool_of("+", "-").is_checked


# -- a dead checker ---------------------------------------------------------------------------


def test_without_checks_nothing_changes_but_the_ttl() -> None:
    state = pool_of(STABLE, STABLE, "---")
    freeze(state, "the checker has been silent")
    for _ in range(9):
        state.members[A].result(110.0, ok=False)
        state.members[C].result(110.0, ok=True)
    assert state.decide(110.0)[:2] == (0b011, 5)
    thaw(state, 120.0)
    assert state.decide(120.0)[:2] == (0b011, 5)  # they are to show anew that they are stable
    for _ in range(20):
        state.members[A].result(120.0, ok=True)
        state.members[B].result(120.0, ok=True)
    assert state.decide(120.0)[:2] == (0b011, 150)


# -- orders -----------------------------------------------------------------------------------


def test_a_forced_member_has_the_longest_ttl() -> None:
    state = pool_of(STABLE, "+-")
    state.force(B, DOWN)
    assert state.decide(100.0)[:2] == (0b01, 300)
    state.force(B, MemberOrder(Forced.UP))
    assert state.decide(100.0)[:2] == (0b11, 300)
    state.force(B, None)
    assert state.decide(100.0)[:2] == (0b11, 5)


def test_who_is_forced_up_is_answered_whatever_is_seen() -> None:
    state = pool_of("---", "---", all_down="servfail")
    state.force(A, MemberOrder(Forced.UP))
    assert state.decide(100.0)[:3] == (0b01, 150, Mode.ANSWER)


def test_who_is_forced_down_is_not_answered_when_all_others_are_down() -> None:
    state = pool_of(STABLE, "---")
    state.force(A, DOWN)
    assert state.decide(100.0).mask == 0b10
    state.force(B, DOWN)
    assert state.decide(100.0).mask == 0b11


def test_the_end_of_an_order_is_a_planned_switch() -> None:
    state = pool_of(STABLE, STABLE)
    state.force(A, MemberOrder(Forced.DOWN, until=500.0))
    told = []
    now: float | None = 100.0
    while now is not None:
        found = state.decide(now)
        told.append((round(now, 2), found.mask, found.ttl))
        now = state.next_wakeup(now)
    assert told[:3] == [(100.0, 0b10, 300), (200.0, 0b10, 299), (201.0, 0b10, 298)]
    assert told[-4:] == [(497.0, 0b10, 2), (498.0, 0b10, 1), (499.0, 0b10, 1), (500.0, 0b11, 300)]
    assert len(told) == 302


def test_an_order_whose_end_changes_nothing_is_no_plan() -> None:
    state = pool_of(STABLE, STABLE)
    state.force(A, MemberOrder(Forced.UP, until=110.0))
    assert state.decide(100.0).ttl == 300
    assert state.next_wakeup(100.0) == 110.0


def test_orders_that_end_together_are_one_plan() -> None:
    state = pool_of(STABLE, STABLE, "---", min_up=2, all_down="refuse")
    for one in (A, B):
        state.force(one, MemberOrder(Forced.DOWN, until=103.5))
    assert state.decide(100.0)[:3] == (0, 3, Mode.REFUSED)
    assert state.decide(103.5)[:3] == (0b011, 150, Mode.ANSWER)


def test_the_first_of_several_plans_counts() -> None:
    state = pool_of(STABLE, STABLE, STABLE)
    state.force(A, MemberOrder(Forced.DOWN, until=190.0))
    state.force(B, MemberOrder(Forced.DOWN, until=150.0))
    assert state.decide(100.0)[:2] == (0b100, 50)


def test_what_speaks_against_an_order() -> None:
    state = pool_of(STABLE, STABLE)
    assert state.objection(A, Forced.DRAIN) == ""
    state.force(B, DOWN)
    assert state.objection(A, Forced.DOWN) == (
        f"{A} would stay in the answer: the pool has no other member"
    )
    assert state.objection(A, Forced.UP) == ""
    state = pool_of(STABLE, "---")
    assert state.objection(A, Forced.DOWN) == 'too few members are up: all_down = "all"'
    assert state.objection(B, Forced.DOWN) == ""


# -- drains -----------------------------------------------------------------------------------


def test_a_drain_lowers_waits_and_switches() -> None:
    state = pool_of(STABLE, STABLE)
    state.drain(A, MemberOrder(Forced.DRAIN), drain.lowered(100.0, horizon=140.0))
    assert state.decide(100.0)[:2] == (0b11, 5)
    assert state.next_wakeup(100.0) == pytest.approx(136.001)
    assert state.decide(140.0)[:2] == (0b11, 1)
    assert state.decide(141.0)[:2] == (0b10, 300)
    assert state.next_wakeup(141.0) is None
    state.force(A, None)
    assert state.decide(150.0)[:2] == (0b11, 300)
    assert not state.drains


def test_a_member_that_dies_while_its_ttl_is_lowered_leaves_at_once() -> None:
    state = pool_of(STABLE, STABLE, ttl_min=2)
    state.drain(A, MemberOrder(Forced.DRAIN), drain.lowered(100.0, horizon=140.0))
    state.members[A].result(101.0, ok=False)
    assert state.decide(101.0)[:2] == (0b11, 2)
    state.members[A].result(102.0, ok=False)
    state.members[A].result(103.0, ok=False)
    assert state.decide(103.0)[:2] == (0b10, 300)
    for _ in range(3):
        state.members[A].result(104.0, ok=True)
    assert state.decide(104.0)[:2] == (0b10, 300)


def test_who_is_not_answered_leaves_without_lowering() -> None:
    state = pool_of(STABLE, "---")
    state.drain(B, MemberOrder(Forced.DRAIN), drain.lowered(100.0, horizon=400.0))
    assert state.decide(100.0)[:2] == (0b01, 300)
    assert state.drains[B].phase == drain.Phase.WAITING


def test_a_drain_ends_with_its_order() -> None:
    state = pool_of(STABLE, STABLE)
    state.drain(A, MemberOrder(Forced.DRAIN, until=120.0), drain.lowered(100.0, horizon=140.0))
    assert state.decide(100.0)[:2] == (0b11, 5)
    assert state.decide(118.0)[:2] == (0b11, 5)  # nothing will have changed at 120
    assert state.decide(120.0)[:2] == (0b11, 300)
    assert not state.drains


def test_an_order_that_ends_before_the_switch_leaves_nothing_planned() -> None:
    state = pool_of(STABLE, STABLE)
    state.drain(A, MemberOrder(Forced.DRAIN, until=140.0), drain.lowered(100.0, horizon=140.0))
    assert state.decide(139.0)[:2] == (0b11, 5)


# -- edits ------------------------------------------------------------------------------------


def test_an_edit_of_the_zone_keeps_the_members_that_stay() -> None:
    state = pool_of(STABLE, "---")
    state.drain(A, MemberOrder(Forced.DRAIN), drain.direct(100.0))
    state.edit(state.policy, 60, (B, C), 101.0)
    assert [one.state for one in state.members.values()] == [MemberState.DOWN, MemberState.INIT]
    state.members[C].result(102.0, ok=True)
    assert state.decide(102.0)[:2] == (0b10, 5)
    # What is ordered stands, and is obeyed when the member is there again.
    assert list(state.away) == [A]
    state.edit(state.policy, 60, (A, B, C), 103.0)
    assert state.ordered(A).order == MemberOrder(Forced.DRAIN)
    assert state.drains[A].switched
    assert not state.away
    assert state.members[C].state == MemberState.UP


def test_an_edit_may_change_the_policy() -> None:
    state = pool_of(STABLE, STABLE)
    state.edit(pool(tiers=((A,), (B,)), ttl_min=30), 60, (A, B), 101.0)
    assert state.decide(101.0)[:2] == (0b01, 60)


# -- whatever happens -------------------------------------------------------------------------

policies = st.builds(
    pool,
    ttl_min=st.integers(1, 40),
    interval=st.sampled_from([3.0, 10.0, 30.0]),
    timeout=st.sampled_from([0.5, 2.0, 3.0]),
    fast_interval=st.sampled_from([0.5, 1.0, 20.0]),
    down=st.integers(1, 6),
    ok=st.integers(1, 4),
    up=st.integers(1, 4),
    failback=st.sampled_from([Failback(), Failback("hold", 25.0), Failback("manual")]),
    all_down=st.sampled_from(["nodata", "servfail", "refuse", "last_good", "all"]),
    min_up=st.sampled_from([1, 1, 2, 0.5]),
    tiers=st.sampled_from([(), (), ((A,), (B,)), ((B, C), (A,))]),
    select=st.sampled_from(["all", "one", "weighted", "some:2", "sticky"]),
    weights=st.just({A: 2, C: 0}),
)


@settings(max_examples=40)
@given(policies, st.integers(1, 400), st.integers(0, 5000), st.sampled_from(["dies", "hangs"]))
def test_the_worst_case_is_no_worse_than_the_formula(
    policy: PoolPolicy, ttl_max: int, tenths: int, how: str
) -> None:
    members = (A, B, C)
    world = World(policy, members, ttl_max)
    world.run(tenths / 10)
    if A not in world.answered():
        return
    dead = world.now
    world.services[A] = how
    world.run(dead + 1000)
    assert A not in world.answered()
    gap = max(policy.fast_interval, policy.timeout)
    worst = max(ttl_max, (policy.down - 1) * gap + min(policy.ttl_min, ttl_max))
    assert world.held[A] - dead <= policy.interval + policy.timeout + worst + 1e-6


events = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.sampled_from([0.3, 1.0, 7.0, 40.0, 400.0])),
        st.tuples(st.sampled_from(["dies", "hangs", "lives"]), st.sampled_from([A, B, C])),
        st.tuples(st.sampled_from(["up", "down", "drain", "free"]), st.sampled_from([A, B, C])),
        st.tuples(st.sampled_from(["freeze", "thaw", "edit", "restart"]), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=40)
@given(policies, st.integers(0, 400), events)
def test_what_must_hold_whatever_happens(
    policy: PoolPolicy, ttl_max: int, happened: list[tuple[str, float | str]]
) -> None:
    world = World(policy, (A, B, C), ttl_max)
    for what, which in happened:
        _happen(world, what, which)
        world.decide()
        assert world.state.decide(world.now) == world.state.decide(world.now)
    for now, found in world.history:
        _within_bounds(found, ttl.terms(policy, ttl_max), now)


def _happen(world: World, what: str, which: float | str) -> None:
    member = str(which)
    match what:
        case "run":
            world.run(world.now + float(which))
        case "dies" | "hangs" | "lives":
            world.services[member] = what
        case "up" | "down":
            world.state.force(member, MemberOrder(Forced(what), world.now + 60))
        case "drain":
            world.drain(member, MemberOrder(Forced.DRAIN))
        case "free":
            world.state.force(member, None)
        case "freeze":
            freeze(world.state, "nobody checks")
        case "thaw":
            thaw(world.state, world.now)
        case "edit":
            world.edit((A, B, C), min_up=1)
        case "restart":
            world.restart(5.0)


def _within_bounds(found: Decision, by: ttl.Terms, now: float) -> None:
    assert bool(found.mask) == (found.mode in (Mode.ANSWER, Mode.SOME)), now
    assert found.mask < 8
    because = found.why[-1].removeprefix("TTL: ")
    assert found.ttl <= by.longest
    if because == "too few members are up":
        assert found.ttl == min(by.shortest, 10)
    elif because == "a change is planned":
        assert found.ttl >= min(1, by.longest)
    elif because.endswith("is about to leave"):
        assert found.ttl == 5
    else:
        assert found.ttl >= by.shortest


# -- orders and plans -------------------------------------------------------------------------


@pytest.mark.parametrize("away", [10.0, 1000.0])
def test_an_order_outlives_an_edit_that_takes_its_member_away(away: float) -> None:
    state = pool_of(STABLE, STABLE)
    state.force(A, DOWN)
    state.edit(state.policy, 300, (B,), 100.0)
    assert state.decide(100.0).mask == 1
    stored = state.to_stored(100.0)
    assert {one.address: one.forced for one in stored.members} == {A: Forced.DOWN, B: None}
    state.edit(state.policy, 300, (A, B), 100.0 + away)
    assert state.decide(100.0 + away).mask == 0b10
    assert state.members[A].order == DOWN
    # Nobody has looked at it for a while: it has to show anew that it is well.
    assert state.members[A].state == (MemberState.UP if away < 60 else MemberState.INIT)


def test_an_order_ends_while_its_member_is_away_or_is_taken_back() -> None:
    state = pool_of(STABLE, STABLE, STABLE)
    state.force(A, MemberOrder(Forced.DOWN, 120.0))
    state.force(B, DOWN)
    state.edit(state.policy, 300, (C,), 100.0)
    assert state.next_wakeup(100.0) == 120.0
    state.decide(121.0)
    assert list(state.away) == [B]
    state.force(B, None)
    assert not state.away
    state.edit(state.policy, 300, (A, B, C), 130.0)
    assert not any(one.order for one in state.members.values())


def test_the_operator_is_asked_before_a_member_comes_back_that_was_away() -> None:
    state = pool_of("---", STABLE, failback=Failback("manual"))
    state.edit(state.policy, 300, (B,), 100.0)
    state.edit(state.policy, 300, (A, B), 1000.0)
    for _ in range(10):
        state.members[A].result(1001.0, ok=True)
    assert state.members[A].state == MemberState.HELD


def plan(start: float, forced: Forced = Forced.DOWN, until: float | None = None) -> Directive:
    return Directive(plan=PlannedOrder(start, MemberOrder(forced, until, "new disks")))


def test_a_planned_change_has_its_ttl_lowered_and_ends_by_itself() -> None:
    state = pool_of(STABLE, STABLE)
    state.obey(A, plan(1000.0, until=1600.0))
    assert state.decide(100.0)[:2] == (0b11, 300)
    assert state.next_wakeup(100.0) == pytest.approx(700.0, abs=0.01)
    assert state.decide(800.0)[:2] == (0b11, 200)
    assert state.decide(999.5)[:2] == (0b11, 1)
    assert state.decide(1000.0)[:2] == (0b10, 300)
    assert state.members[A].order == MemberOrder(Forced.DOWN, 1600.0, "new disks")
    assert not state.plans
    assert state.decide(1590.0)[:2] == (0b10, 10)
    assert state.decide(1600.0).mask == 0b11


def test_a_planned_drain_switches_at_once() -> None:
    state = pool_of(STABLE, STABLE)
    state.obey(A, plan(1000.0, Forced.DRAIN))
    assert state.decide(990.0)[:2] == (0b11, 10)
    assert state.decide(1000.2).mask == 0b10
    assert state.drains[A].switched
    assert state.drains[A].switch_at == 1000.0


def test_a_plan_replaces_the_earlier_order() -> None:
    state = pool_of(STABLE, STABLE)
    state.obey(A, plan(200.0)._replace(order=MemberOrder(Forced.UP, 250.0)))
    assert state.decide(200.0).mask == 0b10
    assert state.decide(260.0).mask == 0b10


def test_two_changes_at_one_instant_count_together() -> None:
    """An order ends when the next one begins: nothing changes, and no TTL is lowered."""
    state = pool_of(STABLE, STABLE)
    state.obey(A, plan(200.0)._replace(order=MemberOrder(Forced.DOWN, 200.0)))
    assert state.decide(150.0)[:2] == (0b10, 300)
    assert state.decide(199.5)[:2] == (0b10, 300)
    assert state.decide(200.0)[:2] == (0b10, 300)


def test_members_that_change_places_at_one_instant() -> None:
    state = pool_of(STABLE, STABLE, STABLE, tiers=((A, B), (C,)), min_up=2)
    state.obey(A, plan(200.0))
    state.obey(B, plan(200.0))
    assert state.decide(150.0)[:2] == (0b011, 50)
    assert state.decide(200.0).mask == 0b100
    # Each alone would have changed the answer, too; what they come to is what is told.
    assert state.decide(200.0).why[0].startswith("answering with tier 2")


def test_a_plan_outlives_edits_restarts_and_clocks_that_are_set() -> None:
    state = pool_of(STABLE, STABLE)
    state.obey(A, plan(1000.0, until=2000.0))
    state.edit(state.policy, 300, (B,), 100.0)
    data = encode((state.to_stored(100.0),), Moment(1e9))
    again = PoolState(state.policy, 300, (A, B), 0.0)
    again.restore(decode(data, Moment(1e9 + 300)), 0.0)
    assert again.plans[A].start == 600.0
    assert again.decide(590.0)[:2] == (0b11, 5)
    again.shift_plans(-10.0)
    assert again.decide(590.0).mask == 0b10
    late = PoolState(state.policy, 300, (A, B), 0.0)
    late.restore(decode(data, Moment(1e9 + 1950)), 0.0)  # it was away for all of it
    assert not late.plans
    assert late.members[A].order is None


def test_a_plan_of_a_member_that_is_away_stands() -> None:
    state = pool_of(STABLE, STABLE)
    state.obey(A, plan(1000.0))
    state.edit(state.policy, 300, (B,), 100.0)
    state.decide(900.0)
    assert list(state.away) == [A]
    state.decide(1000.0)
    state.edit(state.policy, 300, (A, B), 1100.0)
    assert state.decide(1100.0).mask == 0b10


def test_a_member_that_was_held_when_it_went_keeps_nothing_awake() -> None:
    state = pool_of("---", STABLE, failback=Failback("hold", 60.0))
    for _ in range(3):
        state.members[A].result(110.0, ok=True)
    assert state.members[A].state == MemberState.HELD
    state.force(A, MemberOrder(Forced.DOWN, 500.0))
    state.edit(state.policy, 300, (B,), 120.0)
    state.decide(200.0)
    assert state.next_wakeup(200.0) == 500.0
