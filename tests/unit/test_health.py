"""The verdict: stories told in observations, and what holds whatever is observed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.announce.health import REPLACED_S, Health, Level, NodeHealth
from dnsd.announce.observation import CheckResult, Observation, SelfCheckOutcome, WorkerView
from dnsd.announce.wayback import IN_A_ROW, Sent
from dnsd.config.anycast import Anycast, SelfCheckConfig

OK, WRONG, SILENT = SelfCheckOutcome.OK, SelfCheckOutcome.WRONG, SelfCheckOutcome.SILENT
HEALTHY, DEGRADED, FAILED = Level.HEALTHY, Level.DEGRADED, Level.FAILED

FALL, RISE = 3, 5
MISS = 0.25
VIPS = ("192.0.2.53", "2001:db8:53::53")
LANES = tuple(product(VIPS, ("udp", "tcp")))
UDP4 = LANES[0]
DETAIL = {OK: "", WRONG: "answered www A with SERVFAIL", SILENT: "did not answer www A"}
WELL = (WorkerView(0, serving=True, silent=0.0, lag=0.0), WorkerView(1, True, 0.01, 0.001))
DEAF = (WorkerView(0, serving=True, silent=MISS, lag=0.0), WELL[1])
FIRST = Observation(0.0, (), WELL, 10, 0, 0.0, "", overloaded=False)
GOOD = NodeHealth(HEALTHY, ())
LATE = SelfCheckConfig().timeout / 2


def config(on_unhealthy: str = "drain", fall: int = FALL, rise: int = RISE) -> Anycast:
    return Anycast(
        enabled=True,
        vips=VIPS,
        subnets=("192.0.2.0/24", "2001:db8:53::/48"),
        on_unhealthy="drain" if on_unhealthy == "drain" else "withdraw",
        heartbeat_miss=MISS,
        stale_after=60.0,
        check=SelfCheckConfig(fall=fall, rise=rise),
    )


@dataclass
class Site:
    """A node that is looked at; what is not told to it is as it was."""

    health: Health = field(default_factory=lambda: Health(config()))
    seen: Observation = FIRST
    verdict: NodeHealth = GOOD

    @classmethod
    def that_is_well(cls, on_unhealthy: str = "drain") -> Site:
        site = cls(Health(config(on_unhealthy)))
        for _ in range(RISE):
            site.all(OK)
        assert (site.level, site.health.is_conclusive) == (HEALTHY, True)
        return site

    @property
    def level(self) -> Level:
        return self.verdict.level

    def look(self, *checks: CheckResult, **changed: Any) -> Level:
        """One observation, half a second after the last."""
        now = self.seen.now + 0.5
        self.seen = self.seen._replace(**{"now": now, "checks": checks, **changed})
        self.verdict = self.health.observe(self.seen)
        return self.level

    def one(self, outcome: SelfCheckOutcome, lane: tuple[str, str] = UDP4) -> Level:
        """One result of one lane."""
        return self.look(result(outcome, lane))

    def all(self, outcome: SelfCheckOutcome) -> Level:
        """One result of each lane."""
        return self.look(*(result(outcome, lane) for lane in LANES))

    def levels(
        self, outcomes: Iterable[SelfCheckOutcome], lane: tuple[str, str] = UDP4
    ) -> list[Level]:
        return [self.one(outcome, lane) for outcome in outcomes]


def result(outcome: SelfCheckOutcome, lane: tuple[str, str] = UDP4) -> CheckResult:
    return CheckResult(*lane, "www A", outcome, DETAIL[outcome], 0.001)


# -- checks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", LANES)
def test_silence_on_any_address_over_any_transport_fails_the_node(lane: tuple[str, str]) -> None:
    site = Site.that_is_well()
    assert site.levels([SILENT] * FALL, lane) == [HEALTHY, HEALTHY, FAILED]
    assert site.verdict.reasons == (f"{lane[0]} did not answer www A, 3 times in a row",)


@pytest.mark.parametrize(("on_unhealthy", "level"), [("drain", DEGRADED), ("withdraw", FAILED)])
def test_wrong_answers_do_what_the_operator_says(on_unhealthy: str, level: Level) -> None:
    site = Site.that_is_well(on_unhealthy=on_unhealthy)
    assert site.levels([WRONG] * FALL) == [HEALTHY, HEALTHY, level]
    assert site.verdict.reasons == (f"{VIPS[0]} answered www A with SERVFAIL, 3 times in a row",)


def test_one_failure_is_enough_if_that_is_configured() -> None:
    site = Site(Health(config(fall=1, rise=1)))
    assert site.all(OK) == HEALTHY
    assert site.one(SILENT) == FAILED
    assert site.verdict.reasons == (f"{VIPS[0]} did not answer www A",)
    assert site.one(OK) == HEALTHY


def test_a_good_answer_between_makes_failures_no_series() -> None:
    site = Site.that_is_well()
    for bad in (SILENT, WRONG):
        assert set(site.levels([bad, bad, OK] * 10)) == {HEALTHY}


def test_lanes_are_counted_for_themselves() -> None:
    site = Site.that_is_well()
    for lane in LANES:
        assert site.levels([SILENT] * (FALL - 1), lane)[-1] == HEALTHY


def test_silence_is_graver_than_wrong_answers_and_stands_first() -> None:
    site = Site.that_is_well()
    site.levels([WRONG] * FALL, LANES[0])
    site.levels([SILENT] * FALL, LANES[3])
    assert site.level == FAILED
    assert ["did not answer" in reason for reason in site.verdict.reasons] == [True, False]


def test_the_way_back_is_shown() -> None:
    site = Site.that_is_well()
    site.levels([SILENT] * FALL)
    site.levels([OK, OK])
    assert site.verdict.reasons == (
        "recovering: 2 of 5 good self-checks; last fault: "
        "192.0.2.53 did not answer www A, 3 times in a row",
    )
    assert site.levels([OK] * 3) == [FAILED, FAILED, HEALTHY]
    assert site.verdict == GOOD


def test_a_failure_on_the_way_back_begins_it_again() -> None:
    site = Site.that_is_well()
    site.levels([SILENT] * FALL)
    assert set(site.levels(([OK] * (RISE - 1) + [SILENT]) * 5)) == {FAILED}


def test_a_node_that_answers_again_but_wrongly_is_degraded_in_the_end() -> None:
    """Were it failed for ever, an error of all nodes' data would withdraw one after the other."""
    site = Site.that_is_well()
    site.levels([SILENT] * FALL)
    assert site.levels([WRONG] * RISE) == [FAILED] * (RISE - 1) + [DEGRADED]
    site = Site.that_is_well(on_unhealthy="withdraw")
    site.levels([SILENT] * FALL)
    assert set(site.levels([WRONG] * 2 * RISE)) == {FAILED}


