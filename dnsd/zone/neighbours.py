"""Checks between two zones of one server: a parent, and a child that begins below it.

Each zone is good by itself; what is compared here is what both say of the cut between them
(RFC 1034 §4.2.2): the name servers, their addresses, and the hash of the child's key. Nothing
found here keeps a zone from being served, so all of it is a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import dns.dnssec
import dns.exception
import dns.name
import dns.rdata
from dns.rdataclass import IN
from dns.rdatatype import DNSKEY as DNSKEY_TYPE
from dns.rdatatype import DS as DS_TYPE

from dnsd.wire.name import ancestors, is_subdomain, lower, to_text
from dnsd.wire.rdata import AAAA, DNSKEY, DS, NS, SOA, A
from dnsd.zone.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from dns.rdtypes.ANY.DNSKEY import DNSKEY as DNSKEYRdata
    from dns.rdtypes.ANY.DS import DS as DSRdata

    from dnsd.zone.records import RRset, Zone


@dataclass(frozen=True, slots=True)
class Side:
    """What one zone has at a cut: a small part, so that the zone need not stay in memory."""

    zone: bytes
    """The apex of the zone that says it."""

    cut: bytes
    rrsets: dict[tuple[bytes, int], RRset]
    """NS, DS, DNSKEY and SOA at the cut; A and AAAA of the servers below it."""

    def at_cut(self, rtype: int) -> RRset | None:
        """Return the RRset of ``rtype`` at the cut."""
        return self.rrsets.get((self.cut, rtype))


def parent_of(apex: bytes, apexes: Collection[bytes]) -> bytes | None:
    """Return the nearest of ``apexes`` above ``apex`` (lower-case wire names)."""
    return next((above for above in ancestors(apex)[1:] if above in apexes), None)


def side(zone: Zone, cut: bytes) -> Side:
    """Return what ``zone`` says of the cut at ``cut`` (its own apex, or a name below it)."""
    node = zone.nodes.get(cut, {})
    found = {(cut, rtype): node[rtype] for rtype in (NS, DS, DNSKEY, SOA) if rtype in node}
    for server in map(lower, node[NS].rdatas if NS in node else ()):
        if is_subdomain(server, cut):
            addresses = zone.at(server)
            found |= {
                (server, rtype): addresses[rtype] for rtype in (A, AAAA) if rtype in addresses
            }
    return Side(zone.apex, cut, found)


def compare(parent: Side, child: Side) -> Iterator[Finding]:
    """Return where ``parent`` and ``child`` contradict each other at the cut between them."""
    cut = to_text(child.cut)
    above, own = parent.at_cut(NS), child.at_cut(NS)
    if above is None:
        where = own or child.at_cut(SOA)
        yield _warning(
            where,
            f"{cut} is not delegated in its parent zone {to_text(parent.zone)}: add NS records "
            "for it there, or resolvers that come from above do not find it",
            "not-delegated",
        )
        return
    if own is not None and _names(above) != _names(own):
        yield _warning(
            above,
            f"the name servers of {cut} are {_listed(above)} here, but {_listed(own)} in the "
            "zone itself: make both the same",
            "delegation-mismatch",
        )
    yield from _compare_glue(parent, child)
    yield from _compare_keys(parent, child)


def _compare_glue(parent: Side, child: Side) -> Iterator[Finding]:
    for (server, rtype), glue in parent.rrsets.items():
        own = child.rrsets.get((server, rtype))
        if rtype in (A, AAAA) and (own is None or set(own.rdatas) != set(glue.rdatas)):
            yield _warning(
                glue,
                f"the glue for {to_text(server)} is not what the zone {to_text(child.zone)} says "
                "its address is: make both the same",
                "glue-mismatch",
            )


def _compare_keys(parent: Side, child: Side) -> Iterator[Finding]:
    """RFC 4035 §2.4: a DS without its key makes validators refuse the whole child."""
    secure, keys = parent.at_cut(DS), child.at_cut(DNSKEY)
    if secure is None:
        return
    hashes = [
        _is_hash_of(parent.cut, ds, key)
        for ds in secure.rdatas
        for key in (keys.rdatas if keys else ())
    ]
    if not any(hashes):
        yield _warning(
            secure,
            f"none of these DS records fits a key of the zone {to_text(child.zone)}: validators "
            "will refuse its answers",
            "ds-mismatch",
        )


def _is_hash_of(cut: bytes, ds: bytes, key: bytes) -> bool:
    """Tell whether ``ds`` is made of ``key``; of an unknown hash, only the tag is compared."""
    wanted = cast("DSRdata", dns.rdata.from_wire(IN, DS_TYPE, ds, 0, len(ds)))
    made_of = cast("DNSKEYRdata", dns.rdata.from_wire(IN, DNSKEY_TYPE, key, 0, len(key)))
    try:
        made = dns.dnssec.make_ds(to_text(cut), made_of, wanted.digest_type, validating=True)
    except dns.exception.DNSException:
        return bool(dns.dnssec.key_id(made_of) == wanted.key_tag)
    return bool(made == wanted)


def _names(servers: RRset) -> set[bytes]:
    return set(map(lower, servers.rdatas))


def _listed(servers: RRset) -> str:
    return ", ".join(sorted(map(to_text, _names(servers))))


def _warning(rrset: RRset | None, message: str, code: str) -> Finding:
    file, line = (rrset.file, rrset.line) if rrset else ("", 0)
    return Finding(file, line, Severity.WARNING, message, code)
