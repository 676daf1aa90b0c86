"""A wrong answer is told from a right one before anything is timed."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rrset
import pytest

from bench import verify
from bench.zonegen import ORIGIN, Mix, Query, ZonePlan

PLAN = ZonePlan(names=10)
QUERY = next(PLAN.queries(Mix.EXACT, 1))


def response(query: Query, answer: str | None) -> dns.message.Message:
    message = dns.message.make_response(dns.message.make_query(query.name, query.type))
    message.flags |= dns.flags.AA
    if answer:
        message.answer.append(dns.rrset.from_text(query.name, 60, "IN", query.type, answer))
    return message


def test_the_right_answer() -> None:
    assert verify.fault_in(response(QUERY, QUERY.expect.answer), QUERY) == ""


@pytest.mark.parametrize(
    ("answer", "fault"), [(None, "the answer is []"), ("192.0.2.9", "192.0.2.9")]
)
def test_the_wrong_address(answer: str | None, fault: str) -> None:
    assert fault in verify.fault_in(response(QUERY, answer), QUERY)


def test_a_missing_flag_and_a_wrong_rcode() -> None:
    message = response(QUERY, QUERY.expect.answer)
    message.flags &= ~dns.flags.AA
    assert verify.fault_in(message, QUERY) == "AA is 0"
    denied = next(PLAN.queries(Mix.NXDOMAIN, 1))
    assert verify.fault_in(response(denied, None), denied) == "NOERROR instead of NXDOMAIN"


def test_a_referral_needs_its_ns_rrset() -> None:
    query = next(PLAN.queries(Mix.REFERRAL, 1))
    message = response(query, None)
    message.flags &= ~dns.flags.AA
    assert "the authority section is []" in verify.fault_in(message, query)
    zone = query.name.partition(".")[2]
    message.authority.append(dns.rrset.from_text(zone, 60, "IN", "NS", f"ns.{ORIGIN}"))
    assert verify.fault_in(message, query) == ""


def test_nobody_there() -> None:
    with pytest.raises(verify.NoAnswer):
        verify.ask(verify.free_port(), QUERY, timeout=0.01)