def test_many_failing_checks_are_told_shortly_the_gravest_first() -> None:
    vips = tuple(f"192.0.2.{number}" for number in range(1, 5))
    site = Site(Health(msgspec.structs.replace(config(), vips=vips)))
    lanes = list(product(vips, ("udp", "tcp")))
    for lane in lanes[:-1]:
        site.levels([WRONG] * FALL, lane)
    site.levels([SILENT] * FALL, lanes[-1])
    assert len(site.verdict.reasons) == 5
    assert site.verdict.reasons[0].startswith("192.0.2.4 did not answer")
    assert site.verdict.reasons[-1] == "4 more checks fail"


# -- the beginning ----------------------------------------------------------------------------


def test_nothing_is_conclusive_before_every_lane_has_been_asked_often_enough() -> None:
    site = Site()
    for _ in range(RISE):
        assert not site.health.is_conclusive
        for lane in LANES[:3]:
            site.one(OK, lane)
    for _ in range(RISE):
        assert not site.health.is_conclusive
        site.one(OK, LANES[3])
    assert site.health.is_conclusive


def test_failure_is_conclusive_at_once_and_wrong_answers_when_all_lanes_are_known() -> None:
    site = Site()
    site.look(workers=())
    assert (site.level, site.health.is_conclusive) == (FAILED, True)
    site = Site()
    site.levels([WRONG] * FALL)
    assert (site.level, site.health.is_conclusive) == (DEGRADED, False)


