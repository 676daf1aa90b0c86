"""How often pools are asked for: no query is lost or counted twice, whatever cells a pool has."""

from __future__ import annotations

from typing import NamedTuple, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.control.failover.live import PoolKey
from dnsd.control.failover.rates import STEP_S, STEPS, PoolRates
from dnsd.control.failover.table import Table
from dnsd.image.state import StateVector

WWW, API = (PoolKey("example.com.", f"{name}.example.com.", "A") for name in ("www", "api"))
WORKERS = 2


class At(NamedTuple):
    """Where a pool is placed."""

    first: int


class Pools:
    """The pools there are, and where."""

    def __init__(self) -> None:
        self.placed: list[tuple[PoolKey, At]] = []

    def placements(self) -> list[tuple[PoolKey, At]]:
        return self.placed


class Scene:
    """Workers that count, and a control that looks every step."""

    def __init__(self) -> None:
        self.pools = Pools()
        self.vector = StateVector.create(WORKERS)
        self.now = 100.0
        self.rates = PoolRates(cast("Table", self.pools), self.vector)

    def ask(self, first: int, count: int, worker: int = 0) -> None:
        cells = self.vector.counts(worker)
        cells[first] = (cells[first] + count) % 2**32

    def step(self) -> None:
        self.now += STEP_S
        self.rates.look(self.now)

    def place(self, *placed: tuple[PoolKey, int]) -> None:
        self.pools.placed = [(key, At(first)) for key, first in placed]

    def mean(self, key: PoolKey) -> float | None:
        rate = self.rates.rate(key)
        return None if rate is None else rate.mean


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_nothing_is_said_before_a_step_was_counted(scene: Scene) -> None:
    scene.place((WWW, 0))
    assert scene.mean(WWW) is None
    scene.step()
    assert scene.mean(WWW) is None
    scene.step()
    assert scene.mean(WWW) == 0
    assert scene.mean(API) is None


def test_workers_are_added_up_and_counts_may_turn_over(scene: Scene) -> None:
    scene.place((WWW, 9))
    scene.ask(9, 2**32 - 5)
    scene.step()
    scene.ask(9, 30)
    scene.ask(9, 20, worker=1)
    scene.step()
    assert scene.mean(WWW) == 50 / STEP_S


def test_a_pool_goes_on_in_other_cells(scene: Scene) -> None:
    scene.place((WWW, 0))
    scene.step()
    scene.ask(0, 10)
    scene.place((WWW, 0), (WWW, 50))
    scene.step()
    scene.ask(0, 5)
    scene.ask(50, 5)
    scene.step()
    assert scene.mean(WWW) == 20 / (2 * STEP_S)
    assert scene.rates.totals == {WWW: 20}


def test_cells_that_were_another_pools_begin_anew(scene: Scene) -> None:
    scene.place((WWW, 0))
    scene.step()
    scene.ask(0, 1000)
    scene.place((API, 0))
    scene.step()
    scene.ask(0, 10)
    scene.step()
    assert scene.mean(API) == 10 / STEP_S
    assert scene.mean(WWW) is None
    assert scene.rates.totals == {API: 10}


def test_a_pool_that_is_new_is_counted_from_then_on(scene: Scene) -> None:
    scene.place((WWW, 0))
    for _ in range(5):
        scene.step()
    scene.place((WWW, 0), (API, 20))
    scene.step()
    scene.ask(20, 40)
    scene.step()
    assert scene.mean(API) == 40 / STEP_S


@given(st.lists(st.integers(0, 500), min_size=1, max_size=2 * STEPS))
def test_the_latest_steps_count(counts: list[int]) -> None:
    scene = Scene()
    scene.place((WWW, 3))
    scene.step()
    for count in counts:
        scene.ask(3, count)
        scene.step()
    latest = counts[-STEPS:]
    rate = scene.rates.rate(WWW)
    assert rate is not None
    assert rate.seconds == pytest.approx(len(latest) * STEP_S)
    assert rate.mean == pytest.approx(sum(latest) / rate.seconds)
    assert rate.low <= rate.mean <= rate.high
