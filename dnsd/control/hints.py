"""SVCB and HTTPS records that name members of pools, where no pool can take them out.

Knows the hints of RFC 9460 §7.3 in wire form. Clients may go to a hinted address without asking
for A or AAAA at all, so what a pool answers does not reach them.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from dnsd.wire.rdata import HTTPS, SVCB, is_alias_mode, name_end
from dnsd.zone.faults import called, warning_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dnsd.zone.findings import Finding
    from dnsd.zone.records import Zone

_ADDRESS_OCTETS = {4: 4, 6: 16}
"""Octets of an address by parameter: ipv4hint, ipv6hint."""


def check_hints(zone: Zone, pools: Mapping[str, str]) -> Iterator[Finding]:
    """Return a warning for each RRset whose hints are among ``pools``: the pool by member."""
    if not pools:
        return
    for types in zone.nodes.values():
        for rtype in types.keys() & {SVCB, HTTPS}:
            rrset = types[rtype]
            hinted = dict.fromkeys(a for rdata in rrset.rdatas for a in _hints(rdata) if a in pools)
            if hinted:
                owners = dict.fromkeys(pools[address] for address in hinted)
                yield warning_at(
                    rrset,
                    "pool-hint",
                    f"the hints of {called(rrset)} name {', '.join(hinted)}, members of the pool "
                    f"{', '.join(owners)}: clients go on to one that is down, remove the hints",
                )


def _hints(rdata: bytes) -> Iterator[str]:
    """Return the addresses that a record gives beside its target."""
    at = len(rdata) if is_alias_mode(rdata) else name_end(rdata, 2)
    while at < len(rdata):
        key, length = int.from_bytes(rdata[at : at + 2]), int.from_bytes(rdata[at + 2 : at + 4])
        at += 4
        octets = _ADDRESS_OCTETS.get(key, length)
        if key in _ADDRESS_OCTETS:
            for start in range(at, at + length, octets):
                yield str(ip_address(rdata[start : start + octets]))
        at += length
