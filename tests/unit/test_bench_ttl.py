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

from bench.__main__ import main
from bench.study.results import About
from bench.ttl import kind, model, power, report, study
from bench.ttl.caches import Cache, Clock, walk
from bench.ttl.demand import Arrivals, Day, Population, arrivals, zipf
from bench.ttl.profiles import Profile, profiles
from bench.ttl.results import Cell, Point, TtlStudy
from bench.ttl.simulate import outage, simulate, stationary

ALL = profiles(floor=60, cap=300, capped=0.2, prefetch=0.1, stale=3600, swing=0.8)
STEADY = [profile for profile in ALL if not profile.day.swing]
PLAINLY, STALE = (next(p for p in ALL if p.name == name) for name in ("plain", "serve-stale"))
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
    st.sampled_from([0, 1, 30, 300]),
)
def test_simulated_caches_ask_as_the_model_says(
    seed: int, profile: Profile, caches: int, names: int, rate: float, skew: float, ttl: int
) -> None:
    population = Population(caches, names, rate, skew, skew)
    counts = simulate(population, profile, ttl, HOUR, [seed])
    distance = counts.asks - counts.expected * HOUR
    # 4.5: chance alone leads beyond it once in 150,000.
    assert abs(distance) <= 4.5 * math.sqrt(counts.variance) + 1
    assert counts.waited + counts.stale <= counts.asks <= counts.lookups


def test_chance_carries_as_far_as_the_model_says() -> None:
    population, ttl = Population(3, 4, 0.3), 60.0
    counts = [simulate(population, ALL[0], ttl, HOUR, [seed]) for seed in range(400)]
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
    population = Population(50, 4, 5)
    counts = simulate(population, diurnal, 300, 24 * HOUR, [7])
    sigma = math.sqrt(counts.variance)
    assert counts.asks < model.expected(population.rates(), 300) * counts.seconds - 6 * sigma
    assert abs(counts.asks - counts.expected * counts.seconds) <= 4 * sigma


def test_whoever_serves_stale_lets_nobody_wait_that_comes_in_time() -> None:
    population = Population(20, 2, 5)
    plain = simulate(population, PLAINLY, 60, HOUR, [1])
    counts = simulate(population, STALE, 60, HOUR, [1])
    assert plain.asks == plain.waited
    assert plain.stale == 0
    assert counts.waited < plain.waited / 4
    assert counts.waited + counts.stale == counts.asks


@pytest.mark.parametrize("cache", [Cache(stale=3600), Cache(stale=3600, clock=Clock.LATER)])
def test_what_may_not_be_held_is_never_stale(cache: Cache) -> None:
    # RFC 8767, section 4: it is data that is held whose use may be extended.
    profile = replace(STALE, special=cache)
    counts = simulate(Population(20, 2, 5), profile, 0, HOUR, [1])
    assert counts.stale == 0
    assert counts.waited == counts.asks
    assert model.lost(Population(20, 2, 5).rates(), cache, 0, 60) == 1
    lookups, failed = outage(Population(20, 2, 5), profile, 0, 60, [1])
    assert lookups == failed > 0


# -- outages --------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(STEADY),
    st.sampled_from([0, 1, 20, 300, 4000]),
    st.sampled_from([5.0, 60.0, 900.0]),
)
def test_an_outage_reaches_whom_the_model_says(
    seed: int, profile: Profile, ttl: int, seconds: float
) -> None:
    population = Population(40, 10, 2000 / seconds)
    # Which answers are held is chance, and all lookups of a busy pair hang on one: many runs.
    runs = [outage(population, profile, ttl, seconds, [seed, run]) for run in range(12)]
    shares = np.array([failed / lookups for lookups, failed in runs])
    rates = population.rates().reshape(population.caches, -1)
    kinds = profile.kinds(population.caches, np.random.default_rng([seed, 0, 1]))
    parts = [(rates[members].ravel(), cache) for cache, members in kinds]
    expected = sum(each.sum() * model.lost(each, cache, ttl, seconds) for each, cache in parts)
    if profile.share in (0.0, 1.0):
        error = max(float(shares.std()), 0.01) / math.sqrt(len(runs))
        assert abs(shares.mean() - expected / population.rate) <= 6 * error


def test_the_share_that_an_outage_reaches_by_hand() -> None:
    # One cache that is asked all the time holds the answer, of an age that is even over T.
    busy = np.array([1e6])
    assert model.lost(busy, Cache(), 100, 50) == pytest.approx(0.25, abs=1e-3)
    assert model.lost(busy, Cache(), 100, 100) == pytest.approx(0.5, abs=1e-3)
    assert model.lost(busy, Cache(), 100, 200) == pytest.approx(0.75, abs=1e-3)
    assert model.lost(busy, Cache(stale=1000), 100, 200) == pytest.approx(0, abs=1e-3)
    # With prefetch its answer is never older than 0.9 T.
    assert model.lost(busy, Cache(prefetch=0.1), 100, 10) == pytest.approx(0, abs=1e-3)
    # One that is hardly ever asked holds nothing.
    assert model.lost(np.array([1e-9]), Cache(), 100, 50) == pytest.approx(1, abs=1e-3)


