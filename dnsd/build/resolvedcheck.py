"""Aliases against their zone: whether there are records to stand in for, and whom they follow.

Knows zone and policy as they were loaded, and resolves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.build.resolved import TYPES, rrsets_of
from dnsd.checks import reach
from dnsd.wire.name import from_text, is_subdomain, to_text
from dnsd.wire.rdata import CNAME, NS, ZONEMD
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.structure import Structure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.build.signing import Signer
    from dnsd.config import Failover
    from dnsd.config.policy import AliasRule, Policy
    from dnsd.zone.records import Zone

Fault = tuple[str, str]
"""A code, and a sentence."""


def findings(
    policy: Policy, zone: Zone, signer: Signer | None, failover: Failover | None
) -> Iterator[Finding]:
    """Return what is wrong with the aliases of ``policy``."""
    if not policy.aliases:
        return
    networks = failover.check_networks if failover else ()
    structure = Structure(zone)
    for rule in policy.aliases:
        found = [*_place(rule, zone, structure), *_target(rule, policy, zone, structure)]
        found += [
            *_taken(rule, policy),
            *_signed(rule, zone, signer),
            *_resolvers(rule, networks),
        ]
        for code, message in found:
            sentence = f"alias {rule.name}: {message}"
            yield Finding(policy.file, rule.line, Severity.ERROR, sentence, code)
    if ZONEMD in zone.at(zone.apex):
        sentence = (
            "aliases change the zone's records, but its ZONEMD is the digest of those in the file: "
            "servers that fetch the zone and verify it refuse it; remove the ZONEMD or the aliases"
        )
        line = policy.aliases[0].line
        yield Finding(policy.file, line, Severity.WARNING, sentence, "alias-digest")


def _place(rule: AliasRule, zone: Zone, structure: Structure) -> Iterator[Fault]:
    owner = from_text(rule.name)
    types = zone.at(owner)
    if owner != zone.apex and (NS in types or owner in structure.occluded):
        yield (
            "alias-occluded",
            "no query gets its records, because the zone delegates that name or has a DNAME above "
            "it: name the alias where its addresses are answered",
        )
    elif CNAME in types:
        target = to_text(types[CNAME].rdatas[0])
        message = f"the zone has a CNAME to {target} there: put A or AAAA records in its place"
        yield "alias-missing", message
    elif not types.keys() & {*TYPES.values()}:
        yield (
            "alias-missing",
            "has no A or AAAA records in the zone: add some of each type that is to follow the "
            "target; they are answered until the target's addresses are known",
        )


def _target(rule: AliasRule, policy: Policy, zone: Zone, structure: Structure) -> Iterator[Fault]:
    target = from_text(rule.target)
    if not is_subdomain(target, zone.apex):
        return
    pool = next((one for one in policy.pools if one.is_alias and one.name == rule.target), None)
    if pool is None:
        if structure.cut_above(target) is None:
            yield (
                "alias-target",
                f"{rule.target} is in the zone itself: name the host that it leads to, or a pool "
                'of type = "CNAME" in this policy, and the alias follows its member',
            )
        return
    for member in (*pool.members, *pool.fallback):
        if is_subdomain(from_text(member), zone.apex):
            message = f"{member}, a member of {rule.target}, is in the zone itself"
            yield "alias-target", f"{message}: only members elsewhere can be followed"


def _taken(rule: AliasRule, policy: Policy) -> Iterator[Fault]:
    for pool in policy.pools:
        if pool.name == rule.name and pool.type in TYPES:
            yield (
                "alias-pool",
                f"its {pool.type} records are a pool already, line {pool.line}: remove the alias "
                "or the pool",
            )


def _signed(rule: AliasRule, zone: Zone, signer: Signer | None) -> Iterator[Fault]:
    if signer is None:
        return
    for rtype, rrset in rrsets_of(rule, zone):
        if not signer.signatures_of(rrset):
            message = f"the zone is signed, but its {rtype} records are not: sign the zone again"
            yield "alias-unsigned", message
        elif not signer.has_keys:
            yield (
                "alias-signed",
                "the zone is signed, and other addresses need other signatures: name the zone's "
                "key in [signing] keys, so that dnsd can sign them",
            )
            return


def _resolvers(rule: AliasRule, networks: tuple[str, ...]) -> Iterator[Fault]:
    for one in rule.resolver:
        if fault := reach.fault(one.address, networks):
            yield "alias-resolver", f"resolver: {fault}"
