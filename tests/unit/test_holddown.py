"""How long a node stays away, under a clock that the test turns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dnsd.announce.holddown import CALM_S, LONGEST_S, HoldDown


def lengths(hold: HoldDown, pauses: list[float]) -> list[float]:
    """How long each hold-down is that begins so many seconds after the last was over."""
    now = 1000.0
    found = []
    for pause in pauses:
        now += pause
        hold.start(now)
        found.append(hold.left(now))
        now += hold.left(now)
    return found


def test_without_a_failure_there_is_nothing_to_wait_for() -> None:
    assert HoldDown(10.0).left(0.0) == 0.0


def test_it_runs_out() -> None:
    hold = HoldDown(10.0)
    hold.start(100.0)
    assert [hold.left(now) for now in (100.0, 104.0, 110.0, 200.0)] == [10.0, 6.0, 0.0, 0.0]


def test_it_doubles_up_to_its_limit() -> None:
    assert lengths(HoldDown(10.0), [1.0] * 8) == [10, 20, 40, 80, 160, 300, 300, 300]


def test_it_is_forgotten_after_a_long_calm() -> None:
    assert lengths(HoldDown(10.0), [0, CALM_S - 1, CALM_S - 1, CALM_S, 1]) == [10, 20, 40, 10, 20]


def test_it_is_forgotten_when_somebody_says_so() -> None:
    hold = HoldDown(10.0)
    lengths(hold, [1.0] * 5)
    hold.start(9000.0)
    hold.forgive()
    assert hold.left(9000.0) == 0.0
    hold.start(9001.0)
    assert hold.left(9001.0) == 10.0


def test_none_is_wanted() -> None:
    assert lengths(HoldDown(0.0), [1.0] * 4) == [0.0] * 4


@given(
    st.floats(0, LONGEST_S),
    st.lists(st.floats(0, 2 * CALM_S), min_size=1, max_size=30),
)
def test_it_is_never_shorter_than_the_first_nor_longer_than_the_limit(
    first: float, pauses: list[float]
) -> None:
    hold = HoldDown(first)
    now = 0.0
    for pause in pauses:
        now += pause
        hold.start(now)
        assert first <= hold.left(now) + 1e-6
        assert hold.left(now) <= LONGEST_S + 1e-6
        assert hold.left(now + LONGEST_S) <= 1e-6