def test_results_of_an_address_that_is_not_ours_are_ignored() -> None:
    site = Site.that_is_well()
    assert set(site.levels([SILENT] * 10, ("192.0.2.99", "udp"))) == {HEALTHY}


# -- workers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "worker",
    [
        WorkerView(0, serving=False, silent=0.0, lag=0.0),
        WorkerView(0, serving=True, silent=MISS, lag=0.0),
    ],
)
def test_one_bad_worker_is_a_remark_and_all_of_them_are_a_failure(worker: WorkerView) -> None:
    site = Site.that_is_well()
    assert site.look(workers=(worker, WELL[1])) == HEALTHY
    assert [reason.startswith("worker 0 ") for reason in site.verdict.reasons] == [True]
    assert site.look(workers=(worker, worker._replace(number=1))) == FAILED
    assert site.verdict.reasons[0].startswith("no worker answers: worker 0 ")


def test_workers_that_are_bad_each_in_its_way_are_all_bad() -> None:
    site = Site.that_is_well()
    workers = (
        WorkerView(0, False, 0.0, 0.0),
        WorkerView(1, True, 0.3, 0),
    )
    assert site.look(workers=workers) == FAILED
    assert site.verdict.reasons == (
        "no worker answers: worker 0 does not serve, worker 1 has been silent for 0.3 s",
    )


def test_many_bad_workers_are_told_shortly() -> None:
    site = Site.that_is_well()
    site.look(workers=tuple(WorkerView(number, False, 0, 0) for number in range(64)))
    assert site.verdict.reasons[0].endswith("worker 3 does not serve, 60 more")


def test_what_is_just_within_its_bounds_is_well() -> None:
    site = Site.that_is_well()
    assert site.look(workers=(WorkerView(0, True, MISS - 0.01, LATE),)) == HEALTHY
    assert site.verdict.reasons == ()


def test_workers_that_are_late_but_get_on_are_a_remark_and_excuse_silence_only() -> None:
    """A machine that is too busy: to withdraw it would move its load to the next one."""
    site = Site.that_is_well()
    late = tuple(WorkerView(number, True, 0.0, 60.0) for number in range(2))
    assert site.look(workers=late) == HEALTHY
    assert site.verdict.reasons[0] == "worker 0 is 60 s late, but makes progress"
    assert set(site.levels([SILENT] * 100)) == {HEALTHY}
    assert any("not counted: a worker is late" in one for one in site.verdict.reasons)
    assert site.levels([WRONG] * FALL)[-1] == DEGRADED
    site.look(workers=WELL)
    assert site.levels([SILENT] * FALL)[-1] == FAILED


def test_silence_is_excused_while_a_worker_is_replaced_but_not_for_ever() -> None:
    site = Site.that_is_well()
    site.look(workers=DEAF)
    began = site.seen.now
    while site.seen.now + 0.5 < began + REPLACED_S:
        assert site.one(SILENT) == HEALTHY
    assert any("not counted: a worker" in reason for reason in site.verdict.reasons)
    assert site.levels([SILENT] * FALL)[-1] == FAILED


def test_a_worker_that_is_replaced_does_not_excuse_wrong_answers() -> None:
    site = Site.that_is_well()
    site.look(workers=DEAF)
    assert site.levels([WRONG] * FALL)[-1] == DEGRADED


# -- zones and disk ---------------------------------------------------------------------------


@pytest.mark.parametrize(("zones", "broken"), [(0, 0), (3, 3)])
def test_a_node_without_zones_has_failed_at_once(zones: int, broken: int) -> None:
    site = Site.that_is_well()
    assert site.look(zones=zones, broken=broken) == FAILED
    assert site.verdict.reasons == ("no zone is loaded: dnsd status shows why",)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"broken": 2, "lost": 2}, "2 zones are no longer served: dnsd status shows why"),
        ({"broken": 2, "lost": 1}, "1 zone is no longer served: dnsd status shows why"),
        ({"stale": 3660.0}, "a zone has failed to reload for 1h1m: dnsd status shows why"),
        ({"disk": "the disk is full"}, "the disk is full"),
        ({"cut_off": "it is cut off"}, "it is cut off"),
        ({"unserved": ("worker 1 has no image",)}, "worker 1 has no image"),
    ],
)
def test_soft_reasons_degrade(changed: dict[str, object], reason: str) -> None:
    site = Site.that_is_well()
    assert site.look(**changed) == DEGRADED
    assert site.verdict.reasons == (reason,)


