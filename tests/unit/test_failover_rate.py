"""A rate with its interval: exact values of χ², bunches, and how often the truth is inside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.failover.rate import rate_of

EXACT = {0: (0.0, 3.689), 1: (0.025, 5.572), 4: (1.090, 10.242), 20: (12.217, 30.888)}
"""Garwood's intervals: halves of χ²'s quantiles with 2n and 2n + 2 degrees of freedom."""


@pytest.mark.parametrize(("count", "ends"), EXACT.items())
def test_a_single_count_has_the_exact_interval(count: int, ends: tuple[float, float]) -> None:
    found = rate_of([count], 1)
    assert found is not None
    assert found.mean == count
    assert (found.low, found.high) == pytest.approx(ends, rel=0.02, abs=0.015)


def test_no_counts_are_no_rate() -> None:
    assert rate_of([], 10) is None


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=60), st.floats(0.1, 600))
def test_the_mean_is_inside(counts: list[int], step: float) -> None:
    found = rate_of(counts, step)
    assert found is not None
    assert 0 <= found.low <= found.mean < found.high
    assert found.mean == pytest.approx(sum(counts) / (len(counts) * step))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30), st.floats(0.1, 60))
def test_the_unit_of_time_is_no_matter(counts: list[int], step: float) -> None:
    one, other = rate_of(counts, step), rate_of(counts, 2 * step)
    assert one is not None
    assert other is not None
    assert other[:3] == pytest.approx([rate / 2 for rate in one[:3]])


def test_events_in_bunches_make_it_wider() -> None:
    even, bunched = rate_of([10] * 30, 10), rate_of([0, 20] * 15, 10)
    assert even is not None
    assert bunched is not None
    assert even.mean == bunched.mean
    assert bunched.high - bunched.low > 2.5 * (even.high - even.low)


@pytest.mark.parametrize("bunch", [1, 4])
def test_the_truth_is_inside_in_95_of_100_cases(bunch: int) -> None:
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(1000):
        counts = (rng.poisson(3.0 / bunch, 60) * bunch).tolist()
        found = rate_of(counts, 10)
        assert found is not None
        inside += found.low <= 0.3 <= found.high
    assert inside >= 925
