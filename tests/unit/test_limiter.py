"""Rate limits against a plain model of their law, and what forged sources can and can't do."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.hotpath.api import RateLimit
from dnsd.hotpath.limiter import OTHER, Admission, AnswerKind, BucketKey, Limiter
from dnsd.image import buckets
from dnsd.metrics import counters

VICTIM = "192.0.2.77"
SECOND = 1_000_000

rates = st.sampled_from((1, 2, 5, 20, 200, 1000))
pauses = st.lists(st.sampled_from((0, 1, 900, 5000, 50_000, 400_000, 2 * SECOND)), max_size=400)
starts = st.sampled_from((0, 1 << 33, (1 << 40) - SECOND, (1 << 41) - 3))
"""Also shortly before the times in buckets begin again from 0."""


class Bench:
    """A limiter with a clock of its own."""

    def __init__(self, law: RateLimit, start: int = 0, words: int = 1024) -> None:
        self.time = start
        self.counters = counters.fresh()
        self.memory = buckets.fresh(b"0123456789abcdef", words)
        self.limiter = Limiter(law, self.memory, self.counters)
        self.limiter.now = lambda: self.time

    def ask(self, address: str = VICTIM, account: BucketKey = OTHER) -> Admission:
        return self.limiter.verdict(address, account)

    def sent(self, address: str = VICTIM, account: BucketKey = OTHER) -> bool:
        return self.ask(address, account) == Admission.SEND

    def count(self, name: str) -> int:
        return self.counters[counters.INDEX[name]]


class TokenBucket:
    """The law as one would say it: so many tokens, so many new ones a second, one each answer."""

    def __init__(self, per_second: int, start: int) -> None:
        self.rate = Fraction(per_second, SECOND)
        self.most = self.tokens = Fraction(per_second)
        self.time = start

    def sent(self, now: int) -> bool:
        self.tokens = min(self.most, self.tokens + (now - self.time) * self.rate)
        self.time = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@given(rates, pauses, starts)
def test_it_is_a_token_bucket(rate: int, times: list[int], start: int) -> None:
    bench = Bench(RateLimit(per_second=rate), start)
    model = TokenBucket(rate, start)
    for pause in times:
        bench.time += pause
        assert bench.sent() == model.sent(bench.time)


@given(st.integers(1, 10_000), pauses, starts)
def test_no_window_has_more_than_the_rate_and_a_burst(
    rate: int, times: list[int], start: int
) -> None:
    bench = Bench(RateLimit(per_second=rate), start)
    sent: list[int] = []
    for pause in times:
        bench.time += pause
        if bench.sent():
            sent.append(bench.time)
    interval = SECOND // rate  # whole microseconds: a hundredth more than asked for at most
    for first in range(0, len(sent), 7):
        for last in range(first, len(sent), 5):
            allowed = rate + (sent[last] - sent[first]) / interval
            assert last - first + 1 <= allowed + 1


@given(rates, st.integers(0, 300), starts)
def test_who_keeps_below_the_rate_is_never_limited(rate: int, jitter: int, start: int) -> None:
    bench = Bench(RateLimit(per_second=rate), start)
    for number in range(300):
        bench.time = start + number * (SECOND // rate) + number * jitter
        assert bench.sent()
    assert bench.count("limited") == 0


@pytest.mark.parametrize("slip", [0, 1, 2, 3, 10])
def test_one_in_slip_is_sent_truncated(slip: int) -> None:
    bench = Bench(RateLimit(per_second=1, slip=slip))
    verdicts = [bench.ask() for _ in range(61)]
    assert verdicts.count(Admission.SEND) == 1
    assert verdicts.count(Admission.SLIP) == (60 // slip if slip else 0)
    assert bench.count("limited") == bench.count("limited_other") == 60
    assert bench.count("limited_slipped") == verdicts.count(Admission.SLIP)


def test_a_network_shares_what_it_may_get() -> None:
    bench = Bench(RateLimit(per_second=2))
    assert [bench.sent(f"192.0.2.{host}") for host in (1, 2, 3)] == [True, True, False]
    assert bench.sent("192.0.3.1")
    asked = [bench.sent(f"2001:db8:0:{net:x}::1") for net in (1, 2, 0xFF)]
    assert asked == [True, True, False]
    assert bench.sent("2001:db8:0:100::1")


def test_lengths_of_prefixes_are_as_configured() -> None:
    bench = Bench(RateLimit(per_second=1, ipv4_prefix=27, ipv6_prefix=60))
    assert bench.limiter.source("192.0.2.77").prefix == bytes((192, 0, 2, 64, 0, 0, 0, 0))
    assert bench.limiter.source("2001:db8:0:ff::1").prefix == bytes.fromhex("20010db8000000f0")


def test_an_ipv4_prefix_is_none_of_ipv6() -> None:
    bench = Bench(RateLimit(per_second=1))
    assert bench.sent("32.1.13.0")
    assert bench.sent("2001:d00::")


@pytest.mark.parametrize("address", ["127.9.9.9", "::1", "198.51.100.7", "fe80::1%lo"])
def test_who_is_exempt_is_never_limited(address: str) -> None:
    exempt = ("127.0.0.0/8", "::1/128", "198.51.100.7", "fe80::/10")
    bench = Bench(RateLimit(per_second=1, exempt=exempt))
    assert all(bench.sent(address) for _ in range(10))
    assert [bench.sent("198.51.100.8") for _ in range(2)] == [True, False]


def test_accounts_are_apart() -> None:
    """A flood for one name leaves the answers for others alone, to the same network, too."""
    bench = Bench(RateLimit(per_second=1))
    accounts = [
        BucketKey(kind, zone, name) for kind in AnswerKind for zone in (0, 1) for name in (0, 8)
    ]
    assert all(bench.sent(account=account) for account in accounts)
    assert not any(bench.sent(account=account) for account in accounts)


def forged(number: int) -> str:
    return f"{11 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.1"


def test_forged_sources_limit_nobody_else() -> None:
    """Thirty times as many networks as there are buckets, at once: each gets its answer."""
    bench = Bench(RateLimit(per_second=1), words=64)
    assert all(bench.sent(forged(number)) for number in range(2000))
    assert bench.count("limited") == 0


def test_forged_sources_do_not_free_who_is_limited() -> None:
    """Who was sent most is forgotten last: one answer each weighs less than a flood."""
    bench = Bench(RateLimit(per_second=200), words=64)
    while bench.sent():
        pass
    for number in range(2000):
        bench.time += 10  # a hundred thousand networks a second
        bench.sent(forged(number))
        if number % 100 == 0:
            bench.ask()
    assert sum(bench.sent() for _ in range(100)) <= 5  # 20 ms of 200 a second, and one


def test_what_lies_in_a_word_by_mistake_limits_nobody() -> None:
    """Memory of an earlier worker, or of twelve days ago: times that cannot be are none."""
    bench = Bench(RateLimit(per_second=5), 5 * SECOND)
    for octets in (b"\xff" * 8, bytes(8), b"\x00\x00\x00\x00\x80" + b"\xab" * 3):
        bench.memory.words[:] = memoryview(octets * 1024).cast("Q")
        assert all(bench.sent(f"10.{octets[0]}.2.{host}") for host in range(5))


def test_whom_it_limits_is_noted() -> None:
    bench = Bench(RateLimit(per_second=1), 100 * SECOND)
    for address in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8::3"):
        bench.ask(address)
    bench.ask("192.0.2.9", BucketKey(AnswerKind.NXDOMAIN))
    bench.time += 2 * SECOND
    bench.ask("192.0.2.9", BucketKey(AnswerKind.NXDOMAIN))
    bench.ask("192.0.2.9", BucketKey(AnswerKind.NXDOMAIN))
    found = buckets.limited([bench.memory.rows], 103)
    other, nxdomain = 1 << AnswerKind.OTHER, 1 << AnswerKind.NXDOMAIN
    assert found == [
        ("192.0.2.0/24", other | nxdomain, 2, 100, 102),
        ("2001:db8::/56", other, 2, 100, 100),
    ]
    both = buckets.limited([bench.memory.rows, bench.memory.rows], 103)
    assert [one.withheld for one in both] == [4, 4]
    assert buckets.limited([bench.memory.rows], 103 + buckets.QUIET) == []


def test_who_is_limited_most_is_noted_whatever_else_comes() -> None:
    bench = Bench(RateLimit(per_second=1), SECOND)
    for number in range(400):
        bench.ask()
        bench.ask(forged(number % 100))
    found = buckets.limited([bench.memory.rows], 1)
    assert len(found) == buckets.LIMITED
    assert found[0].prefix == "192.0.2.0/24"
    assert found[0].withheld >= 399


def test_what_was_long_ago_is_counted_no_more() -> None:
    bench = Bench(RateLimit(per_second=1), 100 * SECOND)
    for _ in range(9):
        bench.ask()
    bench.time += 1000 * SECOND
    for _ in range(3):
        bench.ask()
    assert buckets.limited([bench.memory.rows], 1100) == [
        ("192.0.2.0/24", 1 << AnswerKind.OTHER, 2, 1100, 1100)
    ]
