"""Zones held against a demand: which TTL each RRset should have, and where it stands in its file.

Knows zones and policies as they were loaded. What is recommended, and why, is decided in
:mod:`dnsd.ttladvice.advice`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import dns.rdatatype

from dnsd.build.policycheck import promised
from dnsd.build.promises import Promises
from dnsd.ttladvice.advice import Goal, Subject, advise
from dnsd.wire import name as names
from dnsd.zone.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dnsd.config import Failover
    from dnsd.config.policy import Policy
    from dnsd.ttladvice.advice import Advised
    from dnsd.ttladvice.demand import DemandFile, RRsetDemand
    from dnsd.zone.records import RRset, Zone


class ZoneAndPolicy(NamedTuple):
    """A zone, and the policy beside it."""

    zone: Zone
    policy: Policy | None = None


class TtlPlace(NamedTuple):
    """Where the TTL of an RRset stands."""

    file: str
    line: int


class Subjects(NamedTuple):
    """What of a demand is in the zones: ``places`` by the name and type of the subject."""

    found: tuple[Subject, ...]
    places: dict[str, TtlPlace]


def subjects(
    zones: Sequence[ZoneAndPolicy],
    demand: DemandFile,
    failover: Failover | None = None,
    objective: float | None = None,
) -> Subjects:
    """Return the RRsets of ``zones`` that are asked for, with the goals of their pools.

    ``objective`` takes the place of each policy's own. What is not in the zones is left out.
    """
    wanted = goals(zones, failover, objective)
    found, places = [], {}
    for asked in demand.rrsets:
        rrset = _rrset(asked, zones)
        if rrset is None:
            continue
        goal = wanted.get((asked.name, asked.type)) if asked.kind == "data" else None
        subject = Subject(asked, _ttl(asked, rrset), goal)
        found.append(subject)
        places[subject.name] = TtlPlace(rrset.file, rrset.line)
    return Subjects(tuple(found), places)


def check(
    zones: Sequence[ZoneAndPolicy],
    demand: DemandFile,
    failover: Failover | None = None,
    budget: float | None = None,
) -> list[Finding]:
    """Find TTLs with which an objective, or the budget at the daily peak, is not kept."""
    known = subjects(zones, demand, failover)
    advised = advise(known.found, budget)
    return [*_late(advised, known), *_dear(advised, known)]


def _late(advised: Advised, known: Subjects) -> Iterable[Finding]:
    for one in advised.found:
        if not one.kept:
            place = known.places[one.subject.name]
            yield Finding(*place, Severity.WARNING, one.sentence(), "ttl-objective")


def _dear(advised: Advised, known: Subjects) -> Iterable[Finding]:
    if advised.budget is None or advised.peak_today <= advised.budget:
        return
    for one in advised.found:
        if one.subject.goal is None and one.ttl != one.subject.today:
            place = known.places[one.subject.name]
            yield Finding(*place, Severity.WARNING, one.sentence(), "ttl-budget")
    if not advised.fits and advised.found:
        dearest = advised.found[0]
        message = f"{advised.sentence()} The dearest is {dearest.subject.name}."
        place = known.places[dearest.subject.name]
        yield Finding(*place, Severity.WARNING, message, "ttl-budget")


def goals(
    zones: Sequence[ZoneAndPolicy], failover: Failover | None, objective: float | None
) -> dict[tuple[str, str], Goal]:
    """Return the goals of the pools in ``zones`` that have an objective, by name and type.

    ``objective`` takes the place of each policy's own.
    """
    pools = [
        pool for zone, policy in zones if policy is not None for pool in promised(policy, zone)
    ]
    promises = Promises(pools, failover)
    found: dict[tuple[str, str], Goal] = {}
    for pool in pools:
        wanted = pool.policy.rto if objective is None else objective
        if wanted is not None and pool.policy.check != "none":
            timing = promises.assess(pool, wanted).timing
            found[pool.policy.name, pool.policy.type] = Goal(wanted, timing, pool.policy.ttl_min)
    return found


def _rrset(asked: RRsetDemand, zones: Sequence[ZoneAndPolicy]) -> RRset | None:
    """Return what governs ``asked`` in the zones as they are now."""
    try:
        owner = names.lower(names.from_text(asked.name))
        rtype = dns.rdatatype.from_text(asked.type)
    except ValueError:
        return None
    above = [zone for zone, _ in zones if names.is_subdomain(owner, zone.apex)]
    if asked.kind == "referral":  # it stands in the zone above the cut
        above = [zone for zone in above if zone.apex != owner]
    zone = max(above, key=lambda zone: len(zone.apex), default=None)
    return None if zone is None else zone.at(owner).get(rtype)


def _ttl(asked: RRsetDemand, rrset: RRset) -> int:
    if asked.kind == "negative":  # RFC 2308 §5: the SOA's minimum stands last in its data
        return min(rrset.ttl, int.from_bytes(rrset.rdatas[0][-4:], "big"))
    return rrset.ttl
