"""All addresses of a name, as a resolver gives them, and whether they may be answered.

``/etc/hosts`` is not looked at. Nothing is cached here: a resolver does that.
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from dnsd.checks.result import Blind
from dnsd.failover.follower import AddressAnswer
from dnsd.process.exchange import within

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from dnsd.config.endpoint import Endpoint

_UNICAST, _EXAMPLES = IPv6Network("2000::/3"), IPv6Network("3fff::/20")
"""IPv6 addresses of the Internet (RFC 4291 §2.4), and those of them in documents (RFC 9637)."""

LOOKUP_S = 5.0
"""For how long a resolver may take: it may have to ask servers of several zones."""


async def addresses_of(name: str, rtype: str, servers: Sequence[Endpoint]) -> AddressAnswer:
    """Return the addresses of ``name`` of the type A or AAAA, and their TTL.

    ``servers`` are asked; without any, the system's resolver is. Blind, with the reason, if the
    name has no address, or no resolver answers.
    """
    found = await within(LOOKUP_S, _asked(name, rtype, servers))
    if found is None:
        raise Blind(f"no resolver answers for {name} {rtype} within {LOOKUP_S:g} s")
    return found


async def _asked(name: str, rtype: str, servers: Sequence[Endpoint]) -> AddressAnswer:
    # Only nodes with aliases need them.
    import dns.asyncresolver
    import dns.exception
    import dns.nameserver
    import dns.resolver

    try:
        resolver = dns.asyncresolver.Resolver(configure=not servers)
        if servers:
            resolver.nameservers = [
                dns.nameserver.Do53Nameserver(one.address, one.port) for one in servers
            ]
        answer = await resolver.resolve(name, rtype, raise_on_no_answer=False, lifetime=LOOKUP_S)
    except dns.resolver.NXDOMAIN:
        raise Blind(f"{name} does not exist") from None
    except (dns.exception.DNSException, OSError) as error:
        raise Blind(f"{name} {rtype} cannot be resolved: {error}") from error
    if not answer.rrset:
        raise Blind(f"{name} has no {rtype} record")
    # The TTL of the whole chain: an alias on the way may be changed sooner than the address.
    ttl = answer.chaining_result.minimum_ttl
    return AddressAnswer(tuple(str(ip_address(one.address)) for one in answer.rrset), ttl)


def admitted(found: AddressAnswer, networks: Sequence[str], own: Collection[str]) -> AddressAnswer:
    """Return ``found`` without the addresses that must not be answered; Blind if none is left.

    They are in ``networks``; without any, they are not private or otherwise special. This node's
    ``own`` are never among them.
    """
    left = tuple(one for one in found.addresses if one not in own and _is_in(one, networks))
    if not left:
        named = ", ".join(found.addresses[:4])
        raise Blind(
            f"{named}: not addresses that may be answered; list their networks in networks, "
            "unless they are this node's own"
        )
    return found._replace(addresses=left)


def _is_in(address: str, networks: Sequence[str]) -> bool:
    found = ip_address(address)
    if networks:
        return any(found in ip_network(one) for one in networks)
    if isinstance(found, IPv6Address) and (found not in _UNICAST or found in _EXAMPLES):
        return False  # ipaddress takes all for global that IANA has not given a purpose
    inner = found.sixtofour if isinstance(found, IPv6Address) else None
    return all(one.is_global and not one.is_multicast for one in (found, inner or found))
