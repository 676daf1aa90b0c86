"""One TTL for each RRset, with the reason; the demand it is priced by; what governs caching."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.failover.objective import Timing, worst
from dnsd.ttladvice.advice import DAY_S, Goal, Subject, advise, mean, next_step
from dnsd.ttladvice.demand import Caches, DemandError, DemandFile, RRsetDemand, read, write
from dnsd.ttladvice.held import GoverningRRset, Holding
from dnsd.zone.load import load_text

TIMING = Timing(10.0, 2.0, 1.0, 3, 0.26)
GOAL = Goal(60.0, TIMING, 5)


def shares(count: int) -> list[float]:
    """Return shares by Zipf's law."""
    total = math.fsum(1 / rank for rank in range(1, count + 1))
    return [1 / rank / total for rank in range(1, count + 1)]


def population(levels: tuple[float, ...] = (1.0,)) -> RRsetDemand:
    """Return the reference demand: 50 lookups/s at 5,000 caches for 40 names."""
    names = shares(40)
    caches = tuple(Caches(1, 50 * one * name) for one in shares(5000) for name in names)
    return RRsetDemand("www.example.com.", "A", "data", 300.0, caches, levels)


REFERENCE = population()


@pytest.mark.parametrize(
    ("ttl", "rate"), [(0, 50), (10, 39.9), (60, 31.4), (300, 22.9), (3600, 10.6)]
)
def test_the_table_of_truth(ttl: int, rate: float) -> None:
    price = REFERENCE.price(ttl)
    assert price.likely == pytest.approx(rate, abs=0.05)
    assert price.least < rate < price.most


def test_the_peak_is_that_of_the_busiest_part_of_the_day() -> None:
    asked = RRsetDemand("www.", "A", "data", 60, (Caches(10, 0.5),), (0.5, 1.0, 1.5))
    assert asked.lookups == 5.0
    truth = [10 * level * 0.5 / (1 + level * 0.5 * 60) for level in (0.5, 1.0, 1.5)]
    assert mean(asked.price(60)) == pytest.approx(sum(truth) / 3)
    assert mean(asked.at_peak(60)) == pytest.approx(truth[2])


def test_the_band_is_that_of_resampling() -> None:
    """A thousand caches that are alike: the count of a Poisson resampling has σ = √1000."""
    price = RRsetDemand("www.", "A", "data", 60, (Caches(1000, 0.1, 1000),)).price(0)
    assert price.most - price.least == pytest.approx(2 * 1.96 * 0.1 * 1000**0.5, rel=0.001)


def asked(name: str, rate: float, kind: str = "data", rtype: str = "A") -> RRsetDemand:
    return RRsetDemand(name, rtype, kind, 300, (Caches(20, rate, 20),))  # type: ignore[arg-type]


def test_a_pool_gets_the_largest_ttl_that_meets_its_objective() -> None:
    (one,) = advise([Subject(asked("www.example.com.", 1.0), 3600, GOAL)]).found
    assert one.ttl == 46
    assert worst(TIMING, one.ttl, 5) <= 60 < worst(TIMING, one.ttl + 1, 5)
    assert not one.kept
    assert one.back is not None
    assert one.back.worst <= 60
    assert one.sentence() == (
        "www.example.com. A has TTL 3600; 46 s meets the objective of 1m at 0.426 queries/s,"
        " peak 0.426 (today 0.00555); 60 s saves 0.0977 queries/s and costs 14 s"
    )


def test_an_objective_that_no_ttl_meets_is_no_reason_to_change_it() -> None:
    goal = GOAL._replace(objective=10.0)
    (one,) = advise([Subject(asked("www.", 1.0), 300, goal)]).found
    assert one.ttl == 300
    assert "no TTL meets the objective of 10s with these checks" in one.sentence()


def test_without_an_objective_the_ttl_stays() -> None:
    (one,) = advise([Subject(asked("mail.", 1.0), 300)]).found
    assert (one.ttl, one.kept, one.back) == (300, True, None)
    assert one.sentence().startswith("mail. A has TTL 300: keep it (no objective asks for another;")


def test_a_budget_lengthens_what_has_no_objective_and_saves_most_first() -> None:
    subjects = [
        Subject(asked("www.", 1.0), 300, GOAL),
        Subject(asked("busy.", 1.0), 30),
        Subject(asked("idle.", 1e-6), 30),
        Subject(asked("example.", 0.5, "negative", "SOA"), 10),
    ]
    free = advise(subjects)
    tight = advise(subjects, budget=free.peak - 1.5)
    by_name = {one.subject.name: one for one in tight.found}
    assert tight.fits
    assert tight.peak <= free.peak - 1.5
    assert by_name["www. A"].ttl == 46
    assert by_name["idle. A"].ttl == 30
    assert by_name["example. SOA minimum"].ttl > 10
    assert "helps to keep the budget of" in by_name["example. SOA minimum"].sentence()
    assert tight.sentence().startswith("With these TTLs caches ask ")
    hopeless = advise(subjects, budget=0.001)
    assert not hopeless.fits
    assert "over the budget of 0.001." in hopeless.sentence()


