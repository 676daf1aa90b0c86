"""The simulated caches, the model beside them, and what both say: the pure parts of bench ttl."""

from __future__ import annotations

import math
from dataclasses import replace

import hypothesis.strategies as st
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings

from bench.ttl import model, reasons, twins
from bench.ttl.caches import Cache, Clock, walk
from bench.ttl.cli import ttl
from bench.ttl.demand import Arrivals, Day, Population, arrivals, zipf
from bench.ttl.profiles import Profile, profiles
from bench.ttl.results import Real, Simulated
from bench.ttl.simulate import simulate, stationary

ALL = profiles(floor=60, cap=300, capped=0.2, prefetch=0.1, stale=3600, swing=0.8)
STEADY = [profile for profile in ALL if not profile.day.swing]
HOUR = 3600.0


def _of_one(*times: float) -> Arrivals:
    return Arrivals(np.zeros(len(times), dtype=np.int64), np.array(times))


def _plainly(found: Arrivals, cache: Cache, ttl: float) -> list[int]:
    """Walk as a cache does: lookup by lookup, with a table of what it holds."""
    asks, until = [], dict[int, float]()
    for index, (pair, when) in enumerate(zip(*map(np.ndarray.tolist, found), strict=True)):
        if when >= until.get(pair, -math.inf):
            asks.append(index)
            until[pair] = float(cache.again(np.array([when]), ttl)[0])
    return asks


# -- demand ---------------------------------------------------------------------------------


@given(st.integers(1, 50), st.integers(1, 50), st.floats(0.1, 1e4), st.floats(0, 2))
def test_the_pairs_share_all_demand(caches: int, names: int, rate: float, skew: float) -> None:
    rates = Population(caches, names, rate, skew, skew).rates()
    assert rates.size == caches * names
    assert rates.sum() == pytest.approx(rate)
    assert rates.max() == rates[0]


def test_zipf() -> None:
    assert zipf(4, 0).tolist() == [0.25] * 4
    assert (zipf(3, 1) * 11 / 6).tolist() == pytest.approx([1, 1 / 2, 1 / 3])


@pytest.mark.parametrize("swing", [0.0, 0.8])
def test_arrivals_are_ordered_by_pair_and_time_and_as_many_as_wanted(swing: float) -> None:
    rates, day, rng = np.array([20.0, 0.0, 60.0, 40.0]), Day(swing), np.random.default_rng(1)
    seconds, counts = 8 * HOUR, np.zeros(4)
    for some in arrivals(rates, seconds, day, rng):
        assert np.all(np.diff(some.pairs) >= 0)
        assert np.all(np.diff(some.times)[np.diff(some.pairs) == 0] >= 0)
        assert some.times.min() >= 0
        assert some.times.max() <= seconds
        counts += np.bincount(some.pairs, minlength=4)
    expected = rates * seconds * day.mean(seconds)
    assert np.all(np.abs(counts - expected) <= 4 * np.sqrt(expected))


def test_demand_follows_the_day() -> None:
    day, rng = Day(0.8), np.random.default_rng(2)
    (some,) = arrivals(np.array([2.0]), 24 * HOUR, day, rng)
    middles = np.array([(hour + 0.5) * HOUR for hour in range(24)])
    hours = np.histogram(some.times, 24, (0, 24 * HOUR))[0]
    assert hours == pytest.approx(2 * HOUR * day.intensity(middles), rel=0.08)
    assert day.mean(24 * HOUR) == pytest.approx(1)


# -- one cache ------------------------------------------------------------------------------


def test_a_cache_asks_when_it_holds_nothing() -> None:
    found = _of_one(0, 1, 9.9, 10, 12, 30)
    assert walk(found, Cache().again(found.times, 10)).tolist() == [0, 3, 5]
    assert walk(found, Cache().again(found.times, 0)).tolist() == [0, 1, 2, 3, 4, 5]
    assert walk(_of_one(), np.zeros(0)).tolist() == []


