"""Cookies: the vectors of RFC 9018 appendix A, and what makes one stale or foreign."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.wire import cookie

SECRET = bytes.fromhex("e5e973e5a6b2a43f48e7dc849e37bfcf")
OLD = bytes.fromhex("dd3bdf9344b678b185a6f5cb60fca715")
NEW = bytes.fromhex("445536bcd2513298075a5d379663c962")
V6 = "2001:db8:220:1:59de:d0f4:8769:82b8"
CLIENT = b"clientco"
NOW = 1_750_000_000


@pytest.mark.parametrize(
    ("address", "secret", "now", "expected"),
    [
        ("198.51.100.100", SECRET, 1559731985, "2464c4abcf10c957010000005cf79f111f8130c3eee29480"),
        ("198.51.100.100", SECRET, 1559734385, "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"),
        ("203.0.113.203", SECRET, 1559734700, "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"),
        (V6, NEW, 1559741961, "22681ab97d52c298010000005cf7c609a6bb79d16625507a"),
    ],
    ids=["A.1", "A.2", "A.3", "A.4"],
)
def test_cookies_of_rfc_9018(address: str, secret: bytes, now: int, expected: str) -> None:
    made = bytes.fromhex(expected)
    assert cookie.make(made[:8], address, now + 0.9, secret) == made
    assert cookie.made_with(made, address, now, (secret,)) == 0


def test_reserved_octets_are_hashed_as_they_came() -> None:
    """RFC 9018 A.3."""
    sent = bytes.fromhex("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5")
    assert cookie.made_with(sent, "203.0.113.203", 1559727985, (SECRET,)) == 0


def test_rolled_over_secret() -> None:
    """RFC 9018 A.4: the previous secret still counts, and the answer tells which it was."""
    sent = bytes.fromhex("22681ab97d52c298010000005cf7c57926556bd0934c72f8")
    assert cookie.made_with(sent, V6, 1559741961, (NEW, OLD)) == 1
    assert cookie.made_with(sent, V6, 1559741961, (NEW,)) is None
    assert cookie.made_with(sent, V6, 1559741961, ()) is None


@pytest.mark.parametrize(
    ("age", "valid", "fresh"),
    [
        (-301, False, True),
        (-300, True, True),
        (0, True, True),
        (1800, True, True),
        (1801, True, False),
        (3600, True, False),
        (3601, False, False),
    ],
)
@pytest.mark.parametrize("now", [NOW, 2**32 + 100, 2**32 - 100, 100_000])
def test_life_of_a_cookie(age: int, valid: bool, fresh: bool, now: int) -> None:
    made = cookie.make(CLIENT, "192.0.2.1", now - age, SECRET)
    assert (cookie.made_with(made, "192.0.2.1", now, (SECRET,)) == 0) is valid
    assert cookie.is_fresh(made, now) is fresh


@given(
    at=st.integers(0, 23),
    bit=st.integers(0, 7),
    address=st.sampled_from(["192.0.2.1", "2001:db8::1"]),
)
def test_any_changed_bit_makes_it_invalid(at: int, bit: int, address: str) -> None:
    made = bytearray(cookie.make(CLIENT, address, NOW, SECRET))
    made[at] ^= 1 << bit
    assert cookie.made_with(bytes(made), address, NOW, (SECRET,)) is None


def test_not_valid() -> None:
    made = cookie.make(CLIENT, "192.0.2.1", NOW, SECRET)
    assert cookie.made_with(made, "192.0.2.2", NOW, (SECRET,)) is None
    assert cookie.made_with(made, "2001:db8::1", NOW, (SECRET,)) is None
    assert cookie.made_with(made, "192.0.2.1", NOW, (OLD, NEW)) is None
    for length in (8, 16, 23, 25, 40):
        octets = (made + made)[:length]
        assert cookie.made_with(octets, "192.0.2.1", NOW, (SECRET,)) is None


def test_scope_is_not_part_of_an_address() -> None:
    made = cookie.make(CLIENT, "fe80::1%eth0", NOW, SECRET)
    assert made == cookie.make(CLIENT, "fe80::1", NOW, SECRET)
