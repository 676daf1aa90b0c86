"""How long a node stays away, under a clock that the test turns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dnsd.announce.damping import CALM_S, LONGEST_S, Damping, Hold, HoldDown, Past


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


def test_an_order_ends_the_wait_and_not_the_series() -> None:
    hold = HoldDown(10.0)
    lengths(hold, [1.0] * 2)
    hold.start(2000.0 - CALM_S)
    assert hold.left(2000.0 - CALM_S) == 40.0
    hold.end(2000.0 - CALM_S)
    assert hold.left(2000.0 - CALM_S) == 0.0
    hold.start(2001.0 - CALM_S)
    assert hold.left(2001.0 - CALM_S) == 80.0
    hold.end(2500.0)  # too late to make it longer
    assert hold.hold == Hold(80.0, 2081.0 - CALM_S)


def test_a_lenient_series_begins_with_no_wait() -> None:
    assert lengths(HoldDown(10.0, lenient=True), [1, 1, 1, 1, CALM_S, 1]) == [0, 10, 20, 40, 0, 10]


def test_a_successor_goes_on_where_its_predecessor_was() -> None:
    first = Damping(10.0)
    first.away.start(100.0)
    first.away.start(120.0)
    first.repair.start(130.0)
    past = first.past(on_route=True)
    second = Damping(10.0, past)
    assert second.past(on_route=True) == past
    assert second.away.left(130.0) == 10.0
    second.repair.start(131.0)
    assert second.repair.left(131.0) == 10.0


def test_times_of_another_boot_end_now() -> None:
    past = Past(Hold(40.0, 1e9), Hold(), Hold(10.0, 5.0), on_route=True).of_earlier_boot(7.0)
    assert past == Past(Hold(40.0, 7.0), Hold(), Hold(10.0, 7.0), on_route=False)


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