@pytest.mark.parametrize(
    ("cache", "ttl", "again"),
    [
        (Cache(), 10, 10.7),
        (Cache(floor=60), 10, 60.7),
        (Cache(cap=5), 10, 5.7),
        (Cache(prefetch=0.1), 10, 9.7),
        (Cache(ahead=2), 10, 8.7),
        (Cache(ahead=2, ahead_from=20), 10, 10.7),
        (Cache(stale=100), 10, 10.7),
        (Cache(trip=0.5), 10, 11.2),
        (Cache(clock=Clock.LATER), 10, 11),
        (Cache(clock=Clock.EARLIER), 10, 10),
        (Cache(clock=Clock.LATER, prefetch=0.1), 10, 9),
        (Cache(clock=Clock.LATER, prefetch=0.1), 5, 5),
        (Cache(clock=Clock.EARLIER, ahead=2), 10, 8),
        (Cache(clock=Clock.LATER, trip=0.5), 0, 1.2),
    ],
)
def test_when_a_cache_asks_again_that_has_asked_at_0_7(
    cache: Cache, ttl: float, again: float
) -> None:
    assert cache.again(np.array([0.7]), ttl).tolist() == pytest.approx([again])


_CACHES = st.builds(
    Cache,
    floor=st.sampled_from([0.0, 3.0]),
    cap=st.sampled_from([math.inf, 20.0]),
    prefetch=st.sampled_from([0.0, 0.1, 0.5]),
    ahead=st.sampled_from([0.0, 2.0]),
    trip=st.sampled_from([0.0, 0.25]),
    clock=st.sampled_from(Clock),
)
_TIMES = st.lists(st.tuples(st.integers(0, 3), st.floats(0, 100)), max_size=60)


@given(_TIMES, _CACHES, st.sampled_from([0, 1, 5, 30]))
def test_jumping_over_hits_is_as_good_as_taking_lookups_one_by_one(
    looked_up: list[tuple[int, float]], cache: Cache, ttl: float
) -> None:
    # In 256ths of a second: sums are exact, whichever way they are taken.
    rounded = sorted((pair, round(when * 256) / 256) for pair, when in looked_up)
    found = Arrivals(
        np.array([pair for pair, _ in rounded], dtype=np.int64),
        np.array([when for _, when in rounded], dtype=np.float64),
    )
    asks = walk(found, cache.again(found.times, ttl)).tolist()
    if ttl or cache.trip or cache.floor:
        assert asks == _plainly(found, cache, ttl)
    else:
        assert asks == list(range(len(rounded)))


# -- a population beside the model ------------------------------------------------------------


@settings(max_examples=12)
@given(
    st.integers(0, 10_000),
    st.sampled_from(STEADY),
    st.integers(1, 200),
    st.integers(1, 20),
    st.floats(0.5, 20),
    st.floats(0, 1.5),
)
def test_simulated_caches_ask_as_the_model_says(
    seed: int, profile: Profile, caches: int, names: int, rate: float, skew: float
) -> None:
    population = Population(caches, names, rate, skew, skew)
    found = simulate(population, profile, [0, 1, 30, 300], HOUR, seed)
    for counts in found.values():
        distance = counts.asks - counts.expected * HOUR
        # 4.5: chance alone leads beyond it once in 150,000.
        assert abs(distance) <= 4.5 * math.sqrt(counts.variance) + 1
        assert counts.finer == counts.expected
        assert counts.waited + counts.stale <= counts.asks <= counts.lookups


def test_chance_carries_as_far_as_the_model_says() -> None:
    population, ttl = Population(3, 4, 0.3), 60.0
    counts = [simulate(population, ALL[0], [ttl], HOUR, seed)[ttl] for seed in range(400)]
    asks = np.array([each.asks for each in counts])
    assert asks.var() == pytest.approx(counts[0].variance, rel=0.2)
    assert asks.mean() == pytest.approx(
        counts[0].expected * HOUR, abs=4 * math.sqrt(counts[0].variance / 400)
    )


def test_caches_begin_as_full_as_they_go_on() -> None:
    rates, holds = np.full(20_000, 0.02), 50.0
    before = stationary(rates, holds, np.random.default_rng(3))
    full = before > -holds
    assert full.mean() == pytest.approx(0.5, abs=0.02)
    assert before[full].mean() == pytest.approx(-25, abs=1)
    assert before[~full].mean() == pytest.approx(-holds - 50, abs=3)


def test_a_day_is_told_by_its_parts() -> None:
    (diurnal,) = (profile for profile in ALL if profile.day.swing)
    counts = simulate(Population(50, 4, 5), diurnal, [300], 24 * HOUR, 7)[300]
    sigma = math.sqrt(counts.variance)
    assert counts.asks < counts.expected * counts.seconds - 6 * sigma
    assert abs(counts.asks - counts.finer * counts.seconds) <= 4 * sigma


