"""When users are back: against caches and checks that are played one event at a time."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsd.failover.objective import WHOLE_S, Timing, fixed_worst, worst
from dnsd.failover.ttl import Terms, suspect
from dnsd.ttladvice.demand import Caches
from dnsd.ttladvice.recovery import Floors, Recovery, adaptive, fixed

TIMING = Timing(10.0, 2.0, 1.0, 3, 0.26)
TRIALS = 1500
NONE = Floors(0.0, 60.0)


def back(
    chance: random.Random, timing: Timing, rate: float, ttls: tuple[int, int], floor: float
) -> float:
    """Play one failure at 0; return when the users of one cache are back."""
    longest, least = ttls
    first = chance.uniform(0, timing.interval) + timing.timeout
    seen = [first + number * timing.gap for number in range(timing.down)]
    change = seen[-1] + timing.delays
    by = Terms(least, longest, timing.interval, timing.gap, timing.down, 1, 1, automatic=True)
    # Caches are in no step with each other: this one begins at any point of its cycle.
    cycle = max(longest, floor) + 0.5 + 1 / rate
    until = now = -chance.uniform(5, 6) * cycle
    while now < change:
        failed = sum(at <= now for at in seen)
        ttl = longest if not failed else suspect(by, min(failed, timing.down - 1), 10_000)
        until = now + max(ttl, floor) + chance.random()
        now = until + chance.expovariate(rate)
    return max(change, until)


def played(
    timing: Timing, ttls: tuple[int, int], users: list[Caches], floors: Floors
) -> list[float]:
    """Return the times of many failures, in order."""
    chance = random.Random(5)
    weights = [group.count * group.rate for group in users]
    found = []
    for _ in range(TRIALS):
        (group,) = chance.choices(users, weights)
        floor = floors.seconds if chance.random() < floors.share else 0.0
        found.append(back(chance, timing, group.rate, ttls, floor))
    return sorted(found)


def _is_like(found: Recovery, times: list[float], longest: float) -> None:
    """Compare quantiles; three standard deviations of them are 5 % of the longest TTL."""
    tolerance = 0.6 + 0.05 * longest
    assert found.median == pytest.approx(times[TRIALS // 2], abs=tolerance)
    assert found.p95 == pytest.approx(times[TRIALS * 95 // 100], abs=tolerance)
    assert times[-1] <= max(found.worst, found.floored)


USERS = [Caches(10, 2.0), Caches(100, 0.05), Caches(1000, 0.002)]


@pytest.mark.parametrize("ttl", [5, 47, 300])
@pytest.mark.parametrize("floors", [NONE, Floors(0.3, 60.0)])
def test_half_of_the_users_and_95_percent(ttl: int, floors: Floors) -> None:
    longest = max(ttl, floors.seconds if floors.share else 0)
    times = played(TIMING, (ttl, 5), USERS, floors)
    _is_like(adaptive(TIMING, ttl, 5, USERS, floors), times, longest)
    # A TTL that never changes is one that the suspicion does not shorten.
    times = played(TIMING, (ttl, ttl), USERS, floors)
    _is_like(fixed(TIMING, ttl, USERS, floors), times, longest)


def test_the_first_failure_may_be_the_last_one() -> None:
    timing = TIMING._replace(down=1)
    times = played(timing, (60, 5), USERS, NONE)
    _is_like(adaptive(timing, 60, 5, USERS, NONE), times, 60)


_timings = st.builds(
    Timing,
    interval=st.sampled_from([2.0, 10.0, 30.0]),
    timeout=st.sampled_from([0.5, 2.0]),
    fast_interval=st.sampled_from([0.5, 2.0]),
    down=st.integers(1, 5),
    delays=st.sampled_from([0.26, 2.0]),
    queue=st.sampled_from([0.0, 4.0]),
)
_floors = st.builds(Floors, st.floats(0, 1), st.sampled_from([0.0, 30.0, 60.0]))
_users = st.lists(st.builds(Caches, st.floats(1, 1e4), st.floats(1e-5, 1e3)), max_size=4)


@given(_timings, _floors, _users, st.integers(1, 86_400), st.integers(1, 30))
@settings(max_examples=60)
def test_dnsd_is_never_later_than_a_fixed_ttl_and_never_later_than_the_worst(
    timing: Timing, floors: Floors, users: list[Caches], ttl: int, ttl_min: int
) -> None:
    still, moves = fixed(timing, ttl, users, floors), adaptive(timing, ttl, ttl_min, users, floors)
    slack = 1e-3 * (ttl + 100)
    for one in (still, moves):
        assert 0 < one.median <= one.p95 + slack
        assert one.p95 <= max(one.worst, one.floored) + slack
        assert one.worst <= one.floored + slack
    assert still.worst == fixed_worst(timing, ttl)
    assert moves.worst == worst(timing, ttl, ttl_min)
    assert moves.worst <= still.worst
    assert all(a <= b + slack for a, b in zip(moves, still, strict=True))


def test_floors_and_whole_seconds_are_in_it() -> None:
    floors = Floors(0.087, 60.0)
    found = adaptive(TIMING, 47, 5, USERS, floors)
    assert found.worst == pytest.approx(10 + 2 + 47 + WHOLE_S + 0.26)
    # What a resolver fetched just before the change it holds for 60 s, however short its TTL.
    assert found.floored == pytest.approx(10 + 2 + 4 + 60 + WHOLE_S + 0.26)
    none = adaptive(TIMING, 47, 5, USERS, NONE)
    assert none.p95 < found.p95 < found.floored


def test_without_a_demand_every_cache_is_taken_to_hold_an_answer() -> None:
    full = adaptive(TIMING, 47, 5, [Caches(1, 1e9)], NONE)
    assert adaptive(TIMING, 47, 5, [], NONE)[:2] == pytest.approx(full[:2], abs=0.01)


def test_nothing_is_held_with_a_ttl_of_0() -> None:
    assert fixed(TIMING, 0, USERS, NONE).median == pytest.approx(10 / 2 + 2 + 4 + 0.26, abs=0.7)


def test_longer_ttls_are_felt_longer() -> None:
    found = [adaptive(TIMING, ttl, 5, USERS, Floors()) for ttl in (1, 10, 60, 600, 3600)]
    assert all(a.p95 <= b.p95 and a.worst <= b.worst for a, b in pairwise(found))