def test_a_new_zone_that_was_never_served_is_no_reason() -> None:
    """It comes by rsync to all nodes at once, and all of them would drain."""
    site = Site.that_is_well()
    assert site.look(zones=11, broken=1) == HEALTHY
    assert site.verdict == GOOD


def test_a_zone_may_be_stale_for_a_while() -> None:
    site = Site.that_is_well()
    assert site.look(stale=60.0) == HEALTHY


@pytest.mark.parametrize(
    ("bad", "well", "level"),
    [
        ({"workers": ()}, {"workers": WELL}, FAILED),
        ({"zones": 0}, {"zones": 10}, FAILED),
        ({"disk": "it is full"}, {"disk": ""}, DEGRADED),
        ({"cut_off": "it is"}, {"cut_off": ""}, DEGRADED),
    ],
)
def test_what_is_over_counts_until_all_lanes_have_risen(
    bad: dict[str, object], well: dict[str, object], level: Level
) -> None:
    site = Site.that_is_well()
    site.look(**bad)
    for _ in range(3 * RISE):
        assert site.all(OK) == level, "good answers before the end of it count for nothing"
    site.look(**well)
    for done in range(1, RISE):
        assert site.all(OK) == level
        way = f"recovering: {done} of 5 good self-checks; last fault: "
        assert site.verdict.reasons[0].startswith(way)
    for lane in LANES[:-1]:
        assert site.one(OK, lane) == level
    assert site.one(OK, LANES[-1]) == HEALTHY


def test_what_is_so_now_stands_before_what_is_over_however_grave_that_was() -> None:
    site = Site.that_is_well()
    site.look(workers=())
    over = [site.verdict.recovering]
    site.look(workers=WELL)
    over.append(site.verdict.recovering)
    assert over == [False, True]
    site.look(disk="it is full")
    assert (site.level, site.verdict.recovering) == (FAILED, False)
    assert site.verdict.reasons == (
        "it is full",
        "recovering: 0 of 5 good self-checks; last fault: no worker is running",
    )


def test_a_start_is_no_recovery_and_its_past_is_not_told() -> None:
    site = Site()
    site.look(workers=(WELL[0]._replace(serving=False),))
    told = [*site.verdict.reasons]
    site.look(workers=WELL)
    told += site.verdict.reasons
    site.levels([SILENT] * FALL)
    assert [*told, *site.verdict.reasons] == [
        "no worker answers: worker 0 does not serve",
        "starting: 0 of 5 good self-checks",
        "192.0.2.53 did not answer www A, 3 times in a row",
        "starting: 0 of 5 good self-checks",
    ]


def test_of_many_checks_that_recover_those_that_fail_stand_first() -> None:
    site = Site.that_is_well()
    for lane in LANES:
        site.levels([SILENT] * FALL, lane)
    for lane in LANES[:3]:
        site.one(OK, lane)
    assert site.verdict.reasons[0].startswith(f"{LANES[3][0]} did not answer")
    assert all(reason.startswith("recovering: 1 of 5") for reason in site.verdict.reasons[1:])


@pytest.mark.parametrize("bad", [WRONG, SILENT])
def test_what_is_over_counts_until_results_are_good_in_a_row(bad: SelfCheckOutcome) -> None:
    site = Site.that_is_well()
    site.look(disk="it is full")
    site.look(disk="")
    for _ in range(5):
        for outcome in [OK] * (RISE - 1) + [bad]:
            assert site.all(outcome) == DEGRADED


def test_a_failure_that_is_over_counts_until_answers_come_in_a_row() -> None:
    site = Site.that_is_well()
    site.look(workers=())
    site.look(workers=WELL)
    for _ in range(5):
        for outcome in [WRONG] * (RISE - 1) + [SILENT]:
            assert site.all(outcome) == FAILED


