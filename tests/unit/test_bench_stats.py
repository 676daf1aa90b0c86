"""Medians, spreads, ratios of paired rounds, the best of several."""

from __future__ import annotations

import pytest

from bench.stats import Series, best, of_server, ratio, spread

SERIES: Series = {
    ("dnsd", 1): 4.0,
    ("dnsd", 2): 8.0,
    ("dnsd", 3): 6.0,
    ("nsd", 1): 6.0,
    ("nsd", 2): 12.0,
    ("nsd", 3): 6.0,
    ("knot", 2): 7.0,
}


def test_spread() -> None:
    assert spread([]) is None
    found = spread([4.0, 8.0, 6.0])
    assert found == (6.0, 4.0, 8.0)
    assert found is not None
    assert found.deviation == pytest.approx(1 / 3)
    assert of_server(SERIES, "dnsd") == found
    assert of_server(SERIES, "absent") is None


def test_ratio_pairs_the_rounds() -> None:
    # The machine was half as fast in round 2: the quotient of the medians would be 1.0.
    assert ratio(SERIES, "nsd", "dnsd") == pytest.approx((1.5, 1.0, 1.5))
    assert ratio(SERIES, "dnsd", "dnsd") == (1.0, 1.0, 1.0)
    assert ratio(SERIES, "nsd", "absent") is None
    assert ratio(SERIES, "knot", "dnsd") == pytest.approx((0.875, 0.875, 0.875))


def test_best_is_the_largest_or_the_smallest_median() -> None:
    assert best(SERIES, ["nsd", "knot", "absent"], 1) == "knot"
    assert best(SERIES, ["nsd", "knot"], -1) == "nsd"
    assert best(SERIES, ["absent"], 1) is None
