"""Whether an answer is right: against the zone, or against another server's answer. Pure.

Caching resolvers and authoritative servers are judged by what each may do: TTLs may be shorter
than the zone's but never longer; a resolver follows what leaves the zone, an authoritative
server refers and says that it has authority.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.name
import dns.rdata
import dns.rdatatype
from dns.rcode import Rcode
from dns.rdataclass import IN
from dns.rdatatype import ANY, NS, RRSIG, SOA, RdataType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dns.name import Name
    from dns.rdata import Rdata

    from bench.dig.output import Record, Response
    from bench.queries.draw import Query
    from bench.queries.zone import AskedZone
    from dnsd.zone.answer import Answer
    from dnsd.zone.view import ViewRRset

Key = tuple["Name", RdataType]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of an answer: ``wrong`` is "" when nothing is.

    ``judged`` is False where there is nothing to compare with. ``shorter``: the TTL is below
    the zone's, as in a cache or in dnsd while a member of a pool is in doubt.
    """

    wrong: str = ""
    judged: bool = True
    shorter: bool = False


UNJUDGED = Verdict(judged=False)


@dataclass(frozen=True, slots=True)
class Found:
    """An RRset of an answer: its data and the largest TTL."""

    ttl: int
    rdatas: frozenset[Rdata]


def by_zone(zone: AskedZone, query: Query, response: Response, pools: frozenset[Name]) -> Verdict:
    """Judge an answer by what stands in the zone; ``pools`` may be answered in part."""
    if query.rtype == ANY or not query.name.is_subdomain(zone.apex):
        return UNJUDGED
    expect = zone.answer(query.name, query.rtype, do=query.do)
    resolver = "ra" in response.flags
    leaves = _leaves(zone, query, expect)
    if resolver and (not expect.aa or (leaves and not expect.answer)):
        return UNJUDGED
    wrong = (
        ("" if resolver and leaves else _wrong_rcode(Rcode(expect.rcode).name, response.status))
        or ("" if resolver else _wrong_authority(expect, response))
        or _wrong_sets(expect, response, pools, more=resolver and leaves)
        or _wrong_signatures(zone, query, expect, response)
        or _long_ttl(expect, response)
    )
    return Verdict(wrong, shorter=not wrong and _is_shorter(expect, response))


def by_other(query: Query, mine: Response, theirs: Response) -> Verdict:
    """Judge an answer by that of another server; TTLs may differ."""
    if query.rtype == ANY:
        return UNJUDGED
    one, other = rrsets(mine.answer), rrsets(theirs.answer)
    wrong = _wrong_rcode(theirs.status, mine.status)
    both_authoritative = "ra" not in mine.flags | theirs.flags
    if not wrong and both_authoritative and ("aa" in mine.flags) != ("aa" in theirs.flags):
        wrong = f"AA is {'aa' in mine.flags:d} instead of {'aa' in theirs.flags:d}"
    for key in sorted(one.keys() | other.keys()):
        wrong = wrong or _different(key, one.get(key), other.get(key))
    shorter = any(one[key].ttl < other[key].ttl for key in one.keys() & other.keys())
    return Verdict(wrong, shorter=not wrong and shorter)


def rrsets(records: Iterable[Record]) -> dict[Key, Found]:
    """Join records to RRsets; signatures are left out."""
    found: dict[Key, Found] = {}
    for record in records:
        rtype = RdataType.from_text(record.rtype)
        if rtype == RRSIG:
            continue
        key = (dns.name.from_text(record.owner), rtype)
        rdata = dns.rdata.from_text(IN, rtype, record.rdata, origin=dns.name.root, relativize=False)
        before = found.get(key, Found(0, frozenset()))
        found[key] = Found(max(before.ttl, record.ttl), before.rdatas | {rdata})
    return found


def _expected(sets: Iterable[ViewRRset]) -> dict[Key, Found]:
    return {
        (rrset.owner, rrset.rtype): Found(rrset.ttl, frozenset(rrset.rdatas))
        for rrset in sets
        if rrset.rtype != RRSIG
    }


