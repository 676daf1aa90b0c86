"""What survives a restart: read again as it was, ignored if damaged, not believed if old."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.config.policy import Failback
from dnsd.failover import drain
from dnsd.failover.member import Forced, MemberOrder, MemberState, StoredMember
from dnsd.failover.orders import StoredPlan
from dnsd.failover.pool import PoolState
from dnsd.failover.stored import Moment, StoredPool, decode, encode
from dnsd.process.envelope import sealed
from tests.failover import ADDRESSES, pool

A, B, C = ADDRESSES[:3]
MANUAL = pool(failback=Failback("manual"))


def a_pool() -> PoolState:
    """Return a pool at 100 s: A is suspect and drained, B is down, C is up and forced."""
    state = PoolState(MANUAL, 300, (A, B, C), 0.0)
    for member, results in ((A, "+++-"), (B, "+---"), (C, "++++++")):
        for now, one in enumerate(results):
            state.members[member].result(float(now), one == "+")
    state.decide(100.0)
    state.force(C, MemberOrder(Forced.UP, until=150.0, reason="it is well"))
    state.drain(A, MemberOrder(Forced.DRAIN), drain.lowered(100.0, 140.0))
    return state


EARLIER = b"""{"wall": 1e9, "pools": [{"name": "www.example.com.", "type": "A", "members": [],
"drains": [{"address": "%b", "left": 41.0, "age": 2.0, "gate": null}]}]}""" % A.encode()
STORED = encode((a_pool().to_stored(100.0),), Moment(1e9))


def restored(ago: float, members: tuple[str, ...] = (A, B, C), now: float = 7.0) -> PoolState:
    state = PoolState(MANUAL, 300, members, now)
    state.restore(decode(STORED, Moment(1e9 + ago)), now)
    return state


def test_what_is_young_is_taken_over() -> None:
    kept = decode(STORED, Moment(1e9 + 60))
    assert (kept.fresh, kept.reason, kept.ago) == (True, "", 60.0)
    again = restored(10.0)
    assert again.is_checked
    assert [one.state for one in again.members.values()] == [
        MemberState.SUSPECT,
        MemberState.DOWN,
        MemberState.UP,
    ]
    assert again.members[A].n_before == 2
    assert again.members[C].order == MemberOrder(Forced.UP, 47.0, "it is well")
    assert again.drains[A].switch_at == 38.0
    assert again.last_good == (A, C)
    assert again.decide(7.0)[:3] == a_pool().decide(110.0)[:3]


def test_of_what_is_old_only_what_the_operator_wants_is_left() -> None:
    kept = decode(STORED, Moment(1e9 + 61))
    assert not kept.fresh
    assert kept.reason == "the stored states are 61 s old: the checks start over"
    again = restored(61.0)
    assert [one.state for one in again.members.values()] == [
        MemberState.INIT,
        MemberState.DOWN,
        MemberState.INIT,
    ]
    assert again.last_good == (A, C)
    again.decide(7.0)
    assert again.members[C].order is None  # it has ended in the meantime
    assert again.drains[A].switched


def test_a_clock_that_was_set_back_says_nothing() -> None:
    kept = decode(STORED, Moment(1e9 - 3600))
    assert (kept.fresh, kept.ago) == (False, 0.0)
    assert "clock was set back" in kept.reason


def test_members_that_are_gone_wait_with_their_orders_and_new_ones_begin() -> None:
    new = ADDRESSES[5]
    again = restored(10.0, (C, new))
    assert {one.address: one.state for one in again.members.values()} == {
        C: MemberState.UP,
        new: MemberState.INIT,
    }
    assert list(again.drains) == [A]
    assert again.ordered(A).order
    assert again.decide(7.0).mask == 1


def test_other_pools_are_not_its_own() -> None:
    other = PoolState(pool(type="AAAA"), 300, (A,), 0.0)
    other.restore(decode(STORED, Moment(1e9)), 0.0)
    assert other.members[A].state == MemberState.INIT


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "does not begin as"),
        (b"\xff\xfe\n{}", "does not begin as"),
        (b"dnsd-failover 1\n{}", "does not begin as"),
        (STORED.replace(b"failover 1 ", b"failover 2 "), "another version (2)"),
        (STORED[:-1], "damaged"),
        (STORED.replace(b"suspect", b"SUSPECT"), "damaged"),
        (b"dnsd-failover 1 a3a6bf43\n{}", "are invalid"),
    ],
)
def test_what_cannot_be_read_is_ignored_with_a_reason(data: bytes, reason: str) -> None:
    kept = decode(data, Moment(1e9))
    assert not kept.pools
    assert not kept.fresh
    assert reason in kept.reason


@given(st.integers(0, len(STORED) - 1), st.integers(1, 255))
def test_one_byte_that_is_wrong_is_found(at: int, wrong: int) -> None:
    data = bytearray(STORED)
    data[at] ^= wrong
    assert not decode(bytes(data), Moment(1e9)).pools


@given(st.binary(max_size=60))
def test_nothing_that_is_read_raises(data: bytes) -> None:
    assert decode(data, Moment(1e9)).reason


def test_what_is_encoded_is_decoded() -> None:
    one = a_pool().to_stored(100.0)
    two = StoredPool(name="x.", type="AAAA", members=())
    assert decode(encode((one, two), Moment(5.0)), Moment(6.0)).pools == {
        ("www.example.com.", "A"): one,
        ("x.", "AAAA"): two,
    }


def test_a_drain_that_an_earlier_version_has_stored_is_none_that_is_lost() -> None:
    """It wrote of each what limits new connections, although nobody could set that."""
    earlier = sealed("dnsd-failover", 1, EARLIER)
    kept = decode(earlier, Moment(1e9))
    assert kept.reason == ""
    assert kept.pools["www.example.com.", "A"].drains == (
        drain.StoredDrain(address=A, left=41.0, age=2.0),
    )
    assert b"gate" not in encode(tuple(kept.pools.values()), Moment(1e9))


@given(st.floats(-1e5, 1e5), st.floats(0, 1e5))
def test_in_one_boot_the_clock_of_the_day_tells_the_time_of_plans_only(
    step: float, ago: float
) -> None:
    """An order with an end ends when it should, though the clock of the day was set."""
    order = StoredMember(address="192.0.2.1", forced=Forced.DOWN, left=100.0)
    plan = StoredPlan(address="192.0.2.2", starts=200.0, ends=None, forced=Forced.DOWN)
    pool = StoredPool(name="www.example.", type="A", members=(order,), plans=(plan,))
    then = Moment(1e9, "boot", 50.0)
    kept = decode(encode((pool,), then), Moment(1e9 + ago + step, "boot", 50.0 + ago))
    assert kept.ago == pytest.approx(ago)
    (found,) = kept.pools.values()
    assert found.members == (order,)
    starts = found.aged(kept.ago).plans[0].starts
    assert starts == pytest.approx(200.0 - ago - step, abs=1e-3)


def test_over_a_boot_the_clock_of_the_day_is_all_there_is() -> None:
    then, now = Moment(1e9, "boot", 5000.0), Moment(1e9 + 30, "another", 10.0)
    assert now.since(then) == 30
    assert Moment(2.0).since(Moment(1.0)) == 1
