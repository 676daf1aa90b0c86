"""Objectives: no simulated outage is longer than the formula, and none of its terms is idle."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.failover.objective import (
    FLIP_S,
    WHOLE_S,
    Timing,
    alternatives,
    assess,
    fixed_worst,
    largest_ttl,
    longest_queue,
    worst,
)
from dnsd.failover.price import Live

TIMING = Timing(interval=10.0, timeout=2.0, fast_interval=1.0, down=3)

timings = st.builds(
    Timing,
    interval=st.sampled_from([2.0, 5.0, 10.0, 30.0]),
    timeout=st.sampled_from([0.5, 1.0, 2.0]),
    fast_interval=st.sampled_from([0.5, 1.0, 2.0]),
    down=st.integers(1, 5),
    delays=st.just(FLIP_S),
    queue=st.sampled_from([0.0, 0.0, 0.7, 4.0]),
)


def failures(timing: Timing, chance: random.Random, slow: bool) -> list[float]:
    """Return when each failure is seen, of a member that dies at 0."""
    # At worst a check begins just before, and is answered.
    start = timing.interval if slow else chance.uniform(0, timing.interval)
    seen = []
    for _ in range(timing.down):
        start += timing.queue if slow else chance.uniform(0, timing.queue)
        seen.append(start + (timing.timeout if slow else chance.uniform(0, timing.timeout)))
        start += timing.gap - timing.queue
    return seen


def wire_ttl(timing: Timing, failed: int, ttl_max: int, ttl_min: int) -> float:
    if failed == 0:
        return ttl_max
    low = min(ttl_min, ttl_max)
    return max(low, min(ttl_max, int((timing.down - failed - 1) * (timing.gap - timing.queue))))


def outage(seed: int, timing: Timing, ttl_max: int, ttl_min: int, slow: bool) -> float:
    """Return when the last of some caches has forgotten a member that dies at 0.

    Each counts whole seconds, which begin at a moment of its own, and holds through second n + T.
    """
    chance = random.Random(seed)
    seen = failures(timing, chance, slow)
    flip = seen[-1] + FLIP_S
    last = 0.0
    # Caches that fetch just before each change, and those whose clients ask at random.
    moments = [at - 1e-6 for at in (*seen, flip)]
    for demand in (0.05, 0.5, 5.0):
        now = -ttl_max + chance.expovariate(demand)
        while now < flip:
            moments.append(now)
            failed = sum(at <= now for at in seen)
            now += wire_ttl(timing, min(failed, timing.down - 1), ttl_max, ttl_min)
            now += chance.expovariate(demand)
    for at in moments:
        failed = min(sum(when <= at for when in seen), timing.down - 1)
        begins = 1.0 if slow else chance.uniform(0, 1)
        last = max(last, at + begins + wire_ttl(timing, failed, ttl_max, ttl_min))
    return last


@given(timings, st.integers(1, 300), st.integers(1, 30), st.integers(0, 9999), st.booleans())
def test_no_outage_is_longer_than_the_formula(
    timing: Timing, ttl_max: int, ttl_min: int, seed: int, slow: bool
) -> None:
    assert outage(seed, timing, ttl_max, ttl_min, slow) <= worst(timing, ttl_max, ttl_min)


@given(timings, st.integers(1, 300), st.integers(1, 30))
def test_the_formula_is_reached(timing: Timing, ttl_max: int, ttl_min: int) -> None:
    reached = outage(0, timing, ttl_max, ttl_min, slow=True)
    assert reached == pytest.approx(worst(timing, ttl_max, ttl_min), abs=2 * FLIP_S)


def test_the_terms() -> None:
    assert TIMING.gap == 2.0
    assert TIMING.detection == 16.0
    assert fixed_worst(TIMING, 30) == pytest.approx(46.01 + WHOLE_S)
    assert worst(TIMING, 30, 5) == pytest.approx(42.01 + WHOLE_S)
    assert worst(TIMING, 6, 5) == pytest.approx(21.01 + WHOLE_S)
    assert worst(TIMING, 3, 5) == pytest.approx(19.01 + WHOLE_S)
    assert worst(TIMING._replace(delays=5.0), 30, 5) == 47.0 + WHOLE_S


@given(timings, st.integers(1, 30), st.floats(1, 400))
def test_the_largest_ttl_meets_the_objective_and_the_next_does_not(
    timing: Timing, ttl_min: int, objective: float
) -> None:
    largest = largest_ttl(timing, ttl_min, objective)
    slack = 1e-6
    if largest is None:
        assert worst(timing, 1, ttl_min) > objective - slack
        return
    assert worst(timing, largest, ttl_min) <= objective + slack
    assert worst(timing, largest + 1, ttl_min) > objective - slack


@given(timings, st.integers(1, 300), st.integers(1, 30), st.floats(1, 400))
def test_the_longest_queue_meets_the_objective_and_a_longer_one_does_not(
    timing: Timing, ttl_max: int, ttl_min: int, objective: float
) -> None:
    longest = longest_queue(timing, ttl_max, ttl_min, objective)
    slack = 1e-6
    if longest < 0:
        assert worst(timing._replace(queue=0.0), ttl_max, ttl_min) > objective - slack
        return
    assert worst(timing._replace(queue=longest), ttl_max, ttl_min) <= objective + slack
    assert worst(timing._replace(queue=longest + 0.001), ttl_max, ttl_min) > objective - slack


@given(timings, st.integers(1, 600), st.integers(1, 30), st.floats(1, 400))
def test_alternatives_meet_the_objective_and_none_is_plainly_better(
    timing: Timing, ttl_max: int, ttl_min: int, objective: float
) -> None:
    found = alternatives(timing, ttl_max, ttl_min, objective, Live(10.0, ttl_max))
    for one in found:
        assert one.worst <= objective + 1e-6
        assert 1 <= one.ttl_max <= ttl_max
        assert one.timing.timeout == timing.timeout
        assert one.checks == 1 / one.timing.interval
        assert one.queries is not None
        assert one.queries.least == 10.0
    for one in found:
        merits = (one.ttl_max, one.timing.interval, one.timing.down, one.timing.fast_interval)
        for other in found:
            theirs = other.ttl_max, other.timing.interval, other.timing.down
            better = (*theirs, other.timing.fast_interval)
            assert better == merits or any(b < m for b, m in zip(better, merits, strict=True))


def test_an_objective_that_is_met() -> None:
    found = assess(TIMING, 30, 5, objective=60.0)
    assert found.met
    assert found.largest == 46
    assert "the worst case is 43s10ms" in found.sentence()
    assert "within the objective of 1m" in found.sentence()
    assert assess(TIMING, 30, 5).met
    assert "no objective" in assess(TIMING, 30, 5).sentence()


def test_an_objective_that_is_missed_says_what_would_meet_it() -> None:
    found = assess(TIMING, 300, 5, objective=60.0)
    assert not found.met
    assert "over the objective of 1m: it needs a TTL of at most 46, or interval" in found.sentence()
    assert found.alternatives
    assert all(one.worst <= 60 for one in found.alternatives)


def test_an_objective_that_no_ttl_can_meet_with_this_timeout() -> None:
    found = assess(TIMING, 300, 5, objective=2.0)
    assert found.largest is None
    assert found.alternatives == ()
    assert "shorten the timeout" in found.sentence()


def test_an_objective_that_only_faster_checks_can_meet() -> None:
    found = assess(TIMING, 300, 5, objective=10.0)
    assert found.largest is None
    assert found.sentence().count("interval") == 3
    assert "it needs interval" in found.sentence()
