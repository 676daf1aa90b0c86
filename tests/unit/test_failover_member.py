"""A member: every state, every way between them, and what must hold whatever is seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.config.policy import Failback, PoolPolicy
from dnsd.failover.member import OUT, SERVED, Forced, Member, MemberOrder, MemberState
from tests.failover import pool

HOLD = Failback("hold", 300.0)
MANUAL = Failback("manual")


def member(results: str = "", policy: PoolPolicy | None = None) -> Member:
    """Return a member that has seen ``results`` ("+" is a success), one a second."""
    one = Member("192.0.2.1", policy or pool(), 0.0)
    see(one, results)
    return one


def see(one: Member, results: str) -> None:
    for result in results:
        start = one.last.at if one.last else 0.0
        one.result(start + 1, result == "+")


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ("", MemberState.INIT),
        ("+", MemberState.UP),
        ("-", MemberState.INIT),
        ("--", MemberState.INIT),
        ("---", MemberState.DOWN),
        ("-+", MemberState.SUSPECT),
        ("-+++", MemberState.UP),
        ("+-", MemberState.SUSPECT),
        ("+--", MemberState.SUSPECT),
        ("+---", MemberState.DOWN),
        ("+-+-+-", MemberState.DOWN),  # failures need not come in a row
        ("+-++-++-", MemberState.DOWN),
        ("+-+++", MemberState.UP),
        ("+--+++--", MemberState.SUSPECT),  # but three successes in a row clear them
        ("---+", MemberState.RECOVERING),
        ("---++", MemberState.RECOVERING),
        ("---++-", MemberState.DOWN),
        ("---++-++", MemberState.RECOVERING),
        ("---++-+++", MemberState.UP),
        ("---+++-", MemberState.SUSPECT),
    ],
)
def test_states(results: str, state: MemberState) -> None:
    assert member(results).state == state


def test_one_failure_or_success_is_enough_if_the_policy_says_so() -> None:
    hasty = pool(down=1, ok=1, up=1)
    assert member("-", hasty).state == MemberState.DOWN
    assert member("+-", hasty).state == MemberState.DOWN
    assert member("+-+", hasty).state == MemberState.UP
    assert member("+-+-", pool(down=2, ok=1)).state == MemberState.SUSPECT


def test_counters() -> None:
    one = member("++++++")
    assert (one.n_fail, one.n_stable) == (0, 5)
    see(one, "-")
    assert (one.n_fail, one.n_ok, one.n_stable, one.n_before) == (1, 0, 0, 5)
    see(one, "++")
    assert (one.n_fail, one.n_ok, one.n_stable) == (1, 2, 2)
    see(one, "-")
    assert (one.n_fail, one.n_ok, one.n_before) == (2, 0, 5)
    see(one, "--")
    assert (one.n_fail, one.n_ok) == (3, 0)
    see(one, "+")
    assert (one.n_fail, one.n_ok) == (3, 1)


def test_since_is_when_the_state_began() -> None:
    one = member("+++")
    assert one.since == 1.0
    see(one, "--")
    assert one.since == 4.0
    see(one, "--")
    assert one.since == 6.0


def test_who_is_undecided_is_checked_fast() -> None:
    assert member("").pause == 10.0
    assert member("-").pause == 1.0
    assert member("+").pause == 10.0
    assert member("+-").pause == 1.0
    assert member("+-++").pause == 1.0
    assert member("+-+++").pause == 10.0
    assert member("---").pause == 10.0
    assert member("---+").pause == 10.0


# -- failing back -----------------------------------------------------------------------------


def test_it_is_held_for_a_time() -> None:
    one = member("+---+++", pool(failback=HOLD))
    assert (one.state, one.since, one.due) == (MemberState.HELD, 7.0, 307.0)
    see(one, "+++")
    one.tick(306.9)
    assert one.due
    one.tick(307.0)
    assert (one.state, one.n_stable) == (MemberState.UP, 0)


def test_who_fails_while_it_is_held_begins_anew() -> None:
    one = member("+---+++-", pool(failback=HOLD))
    states = [one.state]
    see(one, "++")
    one.tick(1000.0)
    states.append(one.state)
    see(one, "+")
    assert [*states, one.state] == [MemberState.DOWN, MemberState.RECOVERING, MemberState.HELD]
    assert one.since == 11.0


def test_it_is_held_until_the_operator_comes() -> None:
    one = member("+---+++", pool(failback=MANUAL))
    one.tick(1e9)
    assert (one.state, one.due) == (MemberState.HELD, None)
    assert one.fail_back(50.0)
    assert (one.state, one.since) == (MemberState.UP, 50.0)
    assert not one.fail_back(51.0)


@pytest.mark.parametrize("results", ["", "+", "+-", "---", "---+"])
def test_only_who_is_held_can_be_failed_back(results: str) -> None:
    one = member(results, pool(failback=MANUAL))
    before = one.state
    assert not one.fail_back(50.0)
    assert one.state == before


def test_its_first_success_is_no_fail_back() -> None:
    assert member("--+", pool(failback=MANUAL)).state == MemberState.SUSPECT


# -- a dead checker, orders -------------------------------------------------------------------


def test_a_frozen_member_stays_as_it_was() -> None:
    one = member("++--")
    one.freeze("nobody checks")
    see(one, "---+++")
    assert (one.state, one.n_fail) == (MemberState.SUSPECT, 2)
    one.thaw(100.0)
    see(one, "-")
    assert one.state == MemberState.DOWN


def test_a_hold_time_does_not_end_while_checks_cannot_be_made() -> None:
    one = member("---+++", pool(failback=HOLD))
    one.freeze("nobody checks")
    one.tick(1000.0)
    assert (one.state, one.due) == (MemberState.HELD, None)
    one.thaw(1000.0)
    assert one.due == 1300.0
    one.tick(1300.0)
    assert one.state == MemberState.UP


def test_checks_go_on_below_an_order() -> None:
    one = member("+")
    one.force(MemberOrder(Forced.UP, reason="it is well"))
    see(one, "---")
    assert one.state == MemberState.DOWN
    assert one.order == MemberOrder(Forced.UP, None, "it is well")
    one.force(None)
    assert one.order is None


def test_an_order_ends_by_itself_even_if_checks_cannot_be_made() -> None:
    one = member("+")
    one.force(MemberOrder(Forced.DOWN, until=60.0))
    one.freeze("nobody checks")
    assert one.due == 60.0
    one.tick(59.9)
    assert one.order
    one.tick(60.0)
    assert not one.order


def test_without_checks_it_is_up() -> None:
    one = Member("192.0.2.1", pool(check="none"), 0.0)
    assert one.state == MemberState.UP
    assert one.next_possible_change(5.0) is None


# -- another policy ---------------------------------------------------------------------------


def test_another_policy_forgets_nothing() -> None:
    one = member("+++++--")
    one.adopt(pool(down=5), 10.0)
    assert (one.state, one.n_fail) == (MemberState.SUSPECT, 2)
    see(one, "--")
    assert one.n_fail == 4
    see(one, "-")
    assert one.state == MemberState.DOWN


def test_a_stricter_policy_leaves_it_to_the_next_failure() -> None:
    one = member("+---", pool(down=5))
    one.adopt(pool(down=2), 10.0)
    assert (one.state, one.n_fail) == (MemberState.SUSPECT, 1)
    see(one, "-")
    assert one.state == MemberState.DOWN
    one = member("+-", pool(down=5))
    one.adopt(pool(down=1), 10.0)
    assert (one.state, one.n_fail) == (MemberState.UP, 0)


def test_who_is_checked_no_more_is_up() -> None:
    one = member("---")
    one.adopt(pool(check="none"), 10.0)
    assert (one.state, one.last) == (MemberState.UP, None)


def test_who_is_held_under_a_policy_without_holding_comes_back() -> None:
    one = member("---+++", pool(failback=MANUAL))
    one.adopt(pool(), 10.0)
    one.tick(10.0)
    assert one.state == MemberState.UP


# -- what comes next --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "policy", "at"),
    [
        ("", pool(), 20.0),
        ("+" * 20, pool(), 20 + 10 + 2 * 1),
        ("+" * 19 + "-", pool(), 20 + 2 * 1),
        ("+" * 18 + "--", pool(), 20 + 1),
        ("-" * 20, pool(), 20 + 3 * 10),
        ("-" * 19 + "+", pool(), 20 + 2 * 10),
        ("-" * 19 + "+", pool(failback=HOLD), 20 + 2 * 10 + 300),
        ("-" * 19 + "+", pool(failback=MANUAL), None),
        ("-" * 17 + "+++", pool(failback=HOLD), 20 + 300),
        ("-" * 17 + "+++", pool(failback=MANUAL), None),
    ],
)
def test_when_it_can_change_at_the_earliest(
    results: str, policy: PoolPolicy, at: float | None
) -> None:
    assert member(results, policy).next_possible_change(20.0) == at


def test_the_next_change_is_never_in_the_past() -> None:
    assert member("+").next_possible_change(500.0) == 500.0


def test_an_order_and_a_dead_checker_say_when_it_changes() -> None:
    one = member("+")
    one.freeze("nobody checks")
    assert one.next_possible_change(2.0) is None
    one.force(MemberOrder(Forced.UP, until=70.0))
    assert one.next_possible_change(2.0) == 70.0


# -- over a restart ---------------------------------------------------------------------------


@given(st.text("+-", max_size=20), st.sampled_from([Failback(), HOLD, MANUAL]))
def test_what_is_stored_is_restored(results: str, failback: Failback) -> None:
    policy = pool(failback=failback)
    one = member(results, policy)
    one.force(MemberOrder(Forced.DRAIN, until=100.0, reason="new disks"))
    stored = one.to_stored(50.0)
    again = Member("192.0.2.1", policy, 7.0)
    again.restore_state(stored, 3.0, 7.0)
    again.restore_order(stored, 3.0, 7.0)
    assert again.since == pytest.approx(one.since - 46)
    assert again.order == MemberOrder(Forced.DRAIN, 54.0, "new disks")
    assert again.to_stored(4.0) == stored


def test_only_who_waits_for_the_operator_is_remembered_for_long() -> None:
    for results, policy, state in [
        ("+---", pool(failback=MANUAL), MemberState.DOWN),
        ("+---+", pool(failback=MANUAL), MemberState.DOWN),
        ("+---+++", pool(failback=MANUAL), MemberState.DOWN),
        ("+--", pool(failback=MANUAL), MemberState.INIT),
        ("+---", pool(failback=HOLD), MemberState.INIT),
        ("+---", pool(), MemberState.INIT),
    ]:
        again = Member("192.0.2.1", policy, 0.0)
        again.restore_debt(member(results, policy).to_stored(50.0), 0.0)
        assert again.state == state, results


def test_a_held_member_comes_back_if_the_policy_no_longer_holds_any() -> None:
    stored = member("---+++", pool(failback=MANUAL)).to_stored(50.0)
    again = Member("192.0.2.1", pool(), 0.0)
    again.restore_state(stored, 1.0, 0.0)
    assert again.state == MemberState.UP


# -- whatever happens -------------------------------------------------------------------------


@given(
    st.text("+-t", max_size=60),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from([Failback(), Failback("hold", 4.0), MANUAL]),
)
def test_what_must_hold_whatever_is_seen(
    events: str, down: int, ok: int, up: int, failback: Failback
) -> None:
    one = Member("192.0.2.1", pool(down=down, ok=ok, up=up, failback=failback), 0.0)
    row = 0
    for now, event in enumerate(events):
        before = one.state
        if event == "t":
            one.tick(float(now))
        else:
            row = row + 1 if event == "+" else 0
            one.result(float(now), event == "+")
        if before in SERVED and one.state in OUT:
            assert event == "-"
        if before in OUT and one.state in SERVED:
            # Nobody comes back without successes in a row, and then only as the policy says.
            assert row >= up
            assert failback.kind != "manual"
            assert event == "t" or failback.kind == "auto"
        assert (one.state == MemberState.SUSPECT) <= (0 < one.n_fail < down)
        assert (one.state == MemberState.UP) <= (one.n_fail == 0)
        assert (one.state == MemberState.RECOVERING) <= (0 < one.n_ok < up)
        assert one.since <= now
