"""Addresses that follow a name: when it is asked for again, and what is answered meanwhile."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dnsd.failover import follower
from dnsd.failover.follower import AddressAnswer, AddressFollower

ONE = AddressAnswer(("192.0.2.1",), 60)
DAY = 86400.0


def made(shortest: int = 30, longest: int = 300, stale: float = DAY) -> AddressFollower:
    return AddressFollower(shortest, longest, stale)


def test_nothing_is_known_before_the_first_answer() -> None:
    one = made()
    assert one.answer(0) is None
    assert one.failed("no resolver answers") == follower.RETRY_S
    assert one.answer(0) is None
    assert one.age(0) is None


def test_it_is_asked_again_when_the_ttl_has_passed() -> None:
    one = made()
    assert one.found(ONE, 0) == 60
    assert one.found(ONE._replace(ttl=0), 0) == follower.SOONEST_S
    assert one.found(ONE._replace(ttl=86400), 0) == follower.LATEST_S


def test_the_last_addresses_are_answered_for_a_bounded_time() -> None:
    one = made(stale=100)
    one.found(ONE, 1000)
    one.failed("it does not exist")
    assert one.fault == "it does not exist"
    assert one.answer(1100) == ONE
    assert one.answer(1101) is None
    one.found(ONE, 2000)
    assert one.fault == ""
    assert one.answer(2001) == ONE


def test_what_an_earlier_process_has_published_counts_from_when_it_was_confirmed() -> None:
    one = made(stale=100)
    one.restore(ONE, 1000)
    assert one.answer(1100) == ONE
    assert one.answer(1101) is None


def test_a_clock_that_was_set_back_makes_nothing_old() -> None:
    one = made(stale=100)
    one.found(ONE, 1000)
    assert one.answer(5) == ONE
    assert one.age(5) == 0.0


def test_a_ttl_that_counts_down_in_a_resolver_is_answered_as_one() -> None:
    """Four values of the same count-down: none of them asks for another build."""
    one = made()
    ttls = set()
    for ttl in (300, 240, 180, 120, 300, 299, 61, 20, 300):
        one.found(ONE._replace(ttl=ttl), 0)
        answer = one.answer(0)
        assert answer is not None
        ttls.add(answer.ttl)
    assert ttls == {300}


def test_a_shorter_ttl_of_the_target_is_followed() -> None:
    one = made()
    one.found(ONE._replace(ttl=300), 0)
    for _ in range(4):
        one.found(ONE, 0)
    assert one.answer(0) == ONE


answers = st.builds(
    AddressAnswer,
    st.lists(st.ip_addresses(v=4).map(str), min_size=1, max_size=40).map(tuple),
    st.integers(0, 1 << 31),
)
steps = st.lists(st.tuples(st.floats(0, 1e6), st.none() | answers), max_size=30)


@given(steps, st.integers(1, 600), st.integers(1, 86400), st.floats(60, 1e6))
def test_whatever_happens_it_is_bounded(
    story: list[tuple[float, Any]], shortest: int, longest: int, stale: float
) -> None:
    one = AddressFollower(shortest, longest, stale)
    now = seen = 0.0
    last: set[str] | None = None
    for passed, answer in story:
        now += passed
        if answer is None:
            pause = one.failed("lost")
        else:
            pause = one.found(answer, now)
            seen, last = now, set(answer.addresses)
        assert follower.SOONEST_S <= pause <= follower.LATEST_S
        found = one.answer(now)
        assert (found is not None) == (last is not None and now - seen <= stale)
        if found is not None and last is not None:
            assert min(shortest, longest) <= found.ttl <= longest
            assert {*found.addresses} <= last
            assert len(found.addresses) == min(len(last), follower.MOST_ADDRESSES)
            octets = [ip_address(address).packed for address in found.addresses]
            assert octets == sorted(octets)


@given(answers, st.randoms())
def test_the_order_of_a_resolver_is_no_change(answer: AddressAnswer, random: Any) -> None:
    one = made()
    one.found(answer, 0)
    before = one.answer(0)
    shuffled = list(answer.addresses)
    random.shuffle(shuffled)
    one.found(answer._replace(addresses=tuple(shuffled)), 1)
    assert one.answer(1) == before
