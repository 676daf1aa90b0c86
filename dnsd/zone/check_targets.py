"""Checks of the names in the data: where NS, MX, SRV, CNAME and the SOA lead.

Only the zone itself is looked at; what lies outside it, or below a cut, is not judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.wire.name import ROOT, count, is_subdomain, labels, lower, parent, to_text, wildcard_of
from dnsd.wire.rdata import (
    AAAA,
    CNAME,
    DNAME,
    HTTPS,
    MX,
    NS,
    PTR,
    SOA,
    SRV,
    SVCB,
    A,
    name_end,
    target,
)
from dnsd.zone.faults import called, warning_at
from dnsd.zone.suspects import Suspicion
from dnsd.zone.typenames import type_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.zone.findings import Finding
    from dnsd.zone.records import RRset, Zone
    from dnsd.zone.structure import Structure
    from dnsd.zone.suspects import Suspects

_TARGETED = frozenset((NS, MX, SRV, CNAME, DNAME, PTR, SVCB, HTTPS))
_ADDRESSED = frozenset((NS, MX, SRV))
"""Types whose targets need addresses and may not be aliases (RFC 2181 §10.3, RFC 2782)."""
_MAX_CHAIN = 16
_REVERSE = b"\x04arpa\x00"
_RNAME_AT = b"@"


class Targets:
    """Finds what a name of the zone has, as a query would."""

    def __init__(self, zone: Zone, structure: Structure) -> None:
        self._zone = zone
        self._structure = structure

    def find(self, name: bytes) -> dict[int, RRset] | None:
        """Return the RRsets of ``name`` (in lower case), by wildcard too, and {} for none.

        None when the zone cannot know: outside of it, at or below a cut, below a DNAME.
        """
        apex, known = self._zone.apex, self._structure
        if not is_subdomain(name, apex) or self._structure.cut_above(name):
            return None
        if known.has(name):
            return self._zone.at(name)
        encloser = parent(name)
        while not known.has(encloser) and encloser != apex:
            encloser = parent(encloser)
        if self._is_below_dname(encloser):
            return None
        return self._zone.at(wildcard_of(encloser))

    def _is_below_dname(self, encloser: bytes) -> bool:
        dnames = self._structure.dnames
        while encloser not in dnames and encloser != self._zone.apex:
            encloser = parent(encloser)
        return encloser in dnames

    def dname_above(self, name: bytes) -> bytes | None:
        """Return the owner of the DNAME of this zone that ``name`` is below, if there is one."""
        apex, known = self._zone.apex, self._structure
        if not known.dnames or not is_subdomain(name, apex) or known.cut_above(name):
            return None
        while name != apex:
            name = parent(name)
            if name in known.dnames:
                return name
        return None

    def has_glue(self, name: bytes) -> bool:
        """Tell whether ``name`` has addresses, occluded or not."""
        types = self._zone.at(name)
        return A in types or AAAA in types


def check_soa(zone: Zone, targets: Targets) -> Iterator[Finding]:
    """Check what the SOA says about itself."""
    soa = zone.nodes.get(zone.apex, {}).get(SOA)
    if soa is None:
        return
    rdata = soa.rdatas[0]
    at = name_end(rdata, 0)
    mname, rname = rdata[:at], rdata[at : name_end(rdata, at)]
    if targets.find(lower(mname)) == {}:
        yield warning_at(
            soa,
            "soa-mname",
            f"the SOA names {to_text(mname)} as primary server, which has no data in this zone: "
            "add its address, or name the right server",
        )
    if _RNAME_AT in rname:
        yield warning_at(
            soa,
            "soa-rname",
            f"the SOA's mailbox {to_text(rname)} contains an @: write a dot in its place",
        )
    refresh, retry, expire = (int.from_bytes(rdata[n : n + 4], "big") for n in (-16, -12, -8))
    if expire < refresh + retry:
        yield warning_at(
            soa,
            "soa-expire",
            f"the SOA's EXPIRE {expire} is less than REFRESH plus RETRY, {refresh + retry}: "
            "secondaries may drop the zone when one refresh fails, raise it",
        )


def check_targets(
    zone: Zone, structure: Structure, targets: Targets, suspects: Suspects
) -> Iterator[Finding]:
    """Check all names that authoritative records and delegations point to."""
    repeated = zone.apex[:-1] + zone.apex if count(zone.apex) > 1 else None
    seen: set[tuple[int, bytes, bytes]] = set()
    well: set[tuple[int, bytes]] = set()
    for rrset, cut in _pointing(structure, suspects):
        rtype = rrset.rtype
        for rdata in rrset.rdatas:
            name = lower(target(rtype, rdata) or ROOT)
            is_below = bool(cut) and is_subdomain(name, cut)
            # A hundred thousand delegations share a few servers: one look at each will do.
            known = (rtype, name, cut) in seen or (not is_below and (rtype, name) in well)
            if name == ROOT or (rtype != CNAME and known):
                continue
            seen.add((rtype, name, cut))
            mistyped = _mistyped(zone, rrset, name, repeated)
            found = [mistyped] if mistyped else [*_check_target(rrset, name, cut, targets)]
            if not found and not is_below:
                well.add((rtype, name))
            yield from found


def _pointing(structure: Structure, suspects: Suspects) -> list[tuple[RRset, bytes]]:
    """Return the RRsets that point to names, in the order of the file, with their cut or b""."""
    found = []
    for owner, types in suspects.of(Suspicion.TARGET):
        if types.keys().isdisjoint(_TARGETED) or owner in structure.occluded:
            continue
        cut = owner if owner in structure.cuts else b""
        found += [(types[rtype], cut) for rtype in ((NS,) if cut else types.keys() & _TARGETED)]
    return sorted(found, key=lambda pair: (pair[0].file, pair[0].line))


def _mistyped(zone: Zone, rrset: RRset, name: bytes, repeated: bytes | None) -> Finding | None:
    """Find targets that are probably typing errors."""
    is_reverse = rrset.rtype == PTR and zone.apex.endswith(_REVERSE)
    if (repeated and name.endswith(repeated)) or (is_reverse and is_subdomain(name, zone.apex)):
        return warning_at(
            rrset,
            "missing-dot",
            f"{called(rrset)} points to {to_text(name)}: "
            "write a dot at the end of the name if the zone's was not to be added",
        )
    first = labels(name)[:4]
    if rrset.rtype in {NS, MX} and len(first) == 4 and all(map(bytes.isdigit, first)):
        return warning_at(
            rrset,
            "target-is-address",
            f"{called(rrset)} points to {to_text(name)}, an address: "
            "write the name of the host instead",
        )
    return None


def _check_target(rrset: RRset, name: bytes, cut: bytes, targets: Targets) -> Iterator[Finding]:
    if cut and is_subdomain(name, cut):
        if not targets.has_glue(name):
            yield warning_at(
                rrset,
                "missing-glue",
                f"the delegation {to_text(rrset.owner)} goes to {to_text(name)}, which has no "
                "address here: resolvers cannot find it, add A or AAAA records for it",
            )
    elif rrset.rtype == CNAME:
        yield from _check_alias(rrset, name, targets)
    elif rrset.rtype in _ADDRESSED:
        yield from _check_addresses(rrset, name, targets)


def _check_addresses(rrset: RRset, name: bytes, targets: Targets) -> Iterator[Finding]:
    kind = type_name(rrset.rtype).lower()
    if dname := targets.dname_above(name):
        yield warning_at(
            rrset,
            f"{kind}-alias",
            f"{called(rrset)} points to {to_text(name)}, which the DNAME of {to_text(dname)} makes "
            "an alias (RFC 2181 §10.3): name the host itself",
        )
        return
    found = targets.find(name)
    if found is None:
        return
    if CNAME in found:
        yield warning_at(
            rrset,
            f"{kind}-alias",
            f"{called(rrset)} points to {to_text(name)}, which is an alias (RFC 2181 §10.3): "
            "name the host itself",
        )
    elif A not in found and AAAA not in found:
        yield warning_at(
            rrset,
            f"{kind}-no-address",
            f"{called(rrset)} points to {to_text(name)}, which has no address in this zone: "
            "add A or AAAA records for it, or correct the name",
        )


def _check_alias(rrset: RRset, name: bytes, targets: Targets) -> Iterator[Finding]:
    """Follow a CNAME through the zone to its end."""
    seen = {lower(rrset.owner)}
    while True:
        found = targets.find(name)
        if found == {}:
            yield warning_at(
                rrset,
                "cname-dangling",
                f"the alias {to_text(rrset.owner)} leads to {to_text(name)}, which has no data: "
                "add records there, or remove the alias",
            )
        if not found or CNAME not in found:
            return
        if name in seen or len(seen) >= _MAX_CHAIN:
            yield warning_at(
                rrset,
                "cname-loop",
                f"the alias {to_text(rrset.owner)} leads in a circle or over more than "
                f"{_MAX_CHAIN} aliases: point it to the host itself",
            )
            return
        seen.add(name)
        name = lower(found[CNAME].rdatas[0])
