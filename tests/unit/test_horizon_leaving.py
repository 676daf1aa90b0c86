"""What a worker sends late, because it was stopped between its look and the call, counts late."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.caches import judge
from dnsd.caches.ledger import Ledger
from dnsd.caches.version import rrset
from dnsd.control.horizon.ask import Horizon
from dnsd.control.horizon.keeper import LedgerKeeper
from dnsd.control.horizon.leaving import DelayWatch
from dnsd.control.horizon.ledgerfile import LedgerFile
from dnsd.image import memory
from dnsd.image.memory import Memory
from dnsd.image.stock import Stock
from dnsd.wire.delivery import DELIVERED_WITHIN_S, STOPPED_S

POOL = rrset("www.example.com.", "A", [bytes((192, 0, 2, 1))])
TTL = 30


@given(
    stops=st.lists(st.floats(0.0, 20.0), max_size=5),
    phase=st.floats(0.0, 1.0),
    which=st.integers(0, 4),
)
def test_a_bound_is_never_over_before_what_was_sent_late(
    stops: list[float], phase: float, which: int
) -> None:
    """A worker beats, composes, is stopped, sends; control looks each second, at any phase."""
    ledger = Ledger("a", 0.0)
    beat = composed = 0.0
    leaving = DelayWatch(ledger, lambda: beat)
    looks = phase
    at = 0.0
    sent = None

    def pass_time(until: float) -> None:
        nonlocal looks
        while looks <= until:
            leaving.look(looks)
            looks += 1.0

    for number, stop in enumerate(stops):
        pass_time(at)
        beat = at
        at += 0.02
        pass_time(at)
        composed = at
        if number == which:
            ledger.note(POOL, composed, TTL)
        at += stop
        pass_time(at)
        if number == which:
            sent = at
    pass_time(at)
    beat = at
    pass_time(at + 2.0)
    if sent is not None:
        assert sent + TTL <= ledger.bound(POOL).until + STOPPED_S


def test_what_left_in_time_is_not_delayed() -> None:
    ledger = Ledger("a", 0.0)
    beat = 100.0
    leaving = DelayWatch(ledger, lambda: beat)
    ledger.note(POOL, 100.0, TTL)
    for _ in range(50):
        beat += 1.0
        assert not leaving.look(beat)
    assert ledger.bound(POOL).until == 100.0 + TTL
    assert leaving.sent == beat - DELIVERED_WITHIN_S


def test_what_left_at_the_end_of_a_stop_is_delayed() -> None:
    """The worker beats again when it is looked at: what it sent before that was late."""
    ledger = Ledger("a", 0.0)
    beat = 100.0
    leaving = DelayWatch(ledger, lambda: beat)
    ledger.note(POOL, 100.0, TTL)
    beat = 110.0
    assert leaving.look(110.0)
    assert ledger.bound(POOL).until == 110.0 + TTL


def test_what_was_given_out_long_before_a_stop_is_not_delayed() -> None:
    ledger = Ledger("a", 0.0)
    leaving = DelayWatch(ledger, lambda: 100.0)
    ledger.note(POOL, 100.0 - DELIVERED_WITHIN_S, TTL)
    assert not leaving.look(110.0)
    ledger.note(POOL, 100.0 - DELIVERED_WITHIN_S + 0.1, TTL)
    assert leaving.look(120.0)
    assert ledger.bound(POOL).until == 120.0 + TTL


@pytest.mark.parametrize(
    ("ago", "left"), [(0.5, 0.0), (DELIVERED_WITHIN_S + 0.5, -DELIVERED_WITHIN_S - 0.5)]
)
def test_what_may_not_have_left_yet_is_not_over(tmp_path: Path, ago: float, left: float) -> None:
    """Then it is not SAFE by a report as long as that is fresh."""
    stock = Stock(tmp_path, Memory(memory.create("images")))
    keeper = LedgerKeeper(
        "a", LedgerFile(tmp_path), stock, lambda: 0, lambda: 100.0, beat=lambda: 100.0
    )
    keeper.ready = True
    keeper.ledger.note(POOL, 100.0 - ago, 0)
    (line,) = asyncio.run(Horizon(keeper, lambda: None).report()).lines
    assert line.left == left


def test_no_report_is_fresh_for_longer_than_the_margin() -> None:
    assert judge.FRESH_S <= judge.MARGIN_S