_subjects = st.lists(
    st.builds(
        Subject,
        st.builds(asked, st.sampled_from(["a.", "b.", "c."]), st.floats(1e-6, 100)),
        st.integers(0, DAY_S),
        st.none() | st.builds(Goal, st.floats(15, 5000), st.just(TIMING), st.integers(1, 30)),
    ),
    max_size=6,
)


@given(_subjects, st.none() | st.floats(1e-3, 1000))
def test_advice_keeps_objectives_and_never_costs_more_than_it_says(
    subjects: list[Subject], budget: float | None
) -> None:
    advised = advise(subjects, budget)
    assert len(advised.found) == len(subjects)
    for one in advised.found:
        goal = one.subject.goal
        if goal is None:
            assert one.ttl >= one.subject.today
        elif "no TTL" not in one.why:
            assert worst(goal.timing, one.ttl, goal.ttl_min) <= goal.objective + 1e-6
        assert one.queries == one.subject.asked.price(one.ttl)
        assert one.peak == one.subject.asked.at_peak(one.ttl)
    if budget is not None and not advised.fits:
        free = (one for one in advised.found if one.subject.goal is None)
        assert all(one.ttl >= DAY_S for one in free)


def test_the_next_step_is_priced() -> None:
    assert next_step(REFERENCE, 46, GOAL) == "60 s saves 1.36 queries/s and costs 14 s"
    assert next_step(REFERENCE, 300, None) == "600 s saves 3.63 queries/s"
    assert next_step(REFERENCE, DAY_S, None) == ""


# -- demand files --------------------------------------------------------------------------------


def test_a_demand_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    summary = DemandFile(
        words="a log", rrsets=(asked("www.", 1.0), asked("example.", 0.5, "negative"))
    )
    path = tmp_path / "demand.json"
    write(summary, path)
    assert read(path) == summary
    assert summary.of("WWW.", "A") == summary.rrsets[0]
    assert summary.of("example.", "A") is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is not a demand file"),
        ("\xff", "is not a demand file"),
        (
            '{"words": "", "rrsets": [{"name": "w.", "type": "A", "kind": "data", "ttl": 1, '
            '"caches": [[1, -1, 1]]}]}',
            "0.0",
        ),
        ('{"words": "", "rrsets": [], "schema": "dnsd demand 2"}', "Invalid enum value"),
        ('{"words": "", "rrsets": [], "other": 1}', "unknown field"),
    ],
)
def test_what_is_no_demand_file_is_a_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "demand.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(DemandError, match=sentence):
        read(path)
    with pytest.raises(DemandError, match="cannot be read: No such file"):
        read(tmp_path / "absent")


# -- what governs caching ------------------------------------------------------------------------

ZONE = """\
$TTL 300
@ 7200 SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 192.0.2.53
www 120 A 192.0.2.80
web 60 CNAME www
far 50 CNAME www.example.net.
*.dev 40 A 192.0.2.81
old 30 DNAME www
sub 900 NS ns.sub
ns.sub A 192.0.2.54
"""


@pytest.mark.parametrize(
    ("name", "rtype", "expected"),
    [
        ("www", "A", GoverningRRset("www.example.", "A", "data", 120)),
        ("WWW", "A", GoverningRRset("www.example.", "A", "data", 120)),
        ("www", "AAAA", GoverningRRset("example.", "SOA", "negative", 60)),
        ("www", "HTTPS", GoverningRRset("example.", "SOA", "negative", 60)),
        ("nope", "A", GoverningRRset("example.", "SOA", "negative", 60)),
        ("web", "A", GoverningRRset("web.example.", "CNAME", "data", 60)),
        ("far", "A", GoverningRRset("far.example.", "CNAME", "data", 50)),
        ("x.dev", "A", GoverningRRset("*.dev.example.", "A", "data", 40)),
        ("y.old", "A", GoverningRRset("old.example.", "DNAME", "data", 30)),
        ("www.sub", "A", GoverningRRset("sub.example.", "NS", "referral", 900)),
        ("ns.sub", "A", GoverningRRset("sub.example.", "NS", "referral", 900)),
        ("ns", "A", GoverningRRset("ns.example.", "A", "data", 300)),
        ("@", "ANY", None),
        ("@", "BOGUS!", None),
    ],
)
def test_what_governs_how_long_a_response_is_held(
    name: str, rtype: str, expected: GoverningRRset | None
) -> None:
    zone = load_text("example.", ZONE.encode()).zone
    assert zone is not None
    full = "example." if name == "@" else f"{name}.example."
    assert Holding(zone).of(full, rtype) == expected
    assert Holding(zone).of("www.other.", "A") is None
