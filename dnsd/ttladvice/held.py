"""Which RRset, with its TTL, decides how long caches hold a response.

A cache asks again for the name and type it was asked for when the first RRset on the way to the
data is no longer held: of an alias that is the CNAME (the target is asked for under its own name).
Negative answers are held for the lesser of the SOA's TTL and its minimum (RFC 2308 §5), and for
what is below a zone cut a cache asks again when the cut's NS RRset has expired.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import dns.exception
import dns.name
import dns.rdatatype
from dns.rdatatype import NS, SOA

from dnsd.zone.lookup import Question, StepKind, lookup
from dnsd.zone.view import from_records

if TYPE_CHECKING:
    from dnsd.ttladvice.demand import Kind
    from dnsd.zone.answer import Answer
    from dnsd.zone.records import Zone
    from dnsd.zone.view import View

_ODD = frozenset(("ANY", "AXFR", "IXFR", "MAILA", "MAILB", "OPT", "TKEY", "TSIG", "TYPE0"))
"""Types whose answers no cache holds."""


class GoverningRRset(NamedTuple):
    """The RRset whose TTL governs, as the zone file has it: with a wildcard's own name."""

    name: str
    type: str
    kind: Kind
    ttl: int


class Holding:
    """Finds out how long caches hold the responses of one zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._known: dict[tuple[str, str], GoverningRRset | None] = {}

    @cached_property
    def _view(self) -> View:
        return from_records(self._zone)

    def of(self, name: str, rtype: str) -> GoverningRRset | None:
        """Return what governs the response to this question; None if none is cached, or ours."""
        key = name, rtype
        if key not in self._known:
            self._known[key] = self._find(name, rtype)
        return self._known[key]

    def _find(self, name: str, rtype: str) -> GoverningRRset | None:
        if rtype in _ODD:
            return None
        try:
            question = Question(dns.name.from_text(name), dns.rdatatype.from_text(rtype))
            return held(lookup(self._view, question))
        except (ValueError, dns.exception.DNSException):
            return None  # not a name of this zone, or not a type


def held(answer: Answer) -> GoverningRRset | None:
    """Return what governs how long caches hold ``answer``."""
    if answer.answer:
        first = answer.answer[0]
        wild = next((step.name for step in answer.trace if step.kind is StepKind.WILDCARD), None)
        owner = first.owner if wild is None else wild
        return GoverningRRset(_text(owner), dns.rdatatype.to_text(first.rtype), "data", first.ttl)
    for rrset in answer.authority:
        if rrset.rtype == SOA:
            return GoverningRRset(_text(rrset.owner), "SOA", "negative", rrset.ttl)
        if rrset.rtype == NS and not answer.aa:
            return GoverningRRset(_text(rrset.owner), "NS", "referral", rrset.ttl)
    return None


def _text(name: dns.name.Name) -> str:
    return name.to_text().lower()
