"""Whether a backend is up, and whether enough of them are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.announce.health import Level
from dnsd.balance.backend import Backend, BackendState
from dnsd.balance.verdict import NAMED, verdict

A, B = "10.0.0.1", "fd00::1"


def backend(*lanes: str, **more: BackendState) -> Backend:
    return Backend(lanes or (A,), fall=3, rise=2, **more)


def test_it_is_unknown_until_enough_results_say_one_thing() -> None:
    one = backend()
    assert one.state == BackendState.UNKNOWN
    one.good(A, 1.0)
    assert one.state == BackendState.UNKNOWN
    one.good(A, 2.0)
    assert (one.state, one.since) == (BackendState.UP, 2.0)


def test_it_goes_down_after_fall_results_in_a_row() -> None:
    one = backend(state=BackendState.UP)
    for now in (1.0, 2.0):
        one.bad(A, "is ill", now)
    one.good(A, 3.0)
    for now in (4.0, 5.0):
        one.bad(A, "is ill", now)
    assert one.state == BackendState.UP
    assert one.in_doubt(A)
    one.bad(A, "is ill", 6.0)
    assert (one.state, one.since, one.why) == (BackendState.DOWN, 6.0, f"{A}: is ill")
    assert not one.in_doubt(A)


def test_what_is_certain_counts_at_once_and_comes_back_like_all_else() -> None:
    one = backend(state=BackendState.UP)
    one.bad(A, "refuses", 1.0, certain=True)
    assert one.state == BackendState.DOWN
    one.good(A, 2.0)
    assert one.state == BackendState.DOWN
    assert one.in_doubt(A)
    one.good(A, 3.0)
    assert (one.state, one.why) == (BackendState.UP, "")


def test_one_address_of_two_that_is_down_takes_the_backend() -> None:
    one = backend(A, B, state=BackendState.UP)
    one.bad(B, "is ill", 1.0, certain=True)
    assert (one.state, one.why) == (BackendState.DOWN, f"{B}: is ill")


@given(st.lists(st.booleans()))
def test_silence_changes_nothing_and_counting_is_in_a_row(results: list[bool]) -> None:
    """Against the plainest model: the state is that of the last row that was long enough."""
    one = backend()
    expected = BackendState.UNKNOWN
    row: list[bool] = []
    for good in results:
        one.good(A, 0.0) if good else one.bad(A, "is ill", 0.0)
        row = [*row, good] if row[-1:] in ([], [good]) else [good]
        if len(row) >= (2 if good else 3):
            expected = BackendState.UP if good else BackendState.DOWN
        assert one.state == expected


# -- are there enough? ------------------------------------------------------------------------


def group(up: int, down: int, unknown: int = 0) -> dict[str, Backend]:
    states = [BackendState.UP] * up + [BackendState.DOWN] * down + [BackendState.UNKNOWN] * unknown
    return {f"b{number}": backend(state=state) for number, state in enumerate(states)}


@pytest.mark.parametrize(
    ("up", "down", "level"), [(3, 0, Level.HEALTHY), (2, 1, Level.HEALTHY), (1, 2, Level.FAILED)]
)
def test_min_backends_decides(up: int, down: int, level: Level) -> None:
    found = verdict(group(up, down), 2, all_checked=False)
    assert found is not None
    assert found.level == level


def test_a_backend_that_is_unknown_is_waited_for_until_there_was_time_enough() -> None:
    assert verdict(group(2, 0, 1), 1, all_checked=False) is None
    found = verdict(group(2, 0, 1), 1, all_checked=True)
    assert found is not None
    assert found.level == Level.HEALTHY
    found = verdict(group(0, 0, 3), 1, all_checked=True)
    assert found is not None
    assert found.level == Level.FAILED


def test_reasons_name_those_that_are_down_and_count_the_rest() -> None:
    found = verdict(group(0, NAMED + 2), 1, all_checked=True)
    assert found is not None
    assert found.reasons[0] == "too few backends are up (0 of 6 backends up, 1 needed)"
    assert found.reasons[1] == "backend b0 is down"
    assert found.reasons[-1] == "2 more are not up"
