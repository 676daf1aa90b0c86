"""The price of a TTL: against caches simulated one query at a time."""

from __future__ import annotations

import random
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.failover.price import Live, demand_of, forecast, measured, miss_rate
from dnsd.failover.rate import rate_of

SECONDS = 40_000.0


def misses(seed: int, demand: float, ttl: float, prefetch: float) -> int:
    """Count the queries that one cache sends in ``SECONDS``."""
    chance = random.Random(seed)
    now, fresh_until, count = 0.0, 0.0, 0
    while (now := now + chance.expovariate(demand)) < SECONDS:
        if now >= fresh_until:
            count += 1
            fresh_until = now + (1 - prefetch) * ttl
    return count


@pytest.mark.parametrize("prefetch", [0.0, 0.1])
@pytest.mark.parametrize(("demand", "ttl"), [(0.01, 30), (0.1, 10), (0.5, 60), (1.0, 5)])
def test_misses_of_a_cache(demand: float, ttl: float, prefetch: float) -> None:
    expected = miss_rate(demand, ttl, prefetch) * SECONDS
    # A renewal process whose cycles are a TTL and an exponential wait: σ² of the count is
    # (variance of a cycle) / (its mean)³ · time.
    cycle = (1 - prefetch) * ttl + 1 / demand
    sigma = sqrt(SECONDS / demand**2 / cycle**3)
    assert abs(misses(7, demand, ttl, prefetch) - expected) < 3 * sigma + 1


@given(st.floats(1e-4, 100), st.integers(1, 3600))
def test_demand_is_found_again_unless_the_cache_is_saturated(demand: float, ttl: int) -> None:
    rate = miss_rate(demand, ttl)
    found = demand_of(rate, ttl)
    if rate * ttl < 0.95:
        assert found == pytest.approx(demand, rel=1e-6)
    else:
        assert found is None


@given(
    st.lists(st.floats(1e-4, 50), min_size=1, max_size=20),
    st.integers(1, 3600),
    st.integers(1, 3600),
)
def test_the_bounds_hold_whatever_the_caches_are_like(
    demands: list[float], present: int, other: int
) -> None:
    rate = sum(miss_rate(demand, present) for demand in demands)
    truth = sum(miss_rate(demand, other) for demand in demands)
    for caches in (None, len(demands)):
        seen = forecast(Live(rate, present, caches), other)
        assert seen.least * (1 - 1e-9) <= truth <= seen.most * (1 + 1e-9)


def test_alike_caches_are_forecast_exactly() -> None:
    live = Live(50 * miss_rate(0.1, 300), 300, caches=50)
    assert forecast(live, 30).likely is None  # 30 queries in a TTL: how many more would be guessed
    seen = forecast(Live(50 * miss_rate(0.1, 30), 30, caches=50), 5)
    assert seen.likely is not None
    assert seen.likely == pytest.approx(50 * miss_rate(0.1, 5))
    assert seen.least <= seen.likely <= seen.most <= 50 / 5


def test_without_their_number_only_bounds_are_told() -> None:
    assert forecast(Live(10.0, 300), 60) == (10.0, None, 50.0)
    assert forecast(Live(10.0, 60), 300) == (2.0, None, 10.0)
    assert forecast(Live(10.0, 60), 0) == (10.0, None, float("inf"))


def test_the_interval_of_a_rate_is_in_its_forecast() -> None:
    rate = rate_of([2, 3, 4, 3], 1.0)
    assert rate is not None
    live = measured(rate, 300)
    assert forecast(live, 300) == (rate.low, None, rate.high)
    shorter, longer = forecast(live, 60), forecast(live, 600)
    assert [shorter.least, shorter.most] == pytest.approx([rate.low, rate.high * 5])
    assert [longer.least, longer.most] == pytest.approx([rate.low / 2, rate.high])
