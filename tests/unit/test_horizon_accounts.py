"""The account of a pool grows at once and shrinks late; what the disk may be left with counts."""

from __future__ import annotations

from dnsd.control.failover.selections import LATE_S
from dnsd.control.horizon.accounts import Accounts
from dnsd.control.horizon.coverage import Coverage, PoolAccount
from dnsd.control.horizon.poolbook import PoolRRset

KEY = PoolRRset("www.example.com.", "A")
A, B = "192.0.2.1", "192.0.2.2"
BOTH, ONLY_B = PoolAccount(frozenset({A, B}), 300), PoolAccount(frozenset({B}), 300)


def test_a_file_that_is_being_replaced_may_still_be_the_old_one_or_be_the_new_one() -> None:
    coverage = Coverage()
    assert not coverage.covers(KEY, ONLY_B)
    coverage.begin({KEY: ONLY_B})
    assert not coverage.covers(KEY, ONLY_B)
    coverage.end(written=True)
    assert coverage.covers(KEY, ONLY_B)
    assert not coverage.covers(KEY, BOTH)
    coverage.begin({KEY: BOTH})
    assert not coverage.covers(KEY, BOTH)
    coverage.end(written=True)
    assert coverage.covers(KEY, BOTH)
    coverage.begin({KEY: ONLY_B})
    assert not coverage.covers(KEY, BOTH)
    assert coverage.covers(KEY, ONLY_B)


def test_a_file_that_is_missing_covers_everything_until_one_is_written() -> None:
    coverage = Coverage()
    coverage.begin({})
    coverage.end(written=False)
    assert coverage.covers(KEY, BOTH)
    coverage.begin({KEY: ONLY_B})
    assert not coverage.covers(KEY, BOTH)
    coverage.end(written=False)
    assert coverage.covers(KEY, BOTH)


def test_a_longer_ttl_is_more() -> None:
    coverage = Coverage()
    coverage.found({KEY: BOTH})
    assert not coverage.covers(KEY, BOTH._replace(ttl=301))
    assert not coverage.covers(PoolRRset("x.example.com.", "A"), BOTH)


def test_an_address_leaves_when_it_can_be_noted_no_more_and_all_is_read() -> None:
    accounts = Accounts()
    accounts.give(KEY, BOTH, 1000.0)
    accounts.give(KEY, ONLY_B, 1010.0)
    assert accounts.swept(1010.0 + LATE_S - 0.1) == []
    assert accounts.of(KEY) == BOTH
    assert accounts.swept(1010.0 + LATE_S) == [KEY]
    assert accounts.of(KEY) == ONLY_B


def test_an_address_that_comes_back_begins_to_leave_anew() -> None:
    accounts = Accounts()
    accounts.give(KEY, BOTH, 1000.0)
    accounts.give(KEY, ONLY_B, 1010.0)
    accounts.announce(KEY, BOTH)
    assert accounts.swept(1100.0) == []
    accounts.give(KEY, ONLY_B, 1100.0)
    assert accounts.swept(1100.0 + LATE_S - 0.1) == []


def test_a_ttl_falls_as_late_as_an_address_leaves() -> None:
    accounts = Accounts()
    accounts.give(KEY, BOTH, 1000.0)
    accounts.give(KEY, BOTH._replace(ttl=60), 1010.0)
    assert accounts.swept(1010.0 + LATE_S - 0.1) == []
    assert accounts.of(KEY).ttl == 300
    assert accounts.swept(1010.0 + LATE_S) == [KEY]
    assert accounts.of(KEY) == BOTH._replace(ttl=60)


def test_a_pool_that_is_gone_ends_with_its_last_address() -> None:
    accounts = Accounts()
    accounts.give(KEY, BOTH, 1000.0)
    accounts.give(KEY, PoolAccount(frozenset(), 0), 1010.0)
    assert accounts.swept(1011.0) == []
    assert accounts.swept(1010.0 + LATE_S) == [KEY]
    assert accounts.all() == {}
    assert accounts.swept(2000.0) == []
