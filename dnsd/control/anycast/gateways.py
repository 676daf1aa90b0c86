"""Does the router that leads to clients answer? As the kernel's table of neighbours has it.

Packets to a silent router are lost without an error. It need not be the BGP peer, so the route may
stay up. Only what the kernel has found out by itself counts, after all of its tries; workers
notice a missing route when they send.

Nothing may be sent to a router whose clients have been moved away, and the kernel tries again only
when something is. So a silent one gets an empty datagram with each look.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.control.anycast import netlink
from dnsd.control.anycast.netlink import NeighbourState
from dnsd.errors import VipError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.control.anycast.netlink import NextHop

LOOK_S = 1.0
"""How often the way is looked at; the kernel takes some 3 s to call a neighbour silent."""

FAR = {False: "198.41.0.4", True: "2001:503:ba3e::2:30"}
"""Where the way is looked up to, by whether it is IPv6: an address as far as clients are, that of
a.root-servers.net. Nothing is ever sent there."""

_DISCARD = 9


class Gateways:
    """The routers on the way from ``vips`` to clients; :meth:`run` looks at them.

    ``fault`` is a sentence, empty while they answer as far as is known.
    """

    def __init__(self, vips: Iterable[str]) -> None:
        self.fault = ""
        self._ways = {":" in vip: vip for vip in vips}
        self._silent: set[NextHop] = set()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            with suppress(VipError):  # what cannot be seen now, may be next time
                seen = await asyncio.to_thread(look, self._ways)
                self._silent = silent(seen, self._silent)
                await asyncio.to_thread(wake, self._silent)
                self.fault = "; ".join(sorted(map(_sentence, self._silent)))
            await asyncio.sleep(LOOK_S)


def look(ways: dict[bool, str]) -> dict[NextHop, NeighbourState]:
    """Return the next hop of each way, and what the kernel knows of it; VipError if it tells not.

    ``ways`` are a source for each family, by whether it is IPv6. To be called in a thread.
    """
    hops = (netlink.next_hop(FAR[is_6], source) for is_6, source in ways.items())
    return {hop: netlink.reach(hop) for hop in hops if hop is not None}


def silent(seen: dict[NextHop, NeighbourState], before: set[NextHop]) -> set[NextHop]:
    """Return the hops that do not answer; while one is being asked, it is as it was ``before``."""
    return {
        hop
        for hop, reach in seen.items()
        if reach == NeighbourState.FAILED or (reach == NeighbourState.UNKNOWN and hop in before)
    }


def wake(hops: Iterable[NextHop]) -> None:
    """Have the kernel ask for ``hops`` again."""
    for hop in hops:
        is_6 = ":" in hop.address
        place = (hop.address, _DISCARD, 0, hop.ifindex) if is_6 else (hop.address, _DISCARD)
        family = socket.AF_INET6 if is_6 else socket.AF_INET
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", socket.MSG_DONTWAIT, place)


def _sentence(hop: NextHop) -> str:
    how = "neighbour discovery" if ":" in hop.address else "ARP"
    return (
        f"the router {hop.address} on {netlink.name_of(hop.ifindex)}, which leads to clients, "
        f"does not answer {how}"
    )
