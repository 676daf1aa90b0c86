"""Which TTLs fit a budget and an objective: the table, the range, the other ways."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import hypothesis.strategies as st
import pytest
from click.testing import CliRunner
from hypothesis import given

from bench.plan import choice, study
from bench.plan.choice import LONGEST, Checks, Limits
from bench.plan.cli import plan
from bench.plan.source import Known, Seen, like, of_study
from bench.study.errors import StudyError
from bench.study.results import About
from bench.ttl import model
from bench.ttl.demand import Population
from bench.ttl.profiles import Profile
from bench.ttl.results import People, Simulated, TtlStudy
from bench.ttl.simulate import simulate
from dnsd.failover.objective import Timing, worst
from dnsd.failover.price import Live

CHECKS = Checks(Timing(10.0, 2.0, 1.0, 3), ttl_min=5)
KNOWN = Known(Population(1000, 10, 100).rates(), "a population", [])
SEEN = Seen(Live(5.0, 300.0), "a rate", like(Live(5.0, 300.0), 200, 10))
BLIND = Seen(Live(5.0, 300.0), "a rate of unknown origin", None)

_sources = st.sampled_from([KNOWN, SEEN, BLIND])
_limits = st.builds(Limits, st.floats(0.01, 1e6), st.floats(1, 5000))


@given(_sources, _limits, st.sets(st.integers(0, LONGEST), max_size=20))
def test_exactly_the_ttls_of_the_range_fit(
    source: Known | Seen, limits: Limits, ttls: set[int]
) -> None:
    lines = choice.lines(source, limits, CHECKS, ttls)
    assert ttls <= {line.ttl for line in lines}
    least = choice.smallest(source, limits.queries)
    for line in lines:
        cheap = least is not None and line.ttl >= least
        quick = line.worst <= limits.objective + 1e-6
        assert line.objective == quick
        assert line.fits == (cheap and quick)
        assert line.worst == worst(CHECKS.timing, line.ttl, CHECKS.ttl_min)


@given(_sources, st.floats(0.01, 1e6))
def test_one_second_less_than_the_smallest_ttl_is_too_dear(
    source: Known | Seen, queries: float
) -> None:
    least = choice.smallest(source, queries)
    if least:
        price = source.price(least - 1)
        assert (price.most if price.likely is None else price.likely) > queries
    elif least is None:
        price = source.price(LONGEST)
        assert (price.most if price.likely is None else price.likely) > queries


def test_a_known_population_costs_what_the_model_says() -> None:
    price = KNOWN.price(60)
    assert price.least == price.likely == price.most
    assert price.likely == model.expected(KNOWN.rates, 60)


def test_what_a_rate_leaves_open_is_not_hidden() -> None:
    limits = Limits(10, 60)
    by_ttl = {line.ttl: line for line in choice.lines(SEEN, limits, CHECKS, {0, 30, 300})}
    assert by_ttl[0].most is None
    assert by_ttl[30].budget == "unlikely"
    assert by_ttl[115].budget == "likely"
    assert by_ttl[300].budget == "yes"
    blind = {line.ttl: line for line in choice.lines(BLIND, limits, CHECKS, {30})}
    assert blind[30].budget == "perhaps"
    assert not blind[30].fits


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(10, 180), "TTLs from 115 to 166 s keep 10 queries/s and recover within 3m."),
        (
            Limits(10, 60),
            "No TTL keeps both: 10 queries/s need one of at least 115 s, and 1m one of at most"
            " 46 s, which costs 17.11 queries/s.",
        ),
        (
            Limits(10, 10),
            "No TTL keeps 10s with these checks; 10 queries/s need one of at least 115 s.",
        ),
        (
            Limits(0.001, 60),
            "No TTL is sure to keep 0.001 queries/s: know more of the demand, or raise the budget.",
        ),
    ],
)
def test_the_verdict_is_a_sentence(limits: Limits, sentence: str) -> None:
    assert choice.verdict(SEEN, limits, CHECKS) == sentence


@given(_sources, _limits)
def test_every_other_way_keeps_the_objective(source: Known | Seen, limits: Limits) -> None:
    ways = choice.ways(source, limits, CHECKS)
    assert all(way.line.objective for way in ways)
    assert [way.line.fits for way in ways] == sorted((way.line.fits for way in ways), reverse=True)


def test_the_curve_goes_from_end_to_end() -> None:
    curve = choice.curve(KNOWN, Limits(10, 60), CHECKS, 3600)
    assert [curve[0].ttl, curve[-1].ttl] == [0, 3600]
    assert [line.ttl for line in curve] == sorted({line.ttl for line in curve})
    assert all(a.least >= b.least for a, b in pairwise(curve))


def test_a_running_node_is_counted_by_its_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = iter(range(0, 100 * (study.STEPS + 1), 100))
    clock = iter([100.0, 340.0])

    def status(**_: object) -> dict[str, dict[str, int]]:
        total = next(counted)
        return {"counters": {"queries_udp": total, "queries_tcp": total // 10}}

    monkeypatch.setattr("bench.plan.study.node.status", status)
    monkeypatch.setattr("bench.plan.study.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("bench.plan.study.time.sleep", lambda _: None)
    found = study.watch(None, 240, 300)
    assert (found.rate, found.ttl) == (11, 300)
    assert 10.8 > found.least > 10.5
    assert 11.2 < found.most < 11.5


def test_pools_of_a_running_dnsd(monkeypatch: pytest.MonkeyPatch) -> None:
    def pool(name: str, mean: float | None) -> dict[str, object]:
        rate = mean and {"low": mean - 3, "mean": mean, "high": mean + 4, "seconds": 600}
        return {"name": name, "type": "A", "rate": rate}

    told = [pool("www.example.", 10.0), pool("www.example.", 20.0), pool("api.example.", None)]
    monkeypatch.setattr("bench.plan.study.node.pools", lambda **_: told)
    found = study.pools(None, {"www.example."}, 60)
    assert (found.rate, found.ttl) == (30, 60)
    assert found.least == pytest.approx(30 - 3 * 2**0.5)
    assert found.most == pytest.approx(30 + 4 * 2**0.5)
    with pytest.raises(StudyError, match="has counted no queries for a pool of that name"):
        study.pools(None, {"api.example."}, 60)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "say where demand is known from"),
        (["--rate", "5", "--lookups", "5"], "say where demand is known from"),
        (["--rate", "5"], "a rate of queries says nothing without the TTL: add --at-ttl"),
        (["--lookups", "5"], "--caches has to say by how many caches"),
        (["--rate", "5", "--at-ttl", "60", "--timeout", "2"], "'2' is not a duration"),
        (["--from", "absent.json"], "absent.json cannot be read: No such file or directory"),
    ],
)
def test_what_is_missing_is_a_sentence(options: list[str], sentence: str) -> None:
    done = CliRunner().invoke(plan, ["--qps-budget", "5", "--rto", "60s", *options])
    assert done.exit_code
    assert sentence in done.output


def test_a_plan_is_shown_and_written(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    how = ["--qps-budget", "10", "--rto", "3m", "--rate", "5", "--at-ttl", "300"]
    done = CliRunner().invoke(
        plan, [*how, "--caches", "200", "--names", "10", "--output", str(path)]
    )
    assert done.exit_code == 0, done.output
    assert "TTLs from 115 to 166 s keep 10 queries/s and recover within 3m." in done.output
    report = path.with_suffix(".md").read_text()
    assert "**TTLs from 115 to 166 s keep" in report
    assert "| 115 | 10.0 (5.0 to 13.0) | likely | 132.0 | 128.0 | yes | **yes** |" in report
    assert "5 queries/s at a TTL of 300 s, as given, from 200 caches for 10 names, whose" in report
    assert path.with_suffix(".csv").read_text().startswith("ttl,least,likely,most,budget,")


def test_a_plan_from_a_study_has_its_population_with_its_skews() -> None:
    population = Population(50, 5, 10, 0.0, 0.0)
    points = simulate(population, Profile("plain", ""), [60.0], 4 * 3600.0, 1)[60.0]
    point = Simulated(
        profile="plain",
        ttl=60,
        seconds=points.seconds,
        lookups=points.lookups,
        asks=points.asks,
        waited=0,
        stale=0,
        expected=0.0,
        finer=0.0,
        as_it_stands=0.0,
        sigma=1.0,
    )
    ttl_study = _study(population, point)
    assert of_study(ttl_study, population, "x").measured == [(60, point.rate)]
    with pytest.raises(StudyError, match=r"x has .* at a TTL of 60 s, where the model"):
        of_study(ttl_study, Population(50, 5, 10), "x")


def _study(population: Population, point: Simulated) -> TtlStudy:
    people = People(
        population.caches,
        population.names,
        population.rate,
        population.cache_skew,
        population.name_skew,
    )
    return TtlStudy(
        kind="ttl",
        about=About("", "", {}, {}),
        trip=0.02,
        population=people,
        demand=people,
        real=[],
        between={},
        seen=0,
        counted=0,
        late=0.0,
        simulated=[point],
        load=[],
        idle=0.0,
        speed=1.0,
        notes={},
    )


@pytest.mark.parametrize("ttl", [10.0, 60.0, 300.0])
def test_what_is_likely_is_right_for_uneven_demand(ttl: float) -> None:
    population = Population(5000, 40, 50)
    live = Live(model.expected(population.rates(), ttl), ttl)
    seen = Seen(live, "a rate", like(live, 5000, 40))
    for other in (0, 10, 60, 300, 3600):
        truth = model.expected(population.rates(), other)
        price = seen.price(other)
        assert price.likely == pytest.approx(truth, rel=1e-6)
        assert price.least <= truth <= price.most
    assert choice.smallest(seen, 20.0) == pytest.approx(520, abs=5)
