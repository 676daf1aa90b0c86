"""How much of a busy CPU a builder gets."""

from __future__ import annotations

import asyncio
import os
import resource
from typing import TYPE_CHECKING

import pytest

from dnsd.build import pace
from dnsd.build.pace import STEPS, Had

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000


@pytest.mark.parametrize(
    ("ran", "waited", "share"),
    [(10, 0, 1.0), (0, 0, 1.0), (10, 90, 0.1), (0, 50, 0.0), (50, 50, 0.5)],
)
def test_its_share_is_of_the_time_in_which_it_wanted_to_run(
    ran: int, waited: int, share: float
) -> None:
    before = Had(1000 * MS, 70 * MS)
    assert Had(before.ran + ran * MS, before.waited + waited * MS).share_since(before) == share


def test_what_it_had_is_read_from_proc(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "schedstat").write_text("12 34 5\n")
    (tmp_path / "7" / "stat").write_text("7 (py) R) R 1 7 7\n")
    assert Had.of(7, tmp_path) == Had(12, 34, wants=True)
    (tmp_path / "7" / "stat").write_text("7 (python) S 1 7 7\n")
    assert Had.of(7, tmp_path) == Had(12, 34)


def test_one_that_has_not_run_at_all_is_seen_by_its_state() -> None:
    assert Had(5, 7, wants=True).share_since(Had(5, 7)) == 0.0
    assert Had(5, 7).share_since(Had(5, 7, wants=True)) == 1.0


def steps_taken(monkeypatch: pytest.MonkeyPatch, shares: list[float]) -> list[pace.PaceStep]:
    """Return the places that a process is given that has ``shares`` between looks, and goes."""
    taken: list[pace.PaceStep] = []
    now, left = Had(0, 0), list(shares)

    def of(_: int) -> Had:
        nonlocal now
        if taken and not left:
            raise FileNotFoundError
        if reads:
            share = left.pop(0)
            now = Had(now.ran + int(share * 1000), now.waited + int((1 - share) * 1000))
        reads.append(1)
        return now

    async def follow() -> None:
        async with pace.looked_after(4711):
            for _ in range(4 * len(shares)):
                await asyncio.sleep(0)

    reads: list[int] = []
    monkeypatch.setattr(pace, "may_climb", lambda: True)
    monkeypatch.setattr(pace, "take", lambda _, step: taken.append(step))
    monkeypatch.setattr(pace.Had, "of", of)
    monkeypatch.setattr(pace, "LOOK_S", 0)
    asyncio.run(follow())
    return taken


def test_a_process_that_gets_on_keeps_the_last_place(monkeypatch: pytest.MonkeyPatch) -> None:
    assert steps_taken(monkeypatch, [1.0, 0.5, 0.1, 0.9]) == [STEPS[0]]


def test_one_that_starves_gets_more_and_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert steps_taken(monkeypatch, [0.01, 0.5]) == [*STEPS[:2]]
    assert steps_taken(monkeypatch, [0.01, 0.1, 0.1]) == [*STEPS]


def test_what_cannot_be_taken_back_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "permitted", frozenset)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (0, 0))
    assert not pace.may_climb()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (15, 15))
    assert pace.may_climb()


def test_who_may_not_climb_begins_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[pace.PaceStep] = []
    monkeypatch.setattr(pace, "may_climb", lambda: False)
    monkeypatch.setattr(pace, "take", lambda _, step: taken.append(step))

    async def work() -> None:
        async with pace.looked_after(os.getpid()):
            pass

    asyncio.run(work())
    assert taken == [STEPS[1]]


def test_a_process_that_has_gone_is_not_missed() -> None:
    pace.take(1 << 22, STEPS[0])
