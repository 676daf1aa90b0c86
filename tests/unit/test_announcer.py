"""The announcer: every state, every way between them, and what must hold whatever happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.announce.announcer import ON_THE_ROUTE, Announcer, RouteState, Situation, Wanted
from dnsd.announce.damping import CALM_S, LONGEST_S, Past
from dnsd.announce.health import Level, NodeHealth
from dnsd.announce.orders import Orders, RouteOrder, decode, encode
from dnsd.config import Anycast

CONFIG = Anycast(hold_down=10.0, drain_linger=10.0, stop_linger=0.05)

WELL = NodeHealth(Level.HEALTHY, ())
SOFT = NodeHealth(Level.DEGRADED, ("a zone is stale",))
HARD = NodeHealth(Level.FAILED, ("nobody answers",))

ORDER = RouteOrder(since=0.0, reason="new disks")


class Story:
    """An announcer and its clock."""

    def __init__(self, config: Anycast = CONFIG, state: RouteState = RouteState.INIT) -> None:
        self.now = 1000.0
        self.announcer = Announcer(config, state, self.now)
        self.seen = Situation(self.now, "", "", WELL, Orders(), stopping=False)

    def then(self, seconds: float = 0.1, **changes: object) -> RouteState:
        """Let time pass, see something else, and return the state."""
        self.now += seconds
        self.seen = self.seen._replace(now=self.now, **changes)  # type: ignore[arg-type]
        self.wanted = self.announcer.step(self.seen)
        return self.announcer.state


def test_it_announces_only_after_addresses_and_answers_were_seen() -> None:
    story = Story()
    assert story.then(obstacle="no address", verdict=None) == RouteState.INIT
    assert story.announcer.why == ("no address",)
    assert story.then(obstacle="") == RouteState.STANDBY
    assert story.wanted == Wanted(carrier=False, drain=False, enabled=True)
    assert story.then(verdict=HARD) == RouteState.STANDBY
    assert story.then(verdict=WELL) == RouteState.ANNOUNCED
    assert story.wanted == Wanted(carrier=True, drain=False, enabled=True)


def test_a_soft_fault_drains_and_never_withdraws() -> None:
    story = Story()
    story.then()
    assert story.then(verdict=SOFT) == RouteState.DRAINED
    assert story.wanted == Wanted(carrier=True, drain=True, enabled=True)
    assert story.announcer.why == ("a zone is stale",)
    assert story.then(3600) == RouteState.DRAINED
    assert story.then(verdict=WELL) == RouteState.ANNOUNCED


def test_a_soft_fault_that_comes_again_drains_for_longer_each_time() -> None:
    story = Story()
    story.then()
    for hold in (10, 20, 40, 80, 160, 300, 300):
        assert story.then(verdict=SOFT) == RouteState.DRAINED
        assert story.then(verdict=WELL) == RouteState.DRAINED
        assert "last fault: a zone is stale" in story.announcer.why[0]
        assert story.then(hold - 0.5) == RouteState.DRAINED
        assert story.then(1) == RouteState.ANNOUNCED


def test_a_wait_names_what_was_wrong_and_not_the_way_back() -> None:
    story = Story()
    story.then()
    story.then(verdict=SOFT)
    story.then(verdict=NodeHealth(Level.DEGRADED, ("recovering: 4 of 5",), recovering=True))
    story.then(verdict=WELL)
    assert "last fault: a zone is stale" in story.announcer.why[0]


def test_an_order_ends_a_drain_that_waits() -> None:
    story = Story()
    story.then()
    story.then(verdict=SOFT)
    story.then(verdict=WELL)
    story.announcer.forgive_drain(story.now)
    assert story.then() == RouteState.ANNOUNCED
    assert story.then(verdict=SOFT) == RouteState.DRAINED
    assert story.then(19, verdict=WELL) == RouteState.DRAINED


def test_who_is_merely_degraded_at_the_start_is_announced_drained() -> None:
    assert Story().then(verdict=SOFT) == RouteState.DRAINED


def test_a_hard_fault_withdraws_and_the_hold_down_doubles() -> None:
    story = Story()
    story.then()
    for hold in (10, 20, 40, 80, 160, 300, 300):
        assert story.then(verdict=HARD) == RouteState.WITHDRAWN
        assert story.wanted == Wanted(carrier=False, drain=False, enabled=False)
        assert story.then(verdict=WELL) == RouteState.WITHDRAWN
        assert story.then(hold - 0.5) == RouteState.WITHDRAWN
        assert story.announcer.why == ("held down for 0 s more; last fault: nobody answers",)
        assert story.then(1) == RouteState.ANNOUNCED


def test_what_goes_on_failing_does_not_lengthen_its_hold_down() -> None:
    story = Story()
    story.then()
    story.then(verdict=HARD)
    story.then(3600)
    assert story.then(verdict=WELL) == RouteState.ANNOUNCED


def test_forgiving_ends_a_hold_down() -> None:
    story = Story()
    story.then()
    story.then(verdict=HARD)
    story.announcer.forgive(story.now)
    assert story.then(verdict=WELL) == RouteState.ANNOUNCED


def test_what_the_master_takes_away_stays_away_as_long_as_any_failure() -> None:
    story = Story()
    story.then()
    assert story.then(silenced="no worker") == RouteState.WITHDRAWN
    assert story.announcer.why == ("no worker",)
    assert story.then(silenced="") == RouteState.WITHDRAWN
    assert story.then(10) == RouteState.ANNOUNCED


def test_orders_prevail_over_health_and_are_no_failure() -> None:
    story = Story()
    story.then()
    assert story.then(orders=Orders(drain=ORDER)) == RouteState.DRAINED
    assert story.announcer.why == ("drain was ordered: new disks",)
    assert story.then(orders=Orders(drain=ORDER, withdraw=ORDER)) == RouteState.WITHDRAWN
    assert story.then(orders=Orders(drain=ORDER)) == RouteState.DRAINED
    assert story.then(orders=Orders()) == RouteState.ANNOUNCED


def test_a_drained_node_that_fails_is_withdrawn() -> None:
    story = Story()
    story.then(orders=Orders(drain=ORDER))
    assert story.then(verdict=HARD) == RouteState.WITHDRAWN
    assert story.then(verdict=WELL) == RouteState.WITHDRAWN
    assert story.then(10) == RouteState.DRAINED


def test_a_lost_address_leaves_the_route_and_comes_back_at_once_the_first_time() -> None:
    story = Story()
    story.then()
    for hold in (0, 10, 20):
        assert story.then(obstacle="the address is gone") == RouteState.INIT
        assert not story.wanted.carrier
        if hold:
            assert story.then(obstacle="") == RouteState.STANDBY
            assert "keep disappearing" in story.announcer.why[0]
        assert story.then(hold, obstacle="") == RouteState.ANNOUNCED


def test_what_is_repaired_at_once_is_no_change_until_it_happens_again() -> None:
    story = Story()
    story.then()
    story.announcer.repaired(story.now)
    assert story.then() == RouteState.ANNOUNCED
    story.announcer.repaired(story.now)
    assert story.then() == RouteState.WITHDRAWN
    assert story.then(10) == RouteState.ANNOUNCED


def test_the_mark_of_an_order_stays_while_the_node_is_away() -> None:
    """BIRD may not be there to be told when it comes back."""
    story = Story()
    story.then(orders=Orders(drain=ORDER))
    for away in ({"verdict": HARD}, {"obstacle": "no address"}):
        story.then(**away)
        assert (story.wanted.carrier, story.wanted.drain) == (False, True)
    story.then(verdict=SOFT, obstacle="", orders=Orders())
    assert not story.wanted.carrier
    assert not story.wanted.drain


def test_an_order_to_drain_stands_above_what_is_not_known_yet() -> None:
    story = Story(state=RouteState.ANNOUNCED)
    assert story.then(verdict=None, orders=Orders(drain=ORDER)) == RouteState.DRAINED
    assert story.wanted.drain


def test_a_node_that_ended_on_the_route_has_failed() -> None:
    past = Past(on_route=True)
    announcer = Announcer(CONFIG, RouteState.INIT, 1000.0, past)
    seen = Situation(1000.0, "", "", WELL, Orders(), stopping=False)
    assert not announcer.step(seen).carrier
    assert not announcer.step(seen._replace(now=1009.0)).carrier
    assert announcer.step(seen._replace(now=1010.5)).carrier
    # one that control alone has left is on the route still
    assert Announcer(CONFIG, RouteState.ANNOUNCED, 1000.0, past).step(seen).carrier


@pytest.mark.parametrize("state", ON_THE_ROUTE)
def test_who_takes_over_keeps_what_it_finds_until_it_knows_more(state: RouteState) -> None:
    story = Story(state=state)
    assert story.then(verdict=None) == state
    assert story.wanted.carrier
    assert story.then(verdict=WELL) == RouteState.ANNOUNCED


def test_a_stop_drains_lingers_withdraws_and_lingers() -> None:
    story = Story()
    story.then()
    assert story.then(stopping=True) == RouteState.STOPPING
    assert story.wanted == Wanted(carrier=True, drain=True, enabled=True)
    assert story.then(9.9) == RouteState.STOPPING
    assert story.wanted == Wanted(carrier=True, drain=True, enabled=True)
    assert story.then(0.11) == RouteState.STOPPING
    assert story.wanted == Wanted(carrier=False, drain=True, enabled=True)
    assert story.then(0.05) == RouteState.STOPPED
    assert story.wanted == Wanted(carrier=False, drain=False, enabled=True)


def test_who_has_been_drained_for_long_stops_soon() -> None:
    story = Story()
    story.then(orders=Orders(drain=ORDER))
    story.then(60, stopping=True)
    assert not story.wanted.carrier
    assert story.then(0.06) == RouteState.STOPPED


@pytest.mark.parametrize(
    "fails", [{"verdict": HARD}, {"silenced": "no worker"}, {"obstacle": "the address is gone"}]
)
def test_who_fails_while_stopping_is_withdrawn_at_once(fails: dict[str, object]) -> None:
    story = Story()
    story.then()
    story.then(stopping=True)
    story.then(1, **fails)
    assert not story.wanted.carrier
    assert story.then(0.06) == RouteState.STOPPED


@pytest.mark.parametrize("changes", [{"obstacle": "x"}, {"orders": Orders(withdraw=ORDER)}])
def test_who_is_off_the_route_stops_at_once(changes: dict[str, object]) -> None:
    story = Story()
    story.then(**changes)  # type: ignore[arg-type]
    assert story.then(0.0, stopping=True) == RouteState.STOPPED


situations = st.builds(
    Situation,
    now=st.just(0.0),
    obstacle=st.sampled_from(["", "", "no address"]),
    silenced=st.sampled_from(["", "", "", "no worker"]),
    verdict=st.sampled_from([None, WELL, WELL, SOFT, HARD]),
    orders=st.builds(
        Orders, drain=st.sampled_from([None, ORDER]), withdraw=st.sampled_from([None, None, ORDER])
    ),
    stopping=st.just(False),
)


@given(st.lists(st.tuples(st.floats(0.01, 400), situations), max_size=40))
def test_what_must_hold_whatever_is_seen(steps: list[tuple[float, Situation]]) -> None:
    announcer = Announcer(CONFIG)
    now = 0.0
    failed = float("-inf")
    was_on = False
    for seconds, seen in steps:
        now += seconds
        wanted = announcer.step(seen._replace(now=now))
        hard = seen.verdict == HARD or seen.silenced
        if hard and was_on and not seen.obstacle and seen.orders.withdraw is None:
            failed = now
        assert wanted.carrier == (announcer.state in ON_THE_ROUTE)
        if hard or seen.obstacle or seen.orders.withdraw or now < failed + CONFIG.hold_down:
            assert not wanted.carrier
        else:
            # A soft reason alone never takes the route away.
            unknown = seen.verdict is None and not was_on
            assert wanted.carrier or unknown or announcer.held(now) > 0
        if wanted.carrier and (seen.orders.drain or seen.verdict == SOFT) and seen.verdict:
            assert wanted.drain
        assert announcer.why or announcer.state == RouteState.ANNOUNCED
        was_on = wanted.carrier


def waits(seconds: float, first: float) -> int:
    """How many waits of one series can begin within so many seconds."""
    count, length, at = 1, first, 0.0
    while at + length <= seconds:
        at, length, count = at + length, min(2 * length, LONGEST_S), count + 1
    return count


LAW_S = 600.0
"""The time over which changes are counted; in it no series is forgotten."""
ALL = 3 * waits(LAW_S, CONFIG.hold_down) + 1
"""Waits of all series: the lenient one begins with none."""


@given(st.lists(st.tuples(st.floats(0.01, 60), situations, st.booleans()), max_size=80))
def test_the_route_changes_a_bounded_number_of_times(
    steps: list[tuple[float, Situation, bool]],
) -> None:
    """Whatever is seen, and however often the whole node is killed and started again.

    A wait has at most three changes: away, back with a mark, without it. Each order is obeyed at
    once, so each may add as many.
    """
    assert LAW_S <= CALM_S
    announcer, now = Announcer(CONFIG), 0.0
    route, orders, changes, ordered = (False, False), Orders(), 0, 0
    for seconds, seen, killed in steps:
        now += seconds
        if now > LAW_S:
            break
        if killed:
            announcer = Announcer(CONFIG, RouteState.INIT, now, announcer.past)
            changes, route = changes + route[0], (False, False)
        ordered += seen.orders != orders
        orders = seen.orders
        wanted = announcer.step(seen._replace(now=now))
        found = wanted.carrier, wanted.carrier and wanted.drain
        changes, route = changes + (found != route), found
    assert changes <= 3 * (ALL + ordered) + 1


def test_the_law_of_changes_can_fail() -> None:
    """A node that forgets, as one without a past does, breaks it."""
    changes = 0
    for _ in range(int(LAW_S)):
        announcer = Announcer(CONFIG)
        changes += announcer.step(Situation(0.0, "", "", WELL, Orders(), stopping=False)).carrier
    assert changes > 3 * ALL + 1


@given(st.lists(situations, max_size=10), st.floats(0, 100))
def test_a_stop_ends_in_time_whatever_is_seen(before: list[Situation], seconds: float) -> None:
    announcer = Announcer(CONFIG)
    for number, seen in enumerate(before):
        announcer.step(seen._replace(now=float(number)))
    now = len(before) + seconds
    for tick in range(110):
        at = now + tick * 0.1
        announcer.step(Situation(at, "", "", WELL, Orders(), stopping=True))
    assert announcer.state == RouteState.STOPPED


def test_orders_end_by_themselves_and_outlive_a_restart() -> None:
    orders = Orders(
        drain=RouteOrder(since=1.0, until=100.0, reason="x"), withdraw=RouteOrder(since=2.0)
    )
    again = decode(encode(orders))
    assert again == orders
    assert again.at(99.9) == orders
    assert again.at(100.0) == Orders(withdraw=RouteOrder(since=2.0))