def test_a_failing_check_stands_before_what_merely_degrades() -> None:
    site = Site.that_is_well()
    site.look(disk="it is full")
    site.levels([SILENT] * FALL)
    assert [reason.startswith(VIPS[0]) for reason in site.verdict.reasons] == [True, False]


def test_a_failure_that_is_over_is_a_softer_one_while_answers_are_wrong() -> None:
    site = Site.that_is_well()
    site.look(workers=())
    site.look(workers=WELL)
    for _ in range(RISE - 1):
        assert site.all(WRONG) == FAILED
    assert {site.all(WRONG) for _ in range(RISE)} == {DEGRADED}


# -- overload ---------------------------------------------------------------------------------


def test_overload_excuses_silence_and_says_so() -> None:
    site = Site.that_is_well()
    site.look(overloaded=True)
    assert set(site.levels([SILENT] * 100)) == {HEALTHY}
    assert site.verdict.reasons == (
        "192.0.2.53 did not answer www A, 100 times in a row; not counted: overload",
    )
    site.look(overloaded=False)
    assert site.levels([SILENT] * FALL) == [HEALTHY, HEALTHY, FAILED], "none of it is held back"


def test_silence_that_is_excused_is_no_part_of_a_series() -> None:
    site = Site.that_is_well()
    for _ in range(5):
        assert site.levels([SILENT] * (FALL - 1))[-1] == HEALTHY
        site.look(result(SILENT), overloaded=True)
        site.look(overloaded=False)
    assert site.level == HEALTHY


def test_overload_brings_no_node_back() -> None:
    site = Site.that_is_well()
    site.levels([SILENT] * FALL)
    site.look(overloaded=True)
    assert set(site.levels(([OK] * (RISE - 1) + [SILENT]) * 5)) == {FAILED}


# -- whatever is observed ---------------------------------------------------------------------

outcomes = st.sampled_from(SelfCheckOutcome)
results = st.builds(result, outcomes, st.sampled_from(LANES))
workers = st.lists(
    st.builds(
        WorkerView,
        st.just(0),
        st.booleans(),
        st.sampled_from((0.0, MISS)),
        st.sampled_from((0.0, 2 * LATE)),
    ),
    max_size=3,
).map(lambda found: tuple(one._replace(number=number) for number, one in enumerate(found)))
looks = st.builds(
    Observation,
    now=st.just(0.0),
    checks=st.lists(results, max_size=8).map(tuple),
    workers=st.one_of(st.just(WELL), workers),
    zones=st.sampled_from((10, 10, 10, 0)),
    broken=st.sampled_from((0, 0, 0, 2, 10)),
    lost=st.sampled_from((0, 0, 0, 2)),
    stale=st.sampled_from((0.0, 0.0, 100.0)),
    disk=st.sampled_from(("", "", "it is full")),
    overloaded=st.booleans(),
    sent=st.just(Sent()),  # what follows from these has laws of its own: test_wayback.py
)
policies = st.sampled_from(("drain", "withdraw"))


def observe(health: Health, seen: list[Observation]) -> list[NodeHealth]:
    return [health.observe(one._replace(now=now)) for now, one in enumerate(seen)]


@given(workers)
def test_workers_fail_the_node_only_when_none_gets_on(found: tuple[WorkerView, ...]) -> None:
    get_on = any(worker.serving and worker.silent < MISS for worker in found)
    site = Site.that_is_well()
    assert site.look(workers=found) == (HEALTHY if get_on else FAILED)


@given(st.lists(looks, max_size=30), policies)
def test_every_level_has_a_reason(seen: list[Observation], policy: str) -> None:
    for verdict in observe(Health(config(policy)), seen):
        assert verdict.reasons or verdict.level == HEALTHY
        assert all(verdict.reasons)


@given(st.lists(st.lists(st.sampled_from((OK, SILENT)), max_size=8), max_size=30), policies)
def test_silence_alone_never_fails_an_overloaded_node(
    batches: list[list[SelfCheckOutcome]], policy: str
) -> None:
    site = Site.that_is_well(on_unhealthy=policy)
    site.look(overloaded=True)
    for batch in batches:
        assert site.look(*map(result, batch)) == HEALTHY


