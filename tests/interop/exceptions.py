"""Where dnsd differs from both NSD and Knot on purpose, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, cast

from dns.rdatatype import ANY, HTTPS, NSEC3PARAM, SVCB

from dnsd.zone.hashing import is_proven
from dnsd.zone.lookup import MAX_LINKS

if TYPE_CHECKING:
    from dns.rdtypes.ANY.NSEC3PARAM import NSEC3PARAM as Parameters

    from dnsd.zone.view import View
    from tests.interop.exchange import Ask, Normal, Section


class Answers(NamedTuple):
    """What the three said to one question about ``zone``, and in which parts dnsd is alone."""

    zone: View
    ask: Ask
    parts: tuple[str, ...]
    ours: Normal
    nsd: Normal
    knot: Normal


class Reason(NamedTuple):
    """A difference that is meant: ``holds`` tells whether it explains all of one answer."""

    name: str
    why: str
    holds: Callable[[Answers], bool]


def _types(section: Section) -> list[str]:
    return [record.split()[2] for record in section]


def _service_addresses(answers: Answers) -> bool:
    ours, theirs = answers.ours.additional, answers.nsd.additional | answers.knot.additional
    return (
        answers.parts == ("additional",)
        and answers.ask.rtype in {SVCB, HTTPS}
        and set(_types(ours - theirs)) <= {"a", "aaaa", "rrsig", "svcb", "https"}
    )


def _choice_for_any(answers: Answers) -> bool:
    chosen = set(_types(answers.ours.answer)) - {"rrsig", "cname", "dname"}
    return answers.ask.rtype == ANY and answers.parts == ("answer",) and len(chosen) == 1


def _wildcard_addresses(answers: Answers) -> bool:
    missing = (answers.nsd.additional & answers.knot.additional) - answers.ours.additional
    owners = {str(owner).lower() for owner in answers.zone.nodes}
    return answers.parts == ("additional",) and not any(
        record.split()[0] in owners for record in missing
    )


def _below_nsec3_owner(answers: Answers) -> bool:
    zone = answers.zone
    return any(
        name in zone.nodes and name not in zone.existing for name in zone.path(answers.ask.name)
    )


def _length_of_chain(answers: Answers) -> bool:
    return (
        _types(answers.ours.answer).count("cname") == MAX_LINKS
        and answers.knot.answer < answers.ours.answer < answers.nsd.answer
    )


def _more_iterations_than_checked(answers: Answers) -> bool:
    announced = answers.zone.rrset(answers.zone.apex, NSEC3PARAM)
    rdatas = announced.rdatas if announced else ()
    iterations = (cast("Parameters", one).iterations for one in rdatas)
    return answers.parts == ("authority",) and any(not is_proven(one) for one in iterations)


EXCEPTIONS = (
    Reason(
        "service addresses",
        "RFC 9460 §4.1: they spare the client a query, and the peers do not give them yet",
        _service_addresses,
    ),
    Reason(
        "choice for ANY",
        "RFC 8482 §4.1: any RRset will do, and dnsd prefers addresses",
        _choice_for_any,
    ),
    Reason(
        "wildcard addresses",
        "the address of a server is one that stands in the zone, not what a wildcard makes up",
        _wildcard_addresses,
    ),
    Reason(
        "below NSEC3 owners",
        "RFC 5155 §7.2.8: names that own nothing but NSEC3 do not exist, and enclose nothing",
        _below_nsec3_owner,
    ),
    Reason(
        "more iterations than are checked",
        "RFC 9276 §3.2: one NSEC3 record is enough for validators to treat the zone as insecure",
        _more_iterations_than_checked,
    ),
    Reason(
        "length of a chain",
        "everyone ends chains that grow somewhere: Knot after 5 links, NSD at 255 octets",
        _length_of_chain,
    ),
)


def excused(answers: Answers) -> str:
    """Return the name of the reason for a difference, or nothing."""
    return next((reason.name for reason in EXCEPTIONS if reason.holds(answers)), "")
