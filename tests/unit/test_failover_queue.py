"""How long a check waits: never longer than the formula says, whatever hangs and whenever."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dnsd.checks.schedule import BURST, HEADROOM, LEAST_RATE, CheckGroup, Schedule
from dnsd.config import CheckLimits
from dnsd.failover.queue import COMMANDS, CheckPace, Queue

PACE = CheckPace(BURST, LEAST_RATE, HEADROOM)
TINY = 1e-6

LIMITS = st.builds(
    CheckLimits, st.sampled_from([2, 3, 5, 8, 500]), st.integers(1, 4), st.integers(1, 4)
)
TARGETS = st.lists(
    st.tuples(
        st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3", COMMANDS]),
        st.sampled_from([0.1, 0.5, 1.0, 2.0]),  # time-out
        st.sampled_from([0.2, 1.0, 2.0, 5.0]),  # interval
        st.floats(0, 1),  # the share of checks that hang
    ),
    min_size=1,
    max_size=30,
)


def longest_waits(
    targets: list[tuple[str, float, float, float]], limits: CheckLimits, seed: int
) -> list[float]:
    """Return how long after its deadline a check of each target began, at the worst."""
    chance = random.Random(seed)
    now = 0.0
    schedule: Schedule[int] = Schedule(random.Random(seed), now)
    schedule.add([(at, one[2], _groups(one[0], limits)) for at, one in enumerate(targets)], now)
    waits = [0.0] * len(targets)
    under_way: list[tuple[float, int, object]] = []
    began: dict[int, float] = {}
    while now < 40:
        hangs = now > 8  # the first checks are spread, and promised to nobody
        deadlines = {one.key: one.deadline for one in schedule._entries.values()}
        for entry in schedule.due(now):
            began[entry.key] = now
            if hangs:
                waits[entry.key] = max(waits[entry.key], now - deadlines[entry.key])
            _, timeout, _, share = targets[entry.key]
            takes = timeout if hangs and chance.random() < share else 0.001
            under_way.append((now + takes, len(under_way), entry))
        following = schedule.next(now)
        times = [end for end, _, _ in under_way] + ([] if following is None else [following])
        now = max(min(times), now)
        for one in [one for one in under_way if one[0] <= now]:
            under_way.remove(one)
            schedule.ended(one[2], now)  # type: ignore[arg-type]
    return waits


def _groups(line: str, limits: CheckLimits) -> tuple[CheckGroup, ...]:
    most = limits.commands if line == COMMANDS else limits.address
    return CheckGroup("", limits.total), CheckGroup(line or "command", most)


def queue_of(targets: list[tuple[str, float, float, float]], limits: CheckLimits) -> Queue:
    queue = Queue(limits, PACE)
    for line, timeout, interval, _ in targets:
        queue.add(line, timeout, interval)
    return queue


@settings(max_examples=60)
@given(TARGETS, LIMITS, st.integers(0, 99))
@example([("192.0.2.1", 2.0, 1.0, 1.0)] * 20, CheckLimits(500, 4, 4), 1)
@example([(COMMANDS, 1.0, 1.0, 1.0)] * 30, CheckLimits(500, 4, 4), 1)
@example([("192.0.2.1", 1.0, 1.0, 1.0), ("192.0.2.2", 1.0, 1.0, 1.0)] * 12, CheckLimits(5, 4, 4), 1)
def test_no_check_waits_longer_than_the_formula_says(
    targets: list[tuple[str, float, float, float]], limits: CheckLimits, seed: int
) -> None:
    queue = queue_of(targets, limits)
    waits = longest_waits(targets, limits, seed)
    for (line, *_), wait in zip(targets, waits, strict=True):
        assert wait <= queue.wait(line).seconds + TINY


def test_the_wait_in_a_line_is_reached() -> None:
    """The formula is no wild guess: it is met within one time-out."""
    targets = [("192.0.2.1", 1.0, 1.0, 1.0)] * 21
    limits = CheckLimits(500, 4, 4)
    found = queue_of(targets, limits).wait("192.0.2.1")
    assert found.seconds == pytest.approx(5.0 + (21 - BURST) / LEAST_RATE, abs=0.001)
    assert max(longest_waits(targets, limits, 1)) > 3.0


@pytest.mark.parametrize(
    ("count", "most", "seconds"),
    [(1, 1, 0.0), (4, 4, 0.0), (5, 4, 1.0), (8, 4, 7 / 4), (9, 4, 2.0), (10, 1, 9.0)],
)
def test_a_line_of_equal_checks(count: int, most: int, seconds: float) -> None:
    limits = CheckLimits(500, most, 1)
    found = queue_of([("192.0.2.1", 1.0, 5.0, 1.0)] * count, limits).wait("192.0.2.1")
    assert found.seconds == min(seconds, (count - 1) // most)
    assert bool(found.terms) == bool(seconds)


def test_short_checks_before_a_long_one_count_with_their_own_time() -> None:
    queue = queue_of([("a", 9.0, 9.0, 1.0)] + [("a", 0.1, 9.0, 1.0)] * 5, CheckLimits(500, 1, 1))
    assert queue.wait("a").seconds == pytest.approx(9.4)


def test_the_terms_say_where_checks_wait() -> None:
    targets = [("192.0.2.1", 1.0, 1.0, 1.0)] * 20 + [(COMMANDS, 1.0, 1.0, 1.0)] * 20
    queue = queue_of(targets, CheckLimits(6, 4, 8))
    assert queue.wait("192.0.2.1").terms == (
        "4s: 20 checks of 192.0.2.1, 4 at once; "
        "11s: 40 checks in all, 6 at once; 120ms: 40 checks in all, 250 begin a second"
    )
    assert queue.wait(COMMANDS).terms.startswith("2s: 20 checks by command, 8 at once; ")


def test_how_many_at_once_would_be_enough() -> None:
    queue = queue_of([("a", 1.0, 1.0, 1.0)] * 10, CheckLimits(500, 2, 2))
    assert queue.wait("a").seconds == 4.0
    assert queue.wide_enough("a", 4.0) == 3  # more than there are now, at the least
    assert queue.wide_enough("a", 2.0) == 4
    assert queue.wide_enough("a", 0.0) == 10
    assert queue_of([("a", 1.0, 1.0, 1.0)] * 10, CheckLimits(3, 2, 2)).wide_enough("a", 0.0) is None