def _leaves(zone: AskedZone, query: Query, expect: Answer) -> bool:
    """Tell whether the answer goes on outside the zone's own data: elsewhere, or below a cut."""
    if not expect.answer:
        return not expect.aa
    last = expect.answer[-1] if expect.answer[-1].rtype != RRSIG else expect.answer[-2]
    if last.rtype in {query.rtype, RRSIG} or not hasattr(last.rdatas[0], "target"):
        return False
    target = last.rdatas[0].target
    if not target.is_subdomain(zone.apex):
        return True
    return any(rrset.rtype == NS for rrset in expect.authority)


def _wrong_rcode(wanted: str, status: str) -> str:
    return "" if status == wanted else f"{status} instead of {wanted}"


def _wrong_authority(expect: Answer, response: Response) -> str:
    """Judge AA and the authority section of a server that has authority (RFC 1034, RFC 2308)."""
    if ("aa" in response.flags) != expect.aa:
        return f"AA is {'aa' in response.flags:d} instead of {expect.aa:d}"
    wanted, found = _expected(expect.authority), rrsets(response.authority)
    for key in wanted:
        if key[1] in {SOA, NS} and (wrong := _different(key, found.get(key), wanted[key])):
            return f"authority section: {wrong}"
    return ""


def _wrong_sets(expect: Answer, response: Response, pools: frozenset[Name], *, more: bool) -> str:
    wanted, found = _expected(expect.answer), rrsets(response.answer)
    for key in sorted(wanted.keys() | ({} if more else found.keys())):
        mine, right = found.get(key), wanted.get(key)
        if key[0] in pools and mine and right and mine.rdatas <= right.rdatas:
            continue
        if wrong := _different(key, mine, right):
            return wrong
    return ""


def _different(key: Key, found: Found | None, wanted: Found | None) -> str:
    """Return how two RRsets differ in their data, or ""."""
    what = f"{key[0]} {dns.rdatatype.to_text(key[1])}"
    if found is None:
        return f"{what} is missing"
    if wanted is None:
        return f"{what} should not be there"
    if found.rdatas == wanted.rdatas:
        return ""
    return f"{what} is {_text(found)} instead of {_text(wanted)}"


def _text(found: Found) -> str:
    return ", ".join(sorted(rdata.to_text() for rdata in found.rdatas))


def _wrong_signatures(zone: AskedZone, query: Query, expect: Answer, response: Response) -> str:
    """With DO a signed zone's answer has signatures, for whatever is in the answer section."""
    wanted = any(rrset.rtype == RRSIG for rrset in expect.answer)
    present = any(record.rtype == "RRSIG" for record in response.answer)
    if query.do and zone.signed and wanted and not present:
        return "there is no RRSIG though DO was set"
    return ""


def _pairs(expect: Answer, response: Response) -> Iterable[tuple[Key, int, int]]:
    """Yield each expected RRset that is there, with its TTL and the zone's."""
    for wanted, found in (
        (_expected(expect.answer), rrsets(response.answer)),
        (_expected(expect.authority), rrsets(response.authority)),
    ):
        yield from _common(wanted, found)


def _common(
    wanted: Mapping[Key, Found], found: Mapping[Key, Found]
) -> Iterable[tuple[Key, int, int]]:
    for key in sorted(wanted.keys() & found.keys()):
        yield key, found[key].ttl, wanted[key].ttl


def _long_ttl(expect: Answer, response: Response) -> str:
    for (name, rtype), ttl, right in _pairs(expect, response):
        if ttl > right:
            what = f"{name} {dns.rdatatype.to_text(rtype)}"
            return f"the TTL of {what} is {ttl}, longer than the zone's {right}"
    return ""


def _is_shorter(expect: Answer, response: Response) -> bool:
    return any(ttl < right for _, ttl, right in _pairs(expect, response))
