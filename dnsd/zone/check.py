"""Checks of a zone as a whole: what each record allows but all of them together do not.

Errors are what cannot be served with one clear meaning; the rest is a warning. Where the
peers differ (named-checkzone 9.18, nsd-checkzone 4.6, knotc zone-check 3.2):

    finding                  BIND      NSD       Knot      here
    ------------------------------------------------------------------------------------------
    out-of-zone              ignored   error     ignored   warning, ignored
    multiple-soa             error     error     accepted  error
    mixed-ttl                first     each own  last      warning, lowest (RFC 2181 §5.2)
    missing-glue             warning   accepted  warning   warning
    ns-no-address, apex      error     accepted  warning   warning
    ns-alias, apex           error     accepted  accepted  warning
    data below a DNAME       accepted  error     error     warning: never answered
    dname-and-ns             accepted  accepted  error     error (RFC 6672 §2.3)
    wildcard-ns              error     accepted  accepted  error (RFC 4592 §4.2: undefined)
    TTL above 2^31-1         set to 0  accepted  accepted  error
    host-name                error     accepted  accepted  warning
    nsec3-algorithm          error     accepted  accepted  error
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.config.limits import Limits
from dnsd.wire.name import count, is_wildcard, to_text
from dnsd.wire.rdata import (
    AAAA,
    CNAME,
    DNAME,
    DS,
    HTTPS,
    NS,
    NSEC,
    NSEC3,
    SOA,
    SVCB,
    A,
    is_alias_mode,
    name_end,
)
from dnsd.zone.check_digest import check_digest
from dnsd.zone.check_hosts import check_hosts
from dnsd.zone.check_signed import check_signed
from dnsd.zone.check_targets import Targets, check_soa, check_targets
from dnsd.zone.faults import called, error_at, warning_at
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.suspects import Suspects, Suspicion, suspects_of
from dnsd.zone.typenames import type_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.zone.records import RRset, Zone
    from dnsd.zone.structure import Structure

_DEFAULTS = Limits()
_SIG, _KEY, _NXT = 24, 25, 30
_BESIDE_CNAME = frozenset((CNAME, NSEC, _SIG, _KEY, _NXT))
_GLUE = frozenset((A, AAAA))
_AT_CUT = _GLUE | {NS, DS, NSEC, NSEC3, DNAME}

_MAX_MESSAGE = 65535
_FIXED = 12 + 4 + 11
"""Octets of a response beside names and records: header, question, an OPT record."""
_PER_RECORD = 12
"""Octets of a record beside its data, its owner compressed."""


def check_zone(
    zone: Zone,
    structure: Structure,
    file: str = "",
    now: float | None = None,
    limits: Limits = _DEFAULTS,
    suspects: Suspects | None = None,
) -> list[Finding]:
    """Return what is wrong with ``zone``, whose shape is ``structure``.

    Each finding stands where the RRset it concerns begins; what is missing altogether stands
    at ``file``. Signatures are judged by ``now`` (seconds since 1970), not at all when None.
    ``suspects`` are the names to look at, if they are known already.
    """
    targets = Targets(zone, structure)
    suspects = suspects or suspects_of(zone, now, limits)
    return [
        *_check_apex(zone, file),
        *check_soa(zone, targets),
        *_check_sizes(suspects),
        *_check_coexistence(zone, suspects),
        *_check_wildcards(suspects),
        *_check_owners(zone, suspects),
        *_check_occluded(structure, suspects),
        *_check_services(suspects),
        *check_hosts(suspects),
        *check_targets(zone, structure, targets, suspects),
        *check_signed(zone, structure, suspects, now, limits),
        *check_digest(zone),
    ]


def _check_apex(zone: Zone, file: str) -> Iterator[Finding]:
    types = zone.nodes.get(zone.apex, {})
    apex = to_text(zone.apex)
    if SOA not in types:
        message = f"the zone has no SOA record: add one at its apex, {apex}"
        yield Finding(file, 0, Severity.ERROR, message, "missing-soa")
    if NS not in types:
        message = f"the zone has no NS records: name its servers at its apex, {apex}"
        yield Finding(file, 0, Severity.ERROR, message, "missing-ns")


def _check_sizes(suspects: Suspects) -> Iterator[Finding]:
    for _, types in suspects.of(Suspicion.SIZE):
        for rrset in types.values():
            size = sum(map(len, rrset.rdatas)) + _PER_RECORD * len(rrset.rdatas)
            if size + _FIXED + len(rrset.owner) > _MAX_MESSAGE:
                yield error_at(
                    rrset,
                    "rrset-too-large",
                    f"the RRset {called(rrset)} does not fit into a DNS message of 65535 octets: "
                    "remove some records",
                )


def _check_owners(zone: Zone, suspects: Suspects) -> Iterator[Finding]:
    """Find owners that were completed with the zone's name although they had it already."""
    if count(zone.apex) < 2:  # com.com. is a name like any other
        return
    repeated = zone.apex[:-1] + zone.apex
    for owner, types in suspects.of(Suspicion.REPEATED):
        if owner.endswith(repeated):
            rrset = next(iter(types.values()))
            yield warning_at(
                rrset,
                "missing-dot",
                f"the owner {to_text(rrset.owner)} repeats the zone's name: "
                "write a dot at its end if that was not intended",
            )


