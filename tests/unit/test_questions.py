"""What is asked, in which order, and which answers are right."""

from __future__ import annotations

from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from dnsd.checks.question import DnsQuestion
from dnsd.config.anycast import SelfCheckQuery
from dnsd.control.anycast.questions import Turn, read, soa_of
from dnsd.errors import ConfigError


def question(rtype: str, *expect: str) -> DnsQuestion:
    (found,) = read((SelfCheckQuery(name="www.example.com.", type=rtype, expect=expect),))
    return found


def fault(asked: DnsQuestion, change: Callable[[dns.message.Message], object], *rdatas: str) -> str:
    """What is wrong with an answer of ``rdatas`` that ``change`` has been at."""
    query = asked.query()
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA
    if rdatas:
        rrset = dns.rrset.from_text_list(asked.name, 60, "IN", asked.rdtype, rdatas)
        response.answer.append(rrset)
    change(response)
    return asked.fault(query, response.to_wire())


def as_it_is(_response: dns.message.Message) -> None:
    """Change nothing."""


def without(flag: dns.flags.Flag) -> Callable[[dns.message.Message], object]:
    return lambda response: setattr(response, "flags", response.flags & ~flag)


def with_flag(flag: dns.flags.Flag) -> Callable[[dns.message.Message], object]:
    return lambda response: setattr(response, "flags", response.flags | flag)


def with_rcode(rcode: dns.rcode.Rcode) -> Callable[[dns.message.Message], object]:
    return lambda response: response.set_rcode(rcode)


# -- right and wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rtype", "expect", "found"),
    [
        ("A", ("192.0.2.1", "192.0.2.2"), ("192.0.2.2", "192.0.2.1")),
        ("AAAA", ("2001:DB8:0::1",), ("2001:db8::1",)),
        ("MX", ("10 Mail.Example.COM.",), ("10 mail.example.com.",)),
        ("MX", ("10 mail.example.com",), ("10 mail.example.com.",)),
        ("TXT", ("v=spf1",), ('"v=spf1"',)),
        ("a", (), ("192.0.2.77",)),
        ("A", (), ()),
    ],
)
def test_records_are_compared_as_sets_in_canonical_form(
    rtype: str, expect: tuple[str, ...], found: tuple[str, ...]
) -> None:
    assert fault(question(rtype, *expect), as_it_is, *found) == ""


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (("192.0.2.9",), "with 192.0.2.9 in place of 192.0.2.1, 192.0.2.2"),
        (("192.0.2.1",), "with 192.0.2.1 in place of 192.0.2.1, 192.0.2.2"),
        ((), "with no record in place of 192.0.2.1, 192.0.2.2"),
        (
            tuple(f"192.0.2.{number}" for number in range(1, 8)),
            "with 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 3 more in place of "
            "192.0.2.1, 192.0.2.2",
        ),
    ],
)
def test_other_records_are_wrong(found: tuple[str, ...], told: str) -> None:
    assert fault(question("A", "192.0.2.2", "192.0.2.1"), as_it_is, *found) == told


def test_an_alias_may_lead_to_the_records() -> None:
    def alias(response: dns.message.Message) -> None:
        name = dns.name.from_text("host.example.com.")
        response.answer[0].name = name
        cname = dns.rrset.from_text("www.example.com.", 60, "IN", "CNAME", "host.example.com.")
        response.answer.insert(0, cname)

    assert fault(question("A", "192.0.2.1"), alias, "192.0.2.1") == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (with_rcode(dns.rcode.SERVFAIL), "with SERVFAIL"),
        (with_rcode(dns.rcode.NXDOMAIN), "with NXDOMAIN"),
        (without(dns.flags.AA), "without authority (no AA flag)"),
        (without(dns.flags.QR), "with a response to another question"),
        (lambda response: setattr(response, "id", response.id ^ 1), "with a response to another"),
    ],
)
def test_answers_that_are_wrong_whatever_is_in_them(
    change: Callable[[dns.message.Message], object], told: str
) -> None:
    assert fault(question("A"), change, "192.0.2.1").startswith(told)


def test_a_truncated_answer_is_right_as_far_as_it_goes() -> None:
    asked = question("A", "192.0.2.1")
    assert fault(asked, with_flag(dns.flags.TC)) == ""
    both = lambda response: (response.set_rcode(2), with_flag(dns.flags.TC)(response))  # noqa: E731
    assert fault(asked, both) == "with SERVFAIL"


@pytest.mark.parametrize("wire", [b"", b"\x00" * 11, b"\xff" * 64])
def test_what_is_no_message_is_wrong(wire: bytes) -> None:
    asked = question("A")
    assert asked.fault(asked.query(), wire) == "with octets that are not a DNS message"


def test_each_query_has_an_id_of_its_own() -> None:
    assert len({question("A").query().id for _ in range(20)}) > 1


# -- configured questions ---------------------------------------------------------------------


def test_how_a_question_is_called() -> None:
    assert str(question("aaaa")) == "www.example.com AAAA"
    assert str(soa_of(".")) == ". SOA"


def test_everything_that_cannot_be_asked_is_told_at_once() -> None:
    queries = (
        SelfCheckQuery(name="a.example.", type="A", expect=("192.0.2.256",)),
        SelfCheckQuery(name="b.example.", type="NOSUCH"),
        SelfCheckQuery(name="c.example.", type="AXFR"),
        SelfCheckQuery(name="d.example.", type="MX", expect=("10 ok.", "mail.example.")),
        SelfCheckQuery(name="e.example.", type="A", expect=("192.0.2.1",)),
    )
    with pytest.raises(ConfigError) as caught:
        read(queries)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        f"anycast.query {letter}.example." for letter in "abcd"
    ]
    assert 'type "NOSUCH" is not a record type' in caught.value.problems[1]
    assert 'expect "mail.example." is not MX data' in caught.value.problems[3]


# -- whose turn it is -------------------------------------------------------------------------


def zones(*names: str) -> Callable[[], set[str]]:
    return lambda: set(names)


def test_every_question_has_its_turn() -> None:
    asked = read(SelfCheckQuery(name=f"{letter}.") for letter in "abc")
    turn = Turn(asked, zones("ignored."))
    for _ in range(3):
        seen = []
        for _ in asked:
            now = turn.next()
            assert now
            seen.append(now)
            turn.answered(now)
        assert set(seen) == set(asked)


def test_a_question_that_is_not_answered_well_is_asked_again() -> None:
    turn = Turn(read(SelfCheckQuery(name=f"{letter}.") for letter in "abc"), zones())
    first = turn.next()
    assert first
    assert {turn.next() for _ in range(10)} == {first}
    turn.answered(first)
    second = turn.next()
    assert second != first
    turn.answered(first)  # late, and of no consequence
    assert turn.next() == second


def test_without_questions_the_zones_have_their_turn() -> None:
    served = {"a.", "b."}
    turn = Turn((), lambda: served)
    first = turn.next()
    assert first
    assert first.zone in served
    served.remove(str(first.zone))
    assert not turn.counts(first)
    second = turn.next()
    assert second == soa_of(*served)
    turn.answered(second)
    served.add("c.")
    assert {turn.next(), second} <= {soa_of("b."), soa_of("a."), soa_of("c.")}
    served.clear()
    assert turn.next() is None
