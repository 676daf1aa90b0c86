"""A policy against its zone: whether dnsd can do for each pool what its policy says.

Knows both as they were loaded; what a policy says by itself is checked when it is read
(:mod:`dnsd.config.policyfile`). An error keeps a policy from being used, a warning does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.build import aliascheck, checkfaults, hints, resolvedcheck, signedcheck
from dnsd.build.policypools import TYPES, members_of, rrset_of
from dnsd.build.promises import InZone, Promises
from dnsd.config import Failover
from dnsd.config.policy import MOST_MEMBERS
from dnsd.config.policyfile import load_policy
from dnsd.config.units import format_duration
from dnsd.failover.quorum import FRESH_INTERVALS
from dnsd.text import shortlist
from dnsd.wire.name import ancestors, from_text, lower, to_text, wildcard_of
from dnsd.wire.rdata import CNAME, DNAME, NS
from dnsd.zone.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from dnsd.build.signing import Signer
    from dnsd.config import CheckLimits, Failover
    from dnsd.config.policy import Policy, PoolPolicy
    from dnsd.config.problems import Problem
    from dnsd.zone.records import RRset, Zone

_NAMED = 4
"""Addresses that a sentence names; more would not be read."""


class PoolFault(NamedTuple):
    """What is wrong with a pool: the ``key`` it is about ("" is the pool), and a sentence."""

    key: str
    code: str
    message: str
    severity: Severity = Severity.ERROR


class Checked(NamedTuple):
    """What came of a policy: ``signer`` signs its answers, None if the zone is not signed.

    Whether it may be used, the ``findings`` say.
    """

    policy: Policy | None
    findings: list[Finding]
    signer: Signer | None = None


def check_file(
    origin: str, path: Path, zone: Zone | None, failover: Failover | None = None
) -> Checked:
    """Check the policy in the file ``path``.

    Without a ``zone`` (it could not be loaded) only the policy itself is checked. ``failover``
    is what the configuration says of other nodes, if that is known.
    """
    return checked(*load_policy(path, origin), zone, failover)


def checked(
    policy: Policy | None,
    problems: Sequence[Problem],
    zone: Zone | None,
    failover: Failover | None = None,
) -> Checked:
    """Check a policy in which there are ``problems`` already; see :func:`check_file`."""
    if policy is not None and zone is not None:
        return check_policy(policy, zone, failover)
    found = [
        Finding(problem.file, problem.line, Severity.ERROR, problem.sentence, "policy")
        for problem in problems
    ]
    return Checked(policy, found)


def check_policy(policy: Policy, zone: Zone, failover: Failover | None = None) -> Checked:
    """Check ``policy`` as the policy of ``zone``.

    ``failover`` is what the configuration says of other nodes, if that is known.
    """
    signer, found = _signer(policy, zone)
    found += [
        _finding(policy, pool, fault)
        for pool in policy.pools
        for fault in _faults(pool, policy, zone, signer, failover)
    ]
    found += resolvedcheck.findings(policy, zone, signer, failover)
    found += check_promises([(policy, promised(policy, zone))], failover)
    found += hints.check_hints(zone, _pools_by_member(policy, zone))
    found += hints.check_followed(zone, hints.members_of_followed(policy, zone), signer)
    return Checked(policy, sorted(found), signer)


def promised(policy: Policy, zone: Zone) -> tuple[InZone, ...]:
    """Return the pools of ``policy`` whose records are in ``zone``, for what they promise."""
    found = ((pool, rrset_of(pool, zone)) for pool in policy.pools)
    return tuple(
        InZone(pool, rrset.ttl, members_of(pool, rrset))
        for pool, rrset in found
        if rrset is not None
    )


def check_promises(
    zones: Collection[tuple[Policy, Sequence[InZone]]],
    failover: Failover | None = None,
    limits: CheckLimits | None = None,
) -> list[Finding]:
    """Find the objectives that are not kept if the pools of ``zones`` are all there are.

    ``limits`` are those of the process that checks; without them, what is configured.
    """
    promises = Promises((pool for _, pools in zones for pool in pools), failover, limits)
    return [
        _finding(policy, pool.policy, fault)
        for policy, pools in zones
        for pool in pools
        for fault in _objective(pool, promises)
    ]


def _finding(policy: Policy, pool: PoolPolicy, fault: PoolFault) -> Finding:
    message = _told(pool, fault)
    return Finding(policy.file, pool.at(fault.key), fault.severity, message, fault.code)


def _signer(policy: Policy, zone: Zone) -> tuple[Signer | None, list[Finding]]:
    """Return what signs the answers of a signed zone, and what is wrong with its keys.

    None: nothing can be said about signatures, or nothing has to be.
    """
    signing = policy.signing
    if not signing.keys and not signedcheck.is_signed(zone):
        return None, []
    # Only signing needs cryptography in memory.
    from dnsd.build.keys import load_keys
    from dnsd.build.signing import Signer

    keys, faults = load_keys(signing.keys, zone)
    found = [
        Finding(policy.file, signing.line, fault.severity, fault.message, fault.code)
        for fault in faults
    ]
    is_sound = all(fault.severity is not Severity.ERROR for fault in faults)
    return Signer(zone, keys) if is_sound else None, found


def _pools_by_member(policy: Policy, zone: Zone) -> dict[str, str]:
    """Return the pools whose members may stand in hints, by member."""
    kept = (pool for pool in policy.pools if pool.hints == "keep" and not pool.is_alias)
    found = ((pool, rrset_of(pool, zone)) for pool in kept)
    return {
        address: f"{pool.name} {pool.type}"
        for pool, rrset in found
        if rrset is not None
        for address in members_of(pool, rrset)
    }


def _told(pool: PoolPolicy, fault: PoolFault) -> str:
    key = f" {fault.key}:" if fault.key else ""
    return f"{pool.name} {pool.type}:{key} {fault.message}"


def _faults(
    pool: PoolPolicy, policy: Policy, zone: Zone, signer: Signer | None, failover: Failover | None
) -> Iterator[PoolFault]:
    def members_in(other: PoolPolicy) -> tuple[str, ...]:
        found = rrset_of(other, zone)
        return () if found is None else members_of(other, found)

    yield from (PoolFault(*one) for one in checkfaults.faults(pool, policy, failover, members_in))
    if fault := _out_of_reach(pool, zone) or _missing(pool, zone):
        yield fault
        return
    rrset = rrset_of(pool, zone)
    if rrset is None:
        return
    members = members_of(pool, rrset)
    if pool.is_alias:
        yield from (PoolFault(*one) for one in aliascheck.faults(pool, rrset, policy, zone))
    yield from _signed(pool, rrset, signer)
    yield from _members(pool, members)
    yield from _taken(pool, members)
    yield from _named(pool, members)
    yield from (PoolFault(*one) for one in checkfaults.unreachable(pool, members, failover))
    yield from _times(pool, rrset)
    if failover is not None and pool.scope.kind == "quorum" and pool.check != "none":
        yield from _peers(pool, failover)
    yield from _effects(pool, members, zone)


def _out_of_reach(pool: PoolPolicy, zone: Zone) -> PoolFault | None:
    """Return why queries for the pool get another answer than its records."""
    owner = from_text(pool.name)
    above = ancestors(owner)
    for name in reversed(above[: above.index(zone.apex)]):
        types = zone.at(name)
        if NS in types:
            return PoolFault(
                "name",
                "pool-glue",
                f"the zone delegates {to_text(name)}, so addresses there are only glue: "
                "put the pool into the policy of that zone",
            )
    for name in above[1 : above.index(zone.apex) + 1]:
        if DNAME in zone.at(name):
            return PoolFault(
                "name",
                "pool-occluded",
                f"{to_text(name)} has a DNAME, so what is below it is never answered: "
                "give the pool the name that it leads to",
            )
    return None


def _missing(pool: PoolPolicy, zone: Zone) -> PoolFault | None:
    owner = from_text(pool.name)
    types = zone.at(owner)
    if TYPES[pool.type] in types:
        return None
    if pool.is_alias and (message := aliascheck.misplaced(owner, zone)):
        return PoolFault("type", "pool-alias", message)
    if CNAME in types:
        target = to_text(types[CNAME].rdatas[0])
        message = (
            f"is an alias of {target}, which has the addresses: give the pool that name, or "
            'type = "CNAME" and the names that it may lead to'
        )
        return PoolFault("name", "pool-alias", message)
    return PoolFault("name", "pool-missing", f"has no {pool.type} records{_hint(owner, zone)}")


def _hint(owner: bytes, zone: Zone) -> str:
    """Return what may have been meant by an ``owner`` that has no such records."""
    if owner.endswith(zone.apex[:-1] + zone.apex):
        return ": write a dot at the end of its name, or leave out the zone's"
    if zone.at(owner):
        return " in the zone: add some, or delete this pool"
    for name in ancestors(owner)[1:]:
        if zone.at(wildcard := wildcard_of(name)):
            return f" of its own: if {to_text(wildcard)} is meant, give the pool that name"
        if zone.at(name) or name == zone.apex:
            break
    return " in the zone: no such name is there; add it, or delete this pool"


def _signed(pool: PoolPolicy, rrset: RRset, signer: Signer | None) -> Iterator[PoolFault]:
    if signer is not None:
        yield from (PoolFault(*fault) for fault in signedcheck.faults(pool, rrset, signer))


def _members(pool: PoolPolicy, members: tuple[str, ...]) -> Iterator[PoolFault]:
    total = len(members) + len(pool.fallback)
    if total > MOST_MEMBERS:
        beside = f" and {len(pool.fallback)} fallback addresses" if pool.fallback else ""
        yield PoolFault(
            "",
            "pool-too-large",
            f"has {len(members)} records{beside}; a pool may have {MOST_MEMBERS} in all",
        )
    first = 1 if pool.select == "first" else _first_tier(pool, members)
    if pool.min_up > first:
        where = "the first tier has" if pool.tiers else "there are"
        yield PoolFault(
            "min_up", "pool-min-up", f"{pool.min_up} can never be up: {where} only {first}"
        )


def _first_tier(pool: PoolPolicy, members: tuple[str, ...]) -> int:
    """Return how many members are tried first: those that no later tier names."""
    later = {address for tier in pool.tiers[1:] for address in tier}
    return sum(member not in later for member in members)


def _taken(pool: PoolPolicy, members: Collection[str]) -> Iterator[PoolFault]:
    """Find that an answer always has all members, though only some are selected."""
    if pool.take and pool.take > 1 and pool.take >= len(members):
        yield PoolFault(
            "select",
            "pool-select",
            f'"{pool.select}" is the same as "all": there are only {len(members)} members',
            Severity.WARNING,
        )


def _named(pool: PoolPolicy, members: Collection[str]) -> Iterator[PoolFault]:
    """Find addresses that are no members where members are named, and the other way round."""
    named = {
        "tiers": [address for tier in pool.tiers for address in tier],
        "weights": list(pool.weights),
    }
    for key, addresses in named.items():
        if unknown := [address for address in addresses if address not in members]:
            yield PoolFault(
                key,
                "pool-address",
                f"{_listed(unknown)} {_is(unknown)} not among its records ({_listed(members)})",
            )
    if twice := [address for address in pool.fallback if address in members]:
        yield PoolFault(
            "fallback",
            "pool-address",
            f"{_listed(twice)} {_is(twice)} among its records: "
            "a fallback is what is answered instead of them",
        )


def _times(pool: PoolPolicy, rrset: RRset) -> Iterator[PoolFault]:
    if pool.ttl_min > rrset.ttl:
        yield PoolFault(
            "ttl_min",
            "pool-ttl",
            f"{pool.ttl_min} is above the TTL of its records, {rrset.ttl}, "
            f"which is the longest one ({rrset.file}:{rrset.line})",
        )


def _objective(pool: InZone, promises: Promises) -> Iterator[PoolFault]:
    policy = pool.policy
    if policy.rto is None:
        return
    severity = Severity.ERROR if policy.rto_mode == "refuse" else Severity.WARNING
    if policy.check == "none":
        message = 'check = "none" sees no failure: give the pool a check'
        yield PoolFault("rto", "pool-rto", message, severity)
    for _, found in promises.broken([pool]):
        yield PoolFault("rto", "pool-rto", found.sentence(), severity)


def _peers(pool: PoolPolicy, failover: Failover) -> Iterator[PoolFault]:
    """Find why nodes will not agree, as this one is told of the others."""
    nodes = len(failover.peers) + 1
    if nodes != pool.scope.nodes:
        known = f"[failover] peers names {nodes - 1}" if nodes > 1 else "[failover] names no peers"
        effect = ""
        if nodes < pool.scope.need:
            effect = ", so the nodes can never agree, and no member leaves the answer or comes back"
        yield PoolFault(
            "scope",
            "pool-quorum",
            f"{pool.scope} needs {pool.scope.nodes - 1} other nodes that vote, but {known}{effect}",
            Severity.WARNING,
        )
    oldest = pool.interval + pool.timeout + failover.delay
    if oldest >= FRESH_INTERVALS * pool.interval:
        yield PoolFault(
            "interval",
            "pool-quorum",
            f"votes of other nodes may be {format_duration(oldest)} old and count only for "
            f"{FRESH_INTERVALS} intervals of {format_duration(pool.interval)}: "
            "make the interval longer, or [failover] poll and timeout shorter",
            Severity.WARNING,
        )


def _effects(pool: PoolPolicy, members: Collection[str], zone: Zone) -> Iterator[PoolFault]:
    """Find what will not have the effect that one expects of a pool."""
    if len(members) == 1 and pool.all_down in {"all", "last_good"}:
        has, add = ("one member", "one") if pool.is_alias else ("one record", "a record")
        yield PoolFault(
            "",
            "pool-single",
            f'has {has}, so with all_down = "{pool.all_down}" its answer never changes: '
            f"add {add}, or fallback {'names' if pool.is_alias else 'addresses'}",
            Severity.WARNING,
        )
    if from_text(pool.name) in map(lower, zone.nodes[zone.apex][NS].rdatas):
        yield PoolFault(
            "name",
            "pool-name-server",
            "is a name server of the zone: the addresses of it in the parent zone (glue) "
            "will not follow",
            Severity.WARNING,
        )


def _listed(addresses: Collection[str]) -> str:
    return ", ".join(shortlist(list(addresses), _NAMED))


def _is(addresses: Collection[str]) -> str:
    return "is" if len(addresses) == 1 else "are"
