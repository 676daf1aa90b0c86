"""Medians, spreads, ratios of paired rounds, the hardest rival."""

from __future__ import annotations

import pytest

from bench.stats import Series, of_server, ratio, rival, spread

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


def test_the_rival_is_the_best_beside_the_reference() -> None:
    # knot was measured in one round only, a slow one: beside dnsd it was the better of the two.
    assert rival(SERIES, "dnsd", ["nsd", "knot", "absent"], -1) == "knot"
    assert rival(SERIES, "dnsd", ["nsd", "knot"], 1) == "nsd"
    assert rival(SERIES, "dnsd", ["absent"], 1) is None
