"""SVCB and HTTPS records that name members of pools, where no pool can take them out.

Knows the hints of RFC 9460 §7.3 in wire form. Clients may go to a hinted address without asking
for A or AAAA at all, so what a pool answers does not reach them. Either the operator is warned,
or the hints are left out: then clients ask for the addresses.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import msgspec

from dnsd.wire.name import from_text
from dnsd.wire.rdata import AAAA, HTTPS, SVCB, A, is_alias_mode, name_end
from dnsd.zone.faults import called, warning_at
from dnsd.zone.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from dnsd.build.signing import Signer
    from dnsd.config.policy import Policy
    from dnsd.zone.records import RRset, Zone

_MANDATORY = 0
_ADDRESS_OCTETS = {4: 4, 6: 16}
"""Octets of an address by parameter: ipv4hint, ipv6hint."""


def check_hints(zone: Zone, pools: Mapping[str, str]) -> Iterator[Finding]:
    """Return a warning for each RRset whose hints are among ``pools``: the pool by member."""
    for rrset in _services(zone) if pools else ():
        hinted = [address for address in _hinted(rrset) if address in pools]
        if hinted:
            owners = dict.fromkeys(pools[address] for address in hinted)
            yield warning_at(
                rrset,
                "pool-hint",
                f"the hints of {called(rrset)} name {', '.join(hinted)}, members of the pool "
                f"{', '.join(owners)}: clients go on to one that is down; remove the hints, or say "
                'hints = "follow" in its policy',
            )


def check_followed(
    zone: Zone, addresses: frozenset[str], signer: Signer | None
) -> Iterator[Finding]:
    """Return an error for each RRset that cannot be served without hints to ``addresses``."""
    if signer is None or signer.has_keys:
        return
    for rrset in _services(zone) if addresses else ():
        if signer.signatures_of(rrset) and not addresses.isdisjoint(_hinted(rrset)):
            yield Finding(
                rrset.file,
                rrset.line,
                Severity.ERROR,
                f'hints = "follow" changes {called(rrset)}, which is signed: name the key of the '
                "zone in [signing] keys, so that dnsd can sign it, or remove the hints and sign "
                "the zone again",
                "pool-hint",
            )


def followed(zone: Zone, policy: Policy | None, signer: Signer | None) -> Zone:
    """Return ``zone`` without the hints to members of pools that say hints = "follow"."""
    addresses = members_of_followed(policy, zone) if policy else frozenset()
    if not addresses:
        return zone
    changed = [rrset for rrset in _services(zone) if not addresses.isdisjoint(_hinted(rrset))]
    made = []
    for rrset in changed:
        rdatas = (_without(rdata, addresses) for rdata in rrset.rdatas)
        hintless = msgspec.structs.replace(rrset, rdatas=tuple(dict.fromkeys(rdatas)))
        made.append(hintless)
        if signer is not None and (signed := signer.sign_again(hintless)):
            made.append(signed)
    return zone.replaced(made) if made else zone


def members_of_followed(policy: Policy, zone: Zone) -> frozenset[str]:
    """Return the addresses that pools with hints = "follow" can answer with."""
    found: set[str] = set()
    for pool in policy.pools:
        if pool.hints == "follow" and not pool.is_alias:
            rrset = zone.at(from_text(pool.name)).get({"A": A, "AAAA": AAAA}[pool.type])
            found |= {str(ip_address(rdata)) for rdata in rrset.rdatas} if rrset else set()
            found |= set(pool.fallback)
    return frozenset(found)


def _services(zone: Zone) -> Iterator[RRset]:
    for types in zone.nodes.values():
        for rtype in types.keys() & {SVCB, HTTPS}:
            yield types[rtype]


def _hinted(rrset: RRset) -> dict[str, None]:
    """Return the addresses that records give beside their targets, in their order."""
    return dict.fromkeys(
        str(ip_address(octets))
        for rdata in rrset.rdatas
        for key, value in _split(rdata)[1]
        if key in _ADDRESS_OCTETS
        for octets in _addresses(key, value)
    )


def _without(rdata: bytes, addresses: Collection[str]) -> bytes:
    """Return ``rdata`` without the hints to ``addresses``."""
    head, params = _split(rdata)
    left: dict[int, bytes] = {}
    for key, value in params:
        if key not in _ADDRESS_OCTETS:
            left[key] = value
        elif kept := [
            one for one in _addresses(key, value) if str(ip_address(one)) not in addresses
        ]:
            left[key] = b"".join(kept)
    if mandatory := left.pop(_MANDATORY, b""):
        keys = (mandatory[at : at + 2] for at in range(0, len(mandatory), 2))
        # RFC 9460 §8: it names only keys that are there, and is not empty
        if there := b"".join(key for key in keys if int.from_bytes(key) in left):
            left = {_MANDATORY: there} | left
    packed = (key.to_bytes(2) + len(value).to_bytes(2) + value for key, value in left.items())
    return head + b"".join(packed)


def _split(rdata: bytes) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Return priority and target, and the parameters; those of AliasMode are ignored."""
    start = at = name_end(rdata, 2)
    params = []
    while at < len(rdata) and not is_alias_mode(rdata):
        key, length = int.from_bytes(rdata[at : at + 2]), int.from_bytes(rdata[at + 2 : at + 4])
        params.append((key, rdata[at + 4 : at + 4 + length]))
        at += 4 + length
    return rdata[:start] if params else rdata, params


def _addresses(key: int, value: bytes) -> list[bytes]:
    octets = _ADDRESS_OCTETS[key]
    return [value[at : at + octets] for at in range(0, len(value), octets)]
