"""Where checks may go: a policy must not make this node ask what its author cannot reach.

A check of an address goes nowhere else, and no redirection is followed: whether it may be made is
decided once, when a target is made. A member that is a name may have other addresses each time:
there it is decided before each check.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address


def fault(address: str, networks: Sequence[str]) -> str:
    """Return why no check may go to ``address``, as a sentence; empty if one may.

    ``networks`` are those of ``[failover] check_networks``; without any, it may be any address
    that a service on a network can have.
    """
    found = _reached(address)
    if networks:
        if any(found in ip_network(one) for one in networks):
            return ""
        return (
            f"{address} is outside the networks in [failover] check_networks: add its network "
            f"there, or remove it from the pool"
        )
    if found.is_link_local:
        kind = "a link-local address, as metadata services of clouds have"
    elif found.is_multicast:
        kind = "a multicast address"
    elif found.is_unspecified:
        kind = "the unspecified address"
    else:
        return ""
    return f"{address} is {kind}: list it in [failover] check_networks if it is to be checked"


def _reached(address: str) -> IPv4Address | IPv6Address:
    """Return the address that the kernel connects to: an IPv4-mapped one is an IPv4 address."""
    found = ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
