"""The drain of a member: its phases, what it waits for, and what it never calls SAFE."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.caches.judge import Safety, Verdict
from dnsd.failover.drain import Drain, Phase, Progress, direct, lowered

FORGOTTEN = Verdict(Safety.SAFE, 450.0, 460.0, ("a remark",), ())
HELD = Verdict(Safety.WAIT, 500.0, 560.0, ("caches hold it",), ())
SILENT = Verdict(Safety.UNKNOWN, None, None, ("node fra is silent",), ())


def test_it_lowers_switches_waits_and_is_safe() -> None:
    one = lowered(100.0, horizon=400.0)
    told = [progress(one, 100.0)]
    for now, verdict in [(400.9, FORGOTTEN), (402.0, HELD), (403.0, SILENT), (501.0, FORGOTTEN)]:
        one.judge(now, verdict)
        told.append(progress(one, now))
    longer = ("answers with a longer TTL than 5 s are still in caches",)
    assert told == [
        Progress(Phase.LOWERING, 100.0, 401.0, longer),
        Progress(Phase.LOWERING, 100.0, 401.0, longer),
        Progress(Phase.WAITING, 402.0, 500.0, ("caches hold it",)),
        Progress(Phase.WAITING, 402.0, None, ("node fra is silent",)),
        Progress(Phase.SAFE, 501.0, 450.0, ("a remark",)),
    ]
    one.judge(600.0, FORGOTTEN)
    assert one.since == 501.0


def test_it_switches_in_time_even_if_the_horizon_is_not_asked() -> None:
    one = lowered(100.0, horizon=400.0)
    assert progress(one, 400.9).phase == Phase.LOWERING
    assert progress(one, 401.0) == Progress(
        Phase.WAITING, 401.0, None, ("the ledger has not been consulted yet",)
    )


def progress(one: Drain, now: float) -> Progress:
    one.tick(now)
    return one.progress


def test_safe_does_not_outlive_its_reasons() -> None:
    one = direct(100.0)
    one.judge(100.0, FORGOTTEN)
    assert one.phase == Phase.SAFE
    one.judge(110.0, HELD)
    assert (one.phase, one.since) == (Phase.WAITING, 110.0)


def test_what_is_forgotten_already_is_lowered_for_a_moment_only() -> None:
    assert lowered(100.0, horizon=20.0).switch_at == 101.0


@pytest.mark.parametrize(("at", "phase"), [(105.0, Phase.LOWERING), (500.0, Phase.WAITING)])
def test_it_survives_a_restart(at: float, phase: Phase) -> None:
    one = lowered(100.0, horizon=400.0)
    one.tick(min(at, one.switch_at))
    again = Drain.restored(one.to_stored("192.0.2.1", at), ago=10.0, now=7.0)
    assert again.phase == phase
    assert again.switch_at - 7.0 == one.switch_at - at - 10
    assert 7.0 - again.since == at - one.since + 10


def test_who_was_to_switch_during_the_restart_switches_now() -> None:
    stored = lowered(100.0, horizon=400.0).to_stored("192.0.2.1", 399.0)
    again = Drain.restored(stored, ago=10.0, now=7.0)
    assert (again.phase, again.since) == (Phase.WAITING, 7.0)


def test_what_was_safe_is_to_be_found_so_again() -> None:
    one = direct(100.0)
    one.judge(100.0, FORGOTTEN)
    again = Drain.restored(one.to_stored("192.0.2.1", 110.0), ago=1.0, now=7.0)
    assert (again.phase, again.since) == (Phase.WAITING, -4.0)


@given(
    st.floats(0, 1000),
    st.lists(st.tuples(st.floats(0, 100), st.sampled_from([HELD, FORGOTTEN, SILENT]))),
)
def test_it_is_never_safe_while_anything_is_in_the_way(
    horizon: float, steps: list[tuple[float, Verdict]]
) -> None:
    one = lowered(0.0, horizon)
    now = 0.0
    for seconds, verdict in steps:
        now += seconds
        one.judge(now, verdict)
        assert one.switched == (now >= one.switch_at)
        assert (one.phase == Phase.SAFE) == (one.switched and verdict is FORGOTTEN)
        assert one.phase != Phase.SAFE or now > horizon