@given(
    st.lists(st.lists(st.sampled_from((WRONG, SILENT)), max_size=FALL - 1)),
    st.sampled_from(LANES),
    policies,
)
def test_fewer_than_fall_failures_in_a_row_change_nothing(
    series: list[list[SelfCheckOutcome]], lane: tuple[str, str], policy: str
) -> None:
    site = Site.that_is_well(on_unhealthy=policy)
    for failures in series:
        assert set(site.levels([*failures, OK], lane)) == {HEALTHY}


@given(st.lists(looks, max_size=20), st.integers(0, RISE - 1), policies)
def test_nothing_is_well_again_before_it_has_risen(
    seen: list[Observation], good: int, policy: str
) -> None:
    site = Site(Health(config(policy)))
    observe(site.health, seen)
    site.look(workers=())
    for _ in range(FALL):
        assert site.all(SILENT) == FAILED
    site.look(workers=WELL)
    for _ in range(good):
        assert site.all(OK) == FAILED
    for _ in range(RISE - good):
        site.all(OK)
    assert site.level == HEALTHY


@given(st.lists(looks, max_size=20), policies)
def test_every_node_is_well_again_when_all_is_well_for_long(
    seen: list[Observation], policy: str
) -> None:
    site = Site(Health(config(policy)))
    observe(site.health, seen)
    for _ in range(RISE + 1):
        site.all(OK)
    assert site.verdict == GOOD


@given(st.lists(st.tuples(looks, st.sampled_from((WRONG, SILENT))), max_size=20), policies)
def test_bad_results_in_place_of_good_ones_never_help(
    seen: list[tuple[Observation, SelfCheckOutcome]], policy: str
) -> None:
    plain, spoilt = Health(config(policy)), Health(config(policy))
    for now, (look, bad) in enumerate(seen):
        better = look._replace(now=float(now))
        every_second = [
            one._replace(outcome=bad) if number % 2 and one.outcome == OK else one
            for number, one in enumerate(look.checks)
        ]
        worse = better._replace(checks=tuple(every_second))
        assert spoilt.observe(worse).level >= plain.observe(better).level


@given(st.lists(looks, max_size=20), looks, policies)
def test_what_ails_a_node_besides_never_helps(
    seen: list[Observation], last: Observation, policy: str
) -> None:
    """The same results, and worse workers, zones or disk: never a better verdict."""
    last = last._replace(now=float(len(seen)))
    worse = [
        last._replace(workers=()),
        last._replace(zones=0),
        last._replace(disk="it is full"),
        last._replace(stale=100.0),
    ]
    for one in worse:
        plain, spoilt = Health(config(policy)), Health(config(policy))
        observe(plain, seen)
        observe(spoilt, seen)
        assert spoilt.observe(one).level >= plain.observe(last).level


# -- the way back to clients ------------------------------------------------------------------


def test_answers_that_cannot_leave_degrade_the_node_and_never_fail_it() -> None:
    site = Site.that_is_well("withdraw")
    lost, well = Sent(made=1000, no_route=900), Sent(made=1000)
    levels = []
    for _ in range(4 * IN_A_ROW):
        levels.append(site.look(*(result(OK, lane) for lane in LANES), sent=lost))
    assert set(levels) == {HEALTHY, DEGRADED}
    assert levels[-1] == DEGRADED
    assert "there is no route for 1800" in site.verdict.reasons[0]
    for _ in range(4 * IN_A_ROW + RISE):
        site.look(*(result(OK, lane) for lane in LANES), sent=well)
    assert site.verdict == GOOD


def test_a_node_that_cannot_ask_itself_is_no_silent_one() -> None:
    site = Site.that_is_well()
    site.look(unasked="the interface lo is down")
    assert set(site.levels([SILENT] * 20)) == {DEGRADED}
    assert site.verdict.reasons[0] == "the interface lo is down"
    site.look(unasked="")
    for _ in range(RISE):
        site.all(OK)
    assert site.level == HEALTHY
