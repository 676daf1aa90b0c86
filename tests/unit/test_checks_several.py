"""Several checks that count as one, and calculated ones: silence is never health."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.checks.calculated import CalculatedCheck, CalculatedState
from dnsd.checks.result import Blind, PartResult, Result
from dnsd.checks.several import SeveralChecks
from dnsd.config.references import Reference
from dnsd.failover.combine import combined

if TYPE_CHECKING:
    from dnsd.checks.calculated import States

VERDICTS = st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=6)
DB, API = Reference("db.example.com.", "A"), Reference("api.example.com.", "A", "192.0.2.1")


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[bool | None], int]:
    verdicts = draw(VERDICTS)
    return verdicts, draw(st.integers(1, len(verdicts)))


# -- the logic ----------------------------------------------------------------------------------


@given(cases())
def test_the_whole_is_known_only_if_what_is_missing_cannot_change_it(
    case: tuple[list[bool | None], int],
) -> None:
    verdicts, need = case
    wholes = {
        sum(whole) >= need
        for whole in product(*([one] if one is not None else [True, False] for one in verdicts))
    }
    assert combined(verdicts, need) == (wholes.pop() if len(wholes) == 1 else None)


@given(cases())
def test_a_result_that_comes_in_confirms_the_whole_or_completes_it(
    case: tuple[list[bool | None], int],
) -> None:
    verdicts, need = case
    before = combined(verdicts, need)
    for at, one in enumerate(verdicts):
        if one is None and before is not None:
            for other in (True, False):
                assert combined([*verdicts[:at], other, *verdicts[at + 1 :]], need) == before


@given(VERDICTS)
def test_all_is_down_when_one_is_and_never_up_in_silence(verdicts: list[bool | None]) -> None:
    whole = combined(verdicts, len(verdicts))
    if False in verdicts:
        assert whole is False
    elif None in verdicts:
        assert whole is None
    assert combined([None] * len(verdicts), 1) is None


# -- checks that are made -----------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """A check that says ``ok``, cannot be made (None), or breaks."""

    ok: bool | None
    timeout: float = 1.0
    breaks: bool = False

    def __str__(self) -> str:
        return f"told {self.ok}"

    def endpoint(self, _address: str) -> None:
        """It connects to nothing."""

    async def run(self, address: str) -> Result:
        assert address == "192.0.2.9"
        if self.breaks:
            raise ZeroDivisionError
        if self.ok is None:
            raise Blind("source 192.0.2.53 is not an address of this node")
        return Result(self.ok, "" if self.ok else "status 503, expected 200", 0.1)


def run(check: SeveralChecks | CalculatedCheck) -> Result:
    return asyncio.run(check.run("192.0.2.9"))


@given(cases())
def test_several_checks_are_what_their_results_say_together(
    case: tuple[list[bool | None], int],
) -> None:
    verdicts, need = case
    check = SeveralChecks(tuple(map(Told, verdicts)), need)
    whole = combined(verdicts, need)
    if whole is None:
        with pytest.raises(Blind, match="is not an address of this node"):
            run(check)
        return
    found = run(check)
    assert found.ok == whole
    assert [part.ok for part in found.parts] == verdicts
    assert ("status 503, expected 200" in found.detail) == (False in verdicts)


def test_what_they_say_is_told() -> None:
    found = run(SeveralChecks((Told(True), Told(False), Told(None)), 3))
    assert found.detail == (
        "1 of 3 passed, 1 unknown, 3 needed: told False: status 503, expected 200; "
        "told None: source 192.0.2.53 is not an address of this node"
    )
    assert found.parts[1] == PartResult("told False", False, "status 503, expected 200", 0.1)


def test_a_check_that_breaks_says_nothing_and_stops_no_other() -> None:
    found = run(SeveralChecks((Told(True), Told(True, breaks=True)), 1))
    assert found.ok
    assert found.parts[1].ok is None
    with pytest.raises(Blind, match="the check itself failed: ZeroDivisionError"):
        run(SeveralChecks((Told(True), Told(True, breaks=True)), 2))


def test_they_have_the_longest_time_out() -> None:
    assert SeveralChecks((Told(True, 1.0), Told(True, 3.0)), 1).timeout == 3.0


# -- calculated ---------------------------------------------------------------------------------


def calculated(states: States, need: int = 2) -> CalculatedCheck:
    return CalculatedCheck((DB, API), need, 1.0, states)


def test_what_it_depends_on_is_told() -> None:
    states = {DB: CalculatedState(True), API: CalculatedState(False, "down")}
    found = run(calculated(states.__getitem__))
    assert (found.ok, found.detail) == (
        False,
        "1 of 2 up, 2 needed: api.example.com. A 192.0.2.1: down",
    )
    assert [part.ok for part in found.parts] == [True, False]
    assert run(calculated(states.__getitem__, 1)).ok


def test_what_is_not_known_freezes() -> None:
    states = {DB: CalculatedState(True), API: CalculatedState(None, "cannot be checked: no route")}
    with pytest.raises(Blind, match="1 of 2 up, 1 unknown, 2 needed: api"):
        run(calculated(states.__getitem__))


def test_first_results_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnsd.checks.calculated.LOOK_S", 0.0)
    looks = 0

    def states(_reference: Reference) -> CalculatedState:
        nonlocal looks
        looks += 1
        return (
            CalculatedState(True)
            if looks > 10
            else CalculatedState(None, "not checked yet", soon=True)
        )

    assert run(calculated(states)).ok


def test_equal_checks_are_equal_wherever_states_come_from() -> None:
    one, other = (
        calculated(lambda _: CalculatedState(True)),
        calculated(lambda _: CalculatedState(False)),
    )
    assert one == other
    assert hash(one) == hash(other)