def test_whoever_serves_stale_lets_nobody_wait_that_comes_in_time() -> None:
    stale = next(profile for profile in ALL if profile.name == "serve-stale")
    population = Population(20, 2, 5)
    plain = simulate(population, ALL[0], [60], HOUR, 1)[60]
    counts = simulate(population, stale, [60], HOUR, 1)[60]
    assert counts.asks == plain.asks == plain.waited
    assert plain.stale == 0
    assert counts.waited < plain.waited / 4
    assert counts.waited + counts.stale == counts.asks


def test_the_questions_of_the_first_seconds_are_kept() -> None:
    counts = simulate(Population(10, 3, 2), ALL[0], [5], HOUR, 1, sliced=100)[5]
    assert counts.questions
    assert all(0 <= each.when < 100 and each.name in range(3) for each in counts.questions)


@given(st.floats(0, 5000), st.floats(0.01, 50))
def test_how_long_answers_are_held_can_be_told_from_the_rate(holds: float, rate: float) -> None:
    rates = Population(5, 5, rate).rates()
    found = model.holding(rates, model.expected(rates, holds))
    assert found == pytest.approx(holds, rel=1e-6, abs=1e-6)
    assert model.holding(rates, rate * 2) == 0


# -- reasons --------------------------------------------------------------------------------

REAL = Real(
    kind="unbound",
    resolvers=1,
    ttl=1,
    seconds=100,
    lookups=2000,
    lost=0,
    asks=280,
    repeated=3,
    expected=3.71,
    sigma=0.1,
    holds=1.77,
    twins={"ideal": 349, "trip": 348, "documented": 348, "later": 277, "earlier": 411},
    mean_ms=1,
    p50_ms=1,
    p99_ms=1,
    longest=1,
)


def test_the_simplest_cache_that_did_the_same_is_the_reason() -> None:
    assert twins.nearest({"ideal": 31, "documented": 34, "later": 34}, 34) == "documented"
    assert twins.nearest({"ideal": 1000, "trip": 900, "later": 700}, 810) == "trip"
    assert not reasons.within(REAL)
    assert reasons.explained(REAL)
    assert not reasons.explained(_changed(REAL, asks=300))
    assert reasons.within(_changed(REAL, asks=371))


def _changed(point: Real, **fields: int) -> Real:
    return msgspec.structs.replace(point, **fields)


def test_twins_differ_in_one_thing_each() -> None:
    found = twins.twins(Cache(floor=1), 0.02)
    assert found["ideal"].cache == Cache()
    assert found["documented"].cache == Cache(floor=1, trip=0.02)
    assert found["later"].cache == replace(found["documented"].cache, clock=Clock.LATER)


def test_twins_are_counted_within_the_window() -> None:
    lookups = _of_one(90, 101, 105, 111, 130)
    assert twins.count(lookups, Cache(), 10, (100, 120)) == 2


def _simulated(rate: float, finer: float) -> Simulated:
    return Simulated(
        profile="diurnal",
        ttl=60,
        seconds=1,
        lookups=100,
        asks=round(rate),
        waited=0,
        stale=0,
        expected=50,
        finer=finer,
        as_it_stands=50,
        sigma=1,
    )


def test_what_is_not_explained_is_said_to_be_so() -> None:
    points = [_simulated(52, 50), _simulated(40, 41), _simulated(40, 50)]
    explained, not_explained = reasons.of_simulated(points)
    assert explained.startswith("diurnal, TTL 60 s (-10.0 σ): -20.0%; explained")
    assert "not explained: the model for each part of the day by itself is -10.0" in not_explained
    assert not reasons.of_simulated([_simulated(52, 50)])


def test_what_may_not_be_held_is_never_stale() -> None:
    stale = next(profile for profile in ALL if profile.name == "serve-stale")
    counts = simulate(Population(20, 2, 5), stale, [0], HOUR, 1)[0]
    assert counts.stale == 0
    assert counts.waited == counts.asks


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--ttl", "300"], "--seconds 240 is too short for real resolvers: the smallest TTL needs"),
        (["--caches", "0"], "Invalid value for '--caches'"),
        (["--rate", "-5"], "Invalid value for '--rate'"),
        (["--rate", "0"], "Invalid value for '--rate'"),
        (["--swing", "2"], "Invalid value for '--swing'"),
        (["--capped", "1.5"], "Invalid value for '--capped'"),
        (["--load-speed", "0"], "Invalid value for '--load-speed'"),
    ],
)
def test_options_have_bounds(options: list[str], sentence: str) -> None:
    done = CliRunner().invoke(ttl, options)
    assert done.exit_code != 0
    assert sentence in done.output
