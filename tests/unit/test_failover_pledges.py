"""What a node that runs tells of its promises, and of checks that are late."""

from __future__ import annotations

import msgspec
import pytest

from dnsd.config import Failover
from dnsd.control.failover.checking import MemberChecks
from dnsd.control.failover.live import LivePool
from dnsd.control.failover.pledges import LATE_S, Pledges
from dnsd.process import log
from tests.unit.test_commitments import pools

FAILOVER = Failover()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(log, "say", lambda _event, line, **_about: lines.append(line))
    return lines


def live(origin: str, count: int, **changes: object) -> list[LivePool]:
    return [LivePool(origin, meta, 0.0) for meta in pools(origin, count, **changes)]


def test_a_promise_that_others_break_is_told_once_and_again_when_it_holds(said: list[str]) -> None:
    pledges = Pledges(FAILOVER, FAILOVER.limits)
    (mine,) = live("a.", 1, rto=10.0)
    others = live("b.", 40)
    pledges.review([mine])
    assert (pledges.broken, pledges.longest_wait, said) == ({}, 0.0, [])
    pledges.review([mine, *others])
    pledges.review([mine, *others])
    assert list(pledges.broken) == [mine]
    assert "41 checks of 192.0.2.1, 16 at once" in pledges.broken[mine]
    assert len(said) == 1
    assert said[0].startswith("failover: n0.a. A: the recovery time objective is not met any more:")
    pledges.review([mine])
    assert said[1:] == ["failover: n0.a. A: the recovery time objective is met again"]
    assert pledges.broken == {}


def test_an_edit_of_a_pool_itself_counts(said: list[str]) -> None:
    pledges = Pledges(FAILOVER, FAILOVER.limits)
    (mine,) = live("a.", 1, rto=10.0)
    pledges.review([mine])
    mine.meta = msgspec.structs.replace(mine.meta, ttl=300)
    pledges.review([mine])
    assert list(pledges.broken) == [mine]
    assert len(said) == 1


def test_checks_that_wait_as_long_as_promises_allow_are_not_late(said: list[str]) -> None:
    pledges = Pledges(FAILOVER, FAILOVER.limits)
    pledges.review(live("b.", 40))
    allowed = pledges.longest_wait
    assert allowed > 2
    pledges.watch(allowed + LATE_S - 0.01)
    assert said == []
    pledges.watch(allowed + LATE_S)
    pledges.watch(allowed + 9)
    assert len(said) == 1
    assert said[0].startswith(
        "failover: checks are 3.3 s behind their schedule, and promises allow"
    )
    pledges.watch(0.0)
    assert said[1:] == ["failover: checks are in time again"]


def test_the_first_round_of_checks_includes_their_queue() -> None:
    """Else a node would be announced, or an earlier answer forgotten, before all were checked."""
    few, many = MemberChecks(id), MemberChecks(id)
    few.follow(live("a.", 1), [])
    many.follow(live("b.", 40), [])
    wait = Pledges(FAILOVER, FAILOVER.limits).longest_wait_of(live("b.", 40))
    assert wait > 2
    assert many.first_round == pytest.approx(few.first_round + wait)


def test_promises_are_held_against_the_descriptors_that_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _which: (20, 20))
    checking = MemberChecks(lambda _: None, failover=Failover(max_checks=11))
    assert checking.pledges._limits.total == 10
    (problem,) = checking.problems
    assert problem.startswith(
        "max_checks is 11, but half of the file descriptors of a process allow only 10"
    )
    assert not MemberChecks(lambda _: None, failover=Failover(max_checks=10)).problems
