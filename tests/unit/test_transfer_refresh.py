"""When primaries are asked: by a plain simulation of primaries that fail, and of lost NOTIFYs."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from dnsd.transfer.refresh import LONGEST_S, SHORTEST_S, Refresh, SoaTimes

REFRESH, RETRY, EXPIRE = 60, 20, 600


def times(serial: int) -> SoaTimes:
    return SoaTimes(serial, REFRESH, RETRY, EXPIRE)


def fresh(soa: SoaTimes | None, confirmed: float = 0.0, primaries: int = 2) -> Refresh:
    return Refresh(primaries, soa, confirmed, now=1000.0, draw=lambda: 0.0)


class Event(NamedTuple):
    """After ``wait`` seconds: what a primary does, or that nothing does."""

    wait: int
    what: str
    primary: int = 0


events = st.lists(
    st.builds(
        Event,
        st.integers(0, 100),
        st.sampled_from(("new", "down", "up", "nothing")),
        st.integers(0, 1),
    ),
    max_size=30,
)


class World:
    """Two primaries that have the same zone, of which one may be down, and a secondary."""

    def __init__(self) -> None:
        self.now = 0.0
        self.serial = 1
        self.up = [True, True]
        self.asked: list[float] = []
        self.refresh = Refresh(2, None, 0.0, self.now, draw=lambda: 0.5)

    def run(self, seconds: int, step: float = 1.0) -> None:
        end = self.now + seconds
        while self.now < end:
            self._turn()
            self.now += step

    def _turn(self) -> None:
        # a zone that no primary gives is asked of each of them in a row, not for ever
        for _ in range(3):
            if not self.refresh.is_due(self.now):
                return
            at = self.refresh.ask(self.now)
            self.asked.append(self.now)
            assert not self.refresh.is_due(self.now), "one at a time"
            if not self.up[at]:
                self.refresh.fail("it is down", self.now)
            elif self.refresh.soa and self.refresh.soa.serial == self.serial:
                self.refresh.confirm(self.now)
            else:
                self.refresh.receive(times(self.serial), self.now)
        assert not self.refresh.is_due(self.now), "it is asked without end"

    def play(self, event: Event) -> None:
        self.run(event.wait)
        if event.what == "new":
            self.serial += 1
        elif event.what in {"up", "down"}:
            self.up[event.primary] = event.what == "up"


@given(events, st.booleans(), st.integers(0, 1))
def test_it_comes_to_what_primaries_have(story: list[Event], is_told: bool, left: int) -> None:
    world = World()
    for event in story:
        world.play(event)
        if event.what == "new" and is_told and any(world.up):
            world.refresh.notified(world.serial, world.now)
            world.run(1)
            assert world.refresh.soa == times(world.serial), "who is told asks at once"
    world.up = [left == 0, left == 1]
    world.run(4096 if world.refresh.soa is None else REFRESH + 1)
    assert world.refresh.soa == times(world.serial)
    assert not world.refresh.is_expired(world.now)


@given(events)
def test_primaries_are_not_asked_more_often_than_they_want(story: list[Event]) -> None:
    world = World()
    for event in story:
        world.play(event)
    rounds = sorted(set(world.asked))
    gaps = [later - one for one, later in pairwise(rounds)]
    assert all(gap >= SHORTEST_S * 0.9 for gap in gaps)
    since = world.now - REFRESH - 1
    assert len([one for one in rounds if one > since]) <= 2 + REFRESH / (RETRY * 0.9)


@given(st.integers(0, 2 * EXPIRE), st.booleans())
def test_it_is_too_old_when_no_primary_confirms_it(age: int, is_confirmed: bool) -> None:
    now = 1000.0
    refresh = fresh(times(1), confirmed=now - age)
    assert refresh.is_expired(now) == (age >= EXPIRE)
    refresh.ask(now)
    if is_confirmed:
        refresh.confirm(now)
        assert not refresh.is_expired(now)
    else:
        refresh.fail("it is down", now)
        assert refresh.is_expired(now) == (age >= EXPIRE)


def test_the_time_of_the_file_may_be_later_than_now() -> None:
    refresh = fresh(times(1), confirmed=5000.0)
    assert refresh.confirmed == 1000.0
    assert refresh.expires == 1000.0 + EXPIRE


def test_news_that_come_while_it_asks_are_not_lost() -> None:
    for serial, is_news in ((None, True), (2, False), (3, True)):
        refresh = fresh(times(1))
        refresh.ask(1000.0)
        refresh.notified(serial, 1000.1)
        assert not refresh.is_due(1000.2)
        refresh.receive(times(2), 1000.5)
        assert refresh.is_due(1000.6) == is_news, serial


def test_old_news_are_none() -> None:
    refresh = fresh(times(7), confirmed=1000.0)
    for serial in (6, 7, 7 + (1 << 31)):
        refresh.notified(serial, 1001.0)
        assert not refresh.is_due(1001.0)
    refresh.notified(8, 1001.0, by=1)
    assert refresh.is_due(1001.0)
    assert refresh.ask(1001.0) == 1, "who has news is asked"


def test_intervals_have_bounds() -> None:
    for refresh_s, expected in ((0, SHORTEST_S), (1 << 31, LONGEST_S)):
        refresh = fresh(SoaTimes(1, refresh_s, RETRY, EXPIRE))
        refresh.ask(1000.0)
        refresh.confirm(1000.0)
        assert refresh.due == 1000.0 + expected


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_no_zone_expires_between_two_refreshes(refresh: int, retry: int, expire: int) -> None:
    zone = fresh(None)
    zone.ask(1000.0)
    zone.receive(SoaTimes(1, refresh, retry, expire), 1000.0)
    assert not zone.is_expired(zone.due)
    zone.ask(zone.due)
    zone.fail("it is busy", zone.due)
    zone.ask(zone.due)
    zone.fail("it is busy", zone.due)
    assert not zone.is_expired(zone.due - 1)
    assert zone.is_expired(1000.0 + max(expire, 2 * LONGEST_S))


def test_a_notify_while_one_is_asked_changes_nothing_of_whose_turn_is_next() -> None:
    zone = fresh(None, primaries=3)
    assert zone.ask(1000.0) == 0
    zone.notified(None, 1000.0, by=2)
    zone.fail("it is down", 1001.0)
    assert zone.ask(1001.0) == 1


def test_news_that_comes_while_the_last_primary_fails_is_asked_for_at_once() -> None:
    zone = fresh(times(1), confirmed=1000.0, primaries=1)
    zone.ask(1000.0)
    zone.notified(2, 1000.5)
    zone.fail("it is down", 1001.0)
    assert zone.is_due(1001.0)
    zone.ask(1001.0)
    zone.fail("it is down", 1002.0)
    assert not zone.is_due(1002.0)


def test_what_was_notified_is_sought_until_a_primary_has_it() -> None:
    """Soon again, then more seldom: whoever fails or does not have it may be late."""
    refresh, now, pauses = fresh(times(1), confirmed=1000.0), 1000.0, []
    refresh.notified(2, now)
    for number in range(12):
        assert refresh.is_due(now)
        refresh.ask(now)
        if number % 4 < 2:
            refresh.fail("it is down", now)
        else:
            refresh.confirm(now)
        pauses.append(refresh.due - now)
        now = refresh.due
    assert pauses[:4] == [0, 2, 4, 8]
    assert max(pauses) <= REFRESH
    refresh.ask(now)
    refresh.receive(times(2), now)
    assert refresh.due - now == REFRESH
    refresh.ask(now + REFRESH)
    refresh.fail("it is down", now + REFRESH)
    refresh.ask(now + REFRESH)
    refresh.fail("it is down", now + REFRESH)
    assert refresh.due - now - REFRESH == RETRY
