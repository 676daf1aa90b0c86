"""The VIPs of a director on their interface: at its far end, so that they are not this machine's.

BIRD's protocol "direct" announces what stands at the far end of an interface with a carrier, as it
announces an address of a DNS node. But packets to a VIP must go on to a backend, and what is an
address of this machine stays here. The near end has an address that serves for nothing else: RFC
7600's dummy address, and one of the prefix that is for discarding (RFC 6666).
"""

from __future__ import annotations

import hashlib
import ipaddress
from typing import TYPE_CHECKING

from dnsd.control.anycast import netlink
from dnsd.control.anycast.vip import Vips

if TYPE_CHECKING:
    from dnsd.control.anycast.netlink import Address

NEAR4 = "192.0.0.8"
_NEAR6 = int(ipaddress.IPv6Address("100::"))


def near(vip: str) -> str:
    """Return the address of the near end for ``vip``; IPv6 wants another one for each."""
    if ":" not in vip:
        return NEAR4
    digest = hashlib.blake2b(ipaddress.ip_address(vip).packed, digest_size=8).digest()
    return str(ipaddress.IPv6Address(_NEAR6 | int.from_bytes(digest)))


class FarVips(Vips):
    """The addresses ``vips`` at the far end of ``interface``."""

    async def advice(self) -> tuple[str, ...]:
        """Return nothing: what does a DNS node harm (forwarding) is what a director does."""
        return ()

    async def conflicts(self) -> tuple[str, ...]:
        """Return a sentence for each VIP that is an address of this machine.

        Neighbours are not asked: backends have the VIPs, too, and rightly so.
        """
        return await self._run(self._own_conflicts)

    def _addresses(self) -> tuple[Address, ...]:
        """Return the addresses with what is at the far end in the place of what is at the near."""
        found = netlink.addresses()
        return tuple(
            one._replace(text=one.far, far=one.text) if self._is_ours(one) else one for one in found
        )

    def _is_ours(self, one: Address) -> bool:
        return bool(one.far) and one.text == near(one.far)

    def _add(self, ifindex: int, vip: str) -> None:
        netlink.add_far(ifindex, vip, near(vip))

    def _remove(self, address: Address) -> None:
        if address.far and address.far == near(address.text):
            address = address._replace(text=address.far, far=address.text)
        netlink.remove(address)
