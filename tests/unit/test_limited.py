"""What is told of networks that are limited: enough, and never much."""

from __future__ import annotations

from dnsd.control.limited import MOST_SHOWN, MOST_TOLD, Teller, found
from dnsd.hotpath.api import RateLimit
from dnsd.hotpath.limiter import OTHER, Admission, AnswerKind, BucketKey, Limiter
from dnsd.image.buckets import QUIET, Limited
from dnsd.image.state import StateVector
from dnsd.metrics import counters


def network(number: int, withheld: int = 1, last: int = 0) -> Limited:
    kinds = 1 << AnswerKind.NXDOMAIN | 1 << AnswerKind.OTHER
    return Limited(f"10.{number >> 8}.{number & 255}.0/24", kinds, withheld, 0, last)


def test_begin_and_end_are_told_once() -> None:
    teller = Teller()
    assert [one.sentence for one in teller.look(0.0, [network(1)])] == [
        "rate limit: answers to 10.0.1.0/24 are withheld (nxdomain, other)"
    ]
    for second in range(1, 200):
        assert list(teller.look(float(second), [network(1, second, second)])) == []
    assert [one.sentence for one in teller.look(200.0, [])] == [
        "rate limit: answers to 10.0.1.0/24 are not withheld any more; 199 were, within 200 s"
    ]
    assert list(teller.look(201.0, [])) == []


def test_of_many_a_few_are_told() -> None:
    """Sources are forged: new ones each second for an hour, and the log stays readable."""
    teller = Teller()
    lines = [
        one.sentence
        for second in range(3600)
        for one in teller.look(float(second), [network(second * 3 + n) for n in range(3)])
    ]
    assert len(lines) <= 60 * (2 * MOST_TOLD + 1)
    assert "rate limit: 175 more networks were limited in the last minute" in lines


def test_workers_are_added_up_and_the_most_limited_is_first() -> None:
    vector = StateVector.create(2)
    for worker in range(2):
        limiter = Limiter(RateLimit(per_second=1), vector.buckets(worker), counters.fresh())
        limiter.now = lambda: 1000 * 1_000_000
        for number in range(MOST_SHOWN - worker):
            for _ in range(2 + (number == 5)):
                limiter.verdict(f"10.0.{number}.{worker}", OTHER)
    shown = found(vector, 1000.0)
    assert len(shown) == MOST_SHOWN
    # the second worker's answers come out of the buckets that the first one has emptied
    assert (shown[0].prefix, shown[0].withheld) == ("10.0.5.0/24", 2 + 3)
    assert found(vector, 1001.0 + QUIET) == []


def test_a_limit_holds_for_the_node() -> None:
    """However the kernel spreads a flood, workers send together what one may send."""
    vector = StateVector.create(4)
    limiters = [
        Limiter(RateLimit(per_second=20), vector.buckets(worker), counters.fresh())
        for worker in range(4)
    ]
    verdicts = []
    for number in range(400):
        limiter = limiters[number % 4]
        limiter.now = lambda: 5_000_000
        verdicts.append(limiter.verdict("192.0.2.1", BucketKey(AnswerKind.ANSWER, 7, 8)))
    assert verdicts.count(Admission.SEND) == 20
