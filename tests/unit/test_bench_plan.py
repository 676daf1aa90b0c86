"""Which TTLs fit a budget and an objective: the table, the range, the other ways."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from pathlib import Path

import hypothesis.strategies as st
import pytest
from click.testing import CliRunner
from hypothesis import given

from bench.plan import choice, study
from bench.plan.choice import LONGEST, Checks, Limits
from bench.plan.kind import KIND, Parameters
from bench.plan.results import PlanStudy
from bench.plan.source import Known, Seen, like, of_lookups, of_study
from bench.plan.subject import subject
from bench.study.command import command
from bench.study.errors import StudyError
from bench.study.results import About, load, save
from bench.ttl import model
from bench.ttl.demand import Population
from bench.ttl.profiles import Profile
from bench.ttl.results import People, Point, TtlStudy
from bench.ttl.simulate import simulate
from dnsd.cli import main as dnsd
from dnsd.failover.objective import Timing, worst
from dnsd.failover.price import Live
from dnsd.ttladvice.advice import mean
from dnsd.ttladvice.recovery import Floors

PLAN = command(KIND)
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
        quick = line.dnsd_worst <= (limits.objective or 0.0) + 1e-6
        assert line.objective == quick
        assert line.fits == (cheap and quick)
        assert line.dnsd_worst == worst(CHECKS.timing, line.ttl, CHECKS.ttl_min)


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
        (
            Limits(10, 180),
            "TTLs from 115 to 166 s keep 10 queries/s at the peak and recover within 3m.",
        ),
        (
            Limits(10, 60),
            "No TTL keeps both: 10 queries/s at the peak need one of at least 115 s, and 1m one of"
            " at most 46 s, which costs 17.11 queries/s.",
        ),
        (
            Limits(10, 10),
            "No TTL keeps 10s with these checks; 10 queries/s at the peak need one of at least"
            " 115 s.",
        ),
        (
            Limits(0.001, 60),
            "No TTL is sure to keep 0.001 queries/s at the peak: know more of the demand, or raise"
            " the budget.",
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
    curve = choice.curve(KNOWN, Limits(10, 60), CHECKS, frozenset([77]))
    assert [curve[0].ttl, curve[-1].ttl] == [1, 86_400]
    ttls = [line.ttl for line in curve]
    assert ttls == sorted(set(ttls))
    assert {46, 77} <= set(ttls)
    assert all(a.least >= b.least for a, b in pairwise(curve))


# -- the numbered faults of plans --------------------------------------------------------------

REFERENCE = of_lookups(Population(5000, 40, 50), 0.8)


@pytest.mark.parametrize(
    ("ttl", "rate"), [(0, 50), (10, 39.9), (60, 31.4), (300, 22.9), (3600, 10.6)]
)
def test_the_table_of_truth_without_a_day(ttl: int, rate: float) -> None:
    steady = of_lookups(Population(5000, 40, 50), 0.0)
    assert steady.price(ttl).likely == pytest.approx(rate, abs=0.05)
    assert steady.at_peak(ttl) == steady.price(ttl)


def test_the_budget_is_that_of_the_busiest_hour() -> None:
    """With the mean alone 10 s would keep 40 queries/s, and be over it for half of the day."""
    shares = REFERENCE.rates / 50
    level = math.fsum(1 + 0.8 * math.sin(math.pi * at / 720) for at in range(330, 390)) / 60
    for ttl in (10, 60, 300):
        truth = math.fsum(level * 50 * s / (1 + level * 50 * s * ttl) for s in shares.tolist())
        assert REFERENCE.at_peak(ttl).likely == pytest.approx(truth, rel=0.005)
    least = choice.smallest(REFERENCE, 40.0)
    assert least is not None
    assert mean(REFERENCE.at_peak(least)) <= 40 < mean(REFERENCE.at_peak(least - 1))
    assert mean(REFERENCE.price(10)) < 40 < mean(REFERENCE.at_peak(10))


def test_the_mean_of_a_day_is_that_of_its_hours() -> None:
    rates = REFERENCE.rates
    levels = [1 + 0.8 * math.sin(2 * math.pi * (hour + 0.5) / 24) for hour in range(24)]
    truth = [float((x * rates / (1 + x * rates * 60)).sum()) for x in levels]
    assert REFERENCE.price(60).likely == pytest.approx(math.fsum(truth) / 24)
    assert mean(REFERENCE.price(60)) < model.expected(rates, 60)


def test_the_headline_counts_floors_and_whole_seconds() -> None:
    limits = Limits(60.0, 60.0)
    assert choice.sentence(REFERENCE, limits, CHECKS, 46) == (
        "46 s: 31.8 queries/s (peak 53.3), worst 59 s; 60 s saves 1.36 queries/s and costs 14 s"
    )
    line = choice.line(REFERENCE, limits, CHECKS, 46)
    assert line.dnsd_worst == pytest.approx(10 + 2 + 46 + 1 + 0.01)
    assert line.dnsd_floored == pytest.approx(10 + 2 + 4 + 60 + 1 + 0.01)
    none = CHECKS._replace(floors=Floors(0.0, 0.0))
    assert choice.line(REFERENCE, limits, none, 46).dnsd_p95 < line.dnsd_p95


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(None, 60), "TTLs up to 46 s recover within 1m."),
        (Limits(10, None), "TTLs from 115 s keep 10 queries/s at the peak."),
        (Limits(None, None), "No limit is to be kept."),
    ],
)
def test_one_limit_is_enough(limits: Limits, sentence: str) -> None:
    assert choice.verdict(SEEN, limits, CHECKS) == sentence
    best = choice.best(SEEN, limits, CHECKS, 300.0)
    assert choice.sentence(SEEN, limits, CHECKS, best).startswith(f"{best} s: ")


def test_a_plan_for_a_configuration_reads_its_policies(tmp_path: Path) -> None:
    """Timings and objectives are those of the policies; each RRset has its own TTL."""
    zones = tmp_path / "zones"
    zones.mkdir()
    (zones / "example.zone").write_text(
        "$TTL 300\n@ SOA ns h 1 3600 600 86400 30\n@ NS ns\nns A 192.0.2.53\n"
        "www 120 A 192.0.2.80\nwww 120 A 192.0.2.81\nmail 60 A 192.0.2.25\n"
    )
    (zones / "example.toml").write_text(
        '[[pool]]\nname = "www"\ntype = "A"\ncheck = "tcp"\nport = 443\ninterval = "5s"\n'
        'timeout = "1s"\nrto = "1m"\nrto_mode = "warn"\n'
    )
    (tmp_path / "dnsd.toml").write_text(f'[zones]\ndirectory = "{zones}"\n')
    chance = random.Random(3)
    lines = ["time,source,name,type"]
    for name, rtype, ttl in (
        ("www", "A", 120),
        ("www", "AAAA", 30),
        ("mail", "A", 60),
        ("nope", "A", 30),
    ):
        for source in range(20):
            now = 0.0
            while (now := now + chance.expovariate(0.01)) < 3600 * 6:
                lines.append(f"{now:.2f},192.0.2.{source},{name}.example,{rtype}")
                now += ttl
    log, output, summary = tmp_path / "log.csv", tmp_path / "plan.json", tmp_path / "demand.json"
    log.write_text("\n".join(lines))
    how = ["--demand", str(log), "--config", str(tmp_path / "dnsd.toml"), "--qps-budget", "20"]
    done = CliRunner().invoke(PLAN, [*how, "--output", str(output), "--summary", str(summary)])
    assert done.exit_code == 0, done.output
    found = load(output, PlanStudy)
    assert (found.present.interval, found.present.timeout, found.objective) == (5.0, 1.0, 60.0)
    assert (found.about_names, found.today) == ("www.example. A", [120.0])
    assert found.largest == found.best == 60 - 5 - 1 - 2
    by_name = {one.name: one for one in found.advice}
    assert set(by_name) == {"www.example. A", "mail.example. A", "example. SOA minimum"}
    assert (by_name["www.example. A"].today, by_name["www.example. A"].ttl) == (120, 52)
    assert (by_name["example. SOA minimum"].today, by_name["mail.example. A"].ttl) == (30, 60)
    together = {one.name: one.types for one in found.names}
    assert set(together["www.example."]) == {"A", "AAAA"}
    # 20 caches with 0.01 lookups/s each, of which www moves and all else stays as it was.
    rest = sum(sum(types.values()) for types in together.values()) - together["www.example."]["A"]
    line = next(line for line in found.curve if line.ttl == 52)
    assert line.likely == pytest.approx(20 * 0.01 / (1 + 0.01 * 52) + rest, rel=0.04)
    checked = CliRunner().invoke(dnsd, ["check", *how[2:4], "--demand", str(summary)])
    assert "www.example. A has TTL 120; 52 s meets the objective of 1m at " in checked.output


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
        (["--from", "absent.json"], "Path 'absent.json' does not exist"),
    ],
)
def test_what_is_missing_is_a_sentence(options: list[str], sentence: str) -> None:
    done = CliRunner().invoke(PLAN, ["--qps-budget", "5", "--rto", "60s", *options])
    assert done.exit_code
    assert sentence in done.output


def test_a_plan_is_shown_and_written(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    how = ["--qps-budget", "10", "--rto", "3m", "--rate", "5", "--at-ttl", "300"]
    done = CliRunner().invoke(
        PLAN, [*how, "--caches", "200", "--names", "10", "--output", str(path)]
    )
    assert done.exit_code == 0, done.output
    assert (
        "TTLs from 115 to 166 s keep 10 queries/s at the peak and recover within 3m." in done.output
    )
    report = path.with_suffix(".md").read_text()
    assert "**TTLs from 115 to 166 s keep" in report
    (row,) = (line for line in report.splitlines() if line.startswith("| 115 |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:4] == ["10.0 (5.0 to 13.0)", "10.0", "likely"]
    assert cells[4].endswith(", 132")
    assert cells[5:] == [cells[5], "128", "yes", "**yes**"]
    assert cells[5].endswith(", 128")
    assert "5 queries/s at a TTL of 300 s, as given, from 200 caches for 10 names, whose" in report
    assert path.with_suffix(".csv").read_text().startswith("ttl,least,likely,most,peak_least,")


def test_a_plan_from_a_study_has_its_population_with_its_skews() -> None:
    population = Population(50, 5, 10, 0.0, 0.0)
    counts = simulate(population, Profile("plain", ""), 60.0, 4 * 3600.0, [1])
    point = Point(
        part="simulated",
        kind="plain",
        ttl=60,
        seconds=counts.seconds,
        expected=counts.expected,
        sigma=1.0,
        lookups=counts.lookups,
        asks=counts.asks,
    )
    ttl_study = _study(population, point)
    assert of_study(ttl_study, population, "x").measured == [(60, counts.asks / counts.seconds)]
    with pytest.raises(StudyError, match=r"x has .* at a TTL of 60 s, where the model"):
        of_study(ttl_study, Population(50, 5, 10), "x")


def _study(population: Population, point: Point) -> TtlStudy:
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
        server="dnsd",
        demand="",
        population=people,
        trip=0.02,
        habits=[],
        points=[point],
        own=[],
        losses=[],
        notes={},
    )


def test_real_resolvers_are_dots_of_a_plan(tmp_path: Path) -> None:
    point = Point(
        part="real",
        kind="unbound",
        ttl=60,
        seconds=600.0,
        expected=3.0,
        sigma=0.1,
        lookups=5000,
        asks=1800,
    )
    path = tmp_path / "real.json"
    save(_study(Population(50, 5, 10), point), path)
    found = subject(Parameters(rate=5.0, at_ttl=300.0, real=path))
    (dot,) = found.dots
    assert (dot.ttl, dot.rate, dot.kind) == (60, 3.0, "unbound")
    planned = study.plan(found, Limits(10, 180), {60}, About("", "", {}, {}))
    assert planned.dots == [dot]


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