# -- how good the comparison is -------------------------------------------------------------


def _point(asks: int, documented: int, **wrong: float) -> Point:
    return Point(
        part="real",
        kind="unbound",
        ttl=5,
        seconds=100,
        expected=10.0,
        sigma=0.3,
        lookups=2000,
        asks=asks,
        documented=documented,
        wrong=wrong,
    )


def test_repeats_are_one_cell() -> None:
    cell = Cell([_point(1000, 1000), _point(900, 910)])
    assert cell.rate == pytest.approx(9.5)
    assert cell.half == pytest.approx(1.96 * 0.3 / 2**0.5)
    assert cell.agrees  # 1,900 are within 1 % of 1,910
    assert not Cell([_point(1000, 1000), _point(900, 930)]).agrees


def test_repeats_of_a_busy_machine_do_not_count() -> None:
    late = msgspec.structs.replace(_point(500, 1000), late=1.0, repeat=2)
    found = TtlStudy(
        kind="ttl",
        about=About("", "", {}, {}),
        server="dnsd",
        demand="",
        population=None,
        trip=0.02,
        habits=[],
        points=[_point(1000, 1000), late],
        own=[],
        losses=[],
        notes={},
    )
    (cell,) = found.of("real")
    assert cell.agrees
    assert [(dot.rate, dot.real) for dot in found.dots()] == [(10.0, True)]
    assert "1 of 2 repeats of a point" in str(report.parts(found)[0])
    # Where nothing else is left, it is marked, and no dot of a plan.
    found = msgspec.structs.replace(found, points=[late])
    assert found.dots() == []
    assert report.real_table(found.of("real")).rows[0][8] == "busy"


def test_a_wrong_cache_is_rejected_if_it_would_not_have_asked_so() -> None:
    cell = Cell([_point(1000, 1000, near=1003.0, far=1200.0), _point(900, 900, far=900.0)])
    # Where a wrong cache did not differ at all in a repeat, it did as the documented one.
    assert cell.rejects() == {"near": 0.0, "far": 1.0}


def test_every_wrong_cache_is_another_one() -> None:
    times = np.linspace(0, 10, 101)
    right = Cache(clock=Clock.LATER)
    for name, change in power.WRONG.items():
        assert not np.array_equal(change(right).again(times, 3), right.again(times, 3)), name


def test_the_power_of_three_sigma() -> None:
    assert power.rejected(10, 10, 1) == pytest.approx(0.0027, abs=1e-4)
    assert power.rejected(10, 13, 1) == pytest.approx(0.5, abs=1e-3)
    assert power.rejected(10, 20, 1) == pytest.approx(1, abs=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([5, 60]))
def test_repeats_have_lookups_of_their_own(seed: int, ttl: int) -> None:
    plan = study.Simulation(Population(50, 5, 5.0), (PLAINLY,), (ttl,), 1.0, 24.0)
    one, other = (study._point(plan, PLAINLY, ttl, seed + number) for number in range(2))
    again = study._point(plan, PLAINLY, ttl, seed)
    assert one == again
    assert (one.lookups, one.asks) != (other.lookups, other.asks)
    assert one.expected == pytest.approx(other.expected)
    # And each TTL has its own.
    assert study._point(plan, PLAINLY, ttl + 1, seed).lookups != one.lookups


# -- the command ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--caches", "0"], "--caches 0: it must be at least 1"),
        (["--rate", "-5"], "--rate -5: it must be more than 0"),
        (["--swing", "2"], "--swing 2: it must be at most 1"),
        (["--capped", "1.5"], "--capped 1.5: it must be at most 1"),
        (["--resolver", "djbdns"], "--resolver djbdns: neither an address nor one of unbound"),
        (["--server", "127.0.0.1"], "--server, --zone and --demand go together"),
        (["--resolver", "127.0.0.1:5300"], "--resolver ADDR needs --server"),
        (["--resolver", "127.0.0.1:99999"], "--resolver 127.0.0.1:99999: neither"),
    ],
)
def test_options_have_bounds(options: list[str], sentence: str) -> None:
    done = CliRunner().invoke(main, ["ttl", "--busy-ok", *options])
    assert done.exit_code != 0
    assert sentence in done.output


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5300", ("192.0.2.1", 5300)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5300", ("2001:db8::1", 5300)),
    ],
)
def test_addresses_are_read(text: str, address: tuple[str, int]) -> None:
    assert kind.address(text) == address
