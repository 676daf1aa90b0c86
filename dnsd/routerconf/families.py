"""IPv4 and IPv6: their names, and which addresses belong to each."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple


class Family(NamedTuple):
    """An address family."""

    version: int
    bits: int

    @property
    def channel(self) -> str:
        """Its name in BIRD and FRR."""
        return f"ipv{self.version}"


IPV4 = Family(4, 32)
IPV6 = Family(6, 128)
FAMILIES = (IPV4, IPV6)


def family_of(address: str) -> Family:
    """Return the family of an address, or of a network in the form ADDRESS/LENGTH."""
    return IPV6 if ":" in address else IPV4


def of_family(family: Family, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of ``addresses`` (or networks) that belong to ``family``."""
    return tuple(address for address in addresses if family_of(address) == family)


def is_link_local(address: str) -> bool:
    """Tell whether ``address`` is valid on one link only."""
    return ipaddress.ip_address(address).is_link_local
