"""TTLs: the table of formulas, their bounds, and that each goes one way with its counter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.config.policy import Failback, PoolPolicy
from dnsd.failover import ttl
from dnsd.failover.member import Member, MemberState
from tests.failover import pool

PLAIN = ttl.terms(pool(), 300)

policies = st.builds(
    pool,
    ttl_min=st.integers(0, 400),
    interval=st.floats(0.1, 4000),
    fast_interval=st.floats(0.05, 100),
    timeout=st.floats(0.01, 100),
    down=st.integers(1, 30),
    ok=st.integers(1, 10),
    up=st.integers(1, 30),
    failback=st.sampled_from([Failback(), Failback("hold", 300.0), Failback("manual")]),
)
many_terms = st.builds(ttl.terms, policies, st.integers(0, 2**31 - 1) | st.integers(0, 600))
counts = st.integers(0, 100)


def test_it_grows_back_with_stability() -> None:
    found = [ttl.steady(PLAIN, n) for n in range(0, 24, 3)]
    assert found == [5, 10, 20, 40, 80, 160, 300, 300]
    assert [ttl.steady(PLAIN, n) for n in (1, 2, 3, 5, 6)] == [5, 5, 10, 10, 20]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"down": 5, "fast_interval": 10.0}, [30, 20, 10, 5]),
        ({"down": 5, "timeout": 10.0}, [30, 20, 10, 5]),
        ({"down": 4, "fast_interval": 2.5, "ttl_min": 1}, [5, 2, 1]),
        ({"down": 5, "fast_interval": 200.0}, [300, 300, 200, 5]),
        ({"down": 2}, [5]),
    ],
)
def test_it_ends_before_a_suspect_can_be_down(changes: dict[str, object], found: list[int]) -> None:
    by = ttl.terms(pool(**changes), 300)
    assert [ttl.suspect(by, n, 1000) for n in range(1, by.down)] == found


def test_a_failure_makes_nothing_longer() -> None:
    by = ttl.terms(pool(down=10, fast_interval=30.0), 300)
    assert ttl.suspect(by, 1, n_before=1000) == 240
    assert ttl.suspect(by, 1, n_before=6) == 20


def test_half_the_longest_is_short_enough_for_good_news() -> None:
    by = ttl.terms(pool(up=30), 301)
    assert [ttl.recovering(by, n) for n in (0, 5, 14, 20, 29)] == [290, 240, 151, 151, 151]
    assert ttl.recovering(ttl.terms(pool(ttl_min=200), 300), 2) == 200
    for kind in ("hold", "manual"):
        held = ttl.terms(pool(failback=Failback(kind, 1.0)), 300)
        assert ttl.recovering(held, 2) == 300


def test_who_is_all_down_is_asked_again_soon() -> None:
    assert ttl.all_down(PLAIN) == 5
    assert ttl.all_down(ttl.terms(pool(ttl_min=60), 300)) == 10
    assert ttl.all_down(ttl.terms(pool(), 3)) == 3


def test_a_planned_change_is_sharp() -> None:
    found = [ttl.planned(PLAIN, 40, left) for left in (100.0, 40.9, 40.0, 39.99, 1.5, 0.2, 0.0)]
    assert found == [40, 40, 40, 39, 1, 1, 1]
    assert ttl.planned(ttl.terms(pool(), 0), 0, 10.0) == 0


def test_the_zone_file_bounds_what_the_policy_says() -> None:
    by = ttl.terms(pool(ttl_min=60), 30)
    assert (by.shortest, by.longest) == (30, 30)
    assert ttl.terms(pool(), 2**31 - 1).longest == 2**24 - 1


@pytest.mark.parametrize(
    ("results", "policy", "state", "seconds"),
    [
        ("", pool(), MemberState.INIT, 5),
        ("--", pool(), MemberState.INIT, 5),
        ("+" * 10, pool(), MemberState.UP, 40),
        ("+" * 99 + "-", pool(down=5, fast_interval=10.0), MemberState.SUSPECT, 30),
        ("---", pool(), MemberState.DOWN, 150),
        ("---+", pool(), MemberState.RECOVERING, 150),
        ("---", pool(up=20), MemberState.DOWN, 190),
        ("---", pool(failback=Failback("manual")), MemberState.DOWN, 300),
        ("---+++", pool(failback=Failback("manual")), MemberState.HELD, 300),
    ],
)
def test_every_state_has_its_formula(
    results: str, policy: PoolPolicy, state: MemberState, seconds: int
) -> None:
    one = Member("192.0.2.1", policy, 0.0)
    for now, result in enumerate(results):
        one.result(float(now), result == "+")
    by = ttl.terms(policy, 300)
    assert (one.state, ttl.member_ttl(by, one)) == (state, seconds)
    one.freeze("nobody checks")
    assert ttl.member_ttl(by, one) == 5


@given(many_terms, counts, counts, counts)
def test_each_is_within_its_bounds_and_goes_one_way(
    by: ttl.Terms, n_fail: int, n_ok: int, n_stable: int
) -> None:
    n_fail, n_ok = n_fail % by.down, n_ok % by.up
    steady, suspect = ttl.steady(by, n_stable), ttl.suspect(by, n_fail, n_stable)
    recovering = ttl.recovering(by, n_ok)
    for found in (steady, suspect, recovering):
        assert by.shortest <= found <= by.longest
    assert steady <= ttl.steady(by, n_stable + 1)
    assert suspect <= steady
    assert ttl.suspect(by, n_fail + 1, n_stable) <= suspect
    assert suspect <= ttl.suspect(by, n_fail, n_stable + 1)
    assert ttl.recovering(by, n_ok + 1) <= recovering
    assert 2 * recovering >= by.longest
    assert ttl.all_down(by) <= min(10, by.longest)


@given(many_terms)
def test_a_stable_member_gets_back_to_the_longest(by: ttl.Terms) -> None:
    assert ttl.steady(by, 30 * by.ok) == by.longest


@given(many_terms, st.integers(0, 2**24), st.floats(0, 1e6))
def test_a_planned_change_never_makes_it_longer(by: ttl.Terms, found: int, left: float) -> None:
    found = min(found, by.longest)
    seconds = ttl.planned(by, found, left)
    assert seconds <= found
    assert seconds <= max(1.0, left)
    assert seconds >= min(1, found)