def _check_coexistence(zone: Zone, suspects: Suspects) -> Iterator[Finding]:
    for owner, types in suspects.of(Suspicion.BESIDE):
        if CNAME in types and types.keys() - _BESIDE_CNAME:
            other = types[min(types.keys() - _BESIDE_CNAME)]
            yield error_at(
                _later(types[CNAME], other),
                "cname-and-other",
                f"{to_text(other.owner)} has a CNAME and also {type_name(other.rtype)} records: "
                "an alias can have no other data, remove one of them",
            )
        if DNAME in types and NS in types and owner != zone.apex:
            yield error_at(
                _later(types[DNAME], types[NS]),
                "dname-and-ns",
                f"{to_text(types[NS].owner)} has both DNAME and NS records, which only the apex "
                "of a zone may have (RFC 6672 §2.3): remove one of them",
            )


def _later(one: RRset, other: RRset) -> RRset:
    """Return the RRset that begins further down: it is the one that was added."""
    return max(one, other, key=lambda rrset: rrset.line) if one.file == other.file else other


def _check_wildcards(suspects: Suspects) -> Iterator[Finding]:
    for owner, types in suspects.of(Suspicion.WILDCARD):
        if not is_wildcard(owner):
            continue
        if NS in types:
            yield error_at(
                types[NS],
                "wildcard-ns",
                f"the wildcard {to_text(types[NS].owner)} has NS records, which has no defined "
                "meaning (RFC 4592 §4.2): delegate the names one by one",
            )
        if DNAME in types:
            yield warning_at(
                types[DNAME],
                "wildcard-dname",
                f"the wildcard {to_text(types[DNAME].owner)} has a DNAME, which resolvers treat "
                "differently (RFC 4592 §4.4): write one DNAME for each name",
            )


def _check_services(suspects: Suspects) -> Iterator[Finding]:
    for _, types in suspects.of(Suspicion.SERVICE):
        for rtype in types.keys() & {SVCB, HTTPS}:
            if any(is_alias_mode(r) and len(r) > name_end(r, 2) for r in types[rtype].rdatas):
                yield warning_at(
                    types[rtype],
                    "svcb-alias",
                    f"{called(types[rtype])} has priority 0, which makes it an alias, so clients "
                    "ignore its parameters (RFC 9460 §2.4.2): remove them, or raise the priority",
                )


def _check_occluded(structure: Structure, suspects: Suspects) -> Iterator[Finding]:
    """Find data that no query can reach (RFC 2136 §7.18 calls it obscured)."""
    for owner, types in suspects.of(Suspicion.HIDDEN):
        if owner not in structure.occluded:
            continue
        is_below_cut = structure.cut_above(owner) is not None
        above = "a delegation" if is_below_cut else "a DNAME"
        for rtype, rrset in types.items():
            if not (is_below_cut and rtype in _GLUE):
                yield warning_at(
                    rrset,
                    "occluded-data",
                    f"{called(rrset)} is below {above} and will never be answered: "
                    "remove it, or move it to the zone it belongs to",
                )
    for owner, types in suspects.of(Suspicion.DELEGATION):
        for rtype in types.keys() - _AT_CUT if owner in structure.cuts else ():
            yield warning_at(
                types[rtype],
                "occluded-data",
                f"{called(types[rtype])} is at a delegation and will never be answered: "
                "move it to the delegated zone",
            )
