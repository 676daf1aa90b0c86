"""Which link leads to each backend, and what the kernel tells of links and neighbours.

A backend that has vanished gives no sign. So the kernel is told, again and again, to ask each one
on its link (ARP, neighbour discovery); an event reports one that does not answer, and a pulled
cable. So no check has to be made ten times a second.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from contextlib import suppress
from struct import Struct
from typing import TYPE_CHECKING, Any

from pyroute2.netlink.exceptions import NetlinkError

from dnsd.control.anycast import netlink
from dnsd.control.balance import messages
from dnsd.control.balance.messages import attribute, attributes, message
from dnsd.control.balance.nexthops import BackendHop, family_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ASK_S = 0.4
"""How often the kernel asks each backend."""

NEIGHBOUR_SETTINGS = {"retrans_time_ms": "100", "ucast_solicit": "4"}
"""So a neighbour that does not answer is given up after 0.4 s, not after 3."""

_RTMGRP_LINK, _RTMGRP_NEIGH, _RTMGRP_IPV4_IFADDR, _RTMGRP_IPV6_IFADDR = 0x1, 0x4, 0x10, 0x100
_GROUPS = _RTMGRP_LINK | _RTMGRP_NEIGH | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR
_RTM_NEWLINK, _RTM_DELLINK, _RTM_NEWADDR, _RTM_DELADDR, _RTM_NEWNEIGH = 16, 17, 20, 21, 28
_NUD_PROBE, _NUD_FAILED = 0x10, 0x20
_NDA_DST = 1
_IFF_UP, _IFF_LOWER_UP = 0x1, 0x10000
_NDMSG = Struct("=BxxxiHBB")
_IFINFO = Struct("=BxHiII")
_LARGEST = 1 << 16
_MOST = 1000
"""Messages that are read in one turn."""


def hops_to(addresses: Iterable[str]) -> dict[str, BackendHop | None]:
    """Return the link that each address is on; None if it is on none. To be called in a thread."""
    with netlink.opened() as route:
        return {address: _hop_to(route, address) for address in addresses}


def _hop_to(route: Any, address: str) -> BackendHop | None:
    try:
        row = route.route("get", dst=address, family=family_of(address))[0]
    except NetlinkError as error:
        if error.code in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL):
            return None
        raise
    if row.get_attr("RTA_GATEWAY") or row["type"] != _UNICAST:
        return None
    return BackendHop(str(ipaddress.ip_address(address)), row.get_attr("RTA_OIF"))


_UNICAST = 1


def neighbour_settings(links: Iterable[str]) -> dict[str, str]:
    """Return the settings with which ``links`` find out soon that a neighbour is gone."""
    return {
        f"{family}/neigh/{link}/{name}": value
        for link in links
        for family in ("ipv4", "ipv6")
        for name, value in NEIGHBOUR_SETTINGS.items()
    }


class Links:
    """Listens to the kernel; ``silent`` is told of a neighbour, ``cut`` of a link's index.

    All are called in the loop: a neighbour that does not answer on a link, a link without a carrier
    (or that is gone), and ``stirred`` when there may be other ways to backends: links or addresses
    have changed.
    """

    def __init__(
        self,
        silent: Callable[[str, int], object],
        cut: Callable[[int], object],
        stirred: Callable[[], object],
    ) -> None:
        self._silent = silent
        self._cut = cut
        self._stirred = stirred
        self._hops: frozenset[BackendHop] = frozenset()

    def watch(self, hops: Iterable[BackendHop]) -> None:
        """Have the kernel ask for these neighbours from now on."""
        self._hops = frozenset(hops)

    async def run(self) -> None:
        """Listen and ask for ever."""
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        with socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE) as sock:
            sock.bind((0, _GROUPS))
            loop = asyncio.get_running_loop()
            loop.add_reader(sock, self._on_readable, sock)
            try:
                while True:
                    for hop in self._hops:
                        with suppress(OSError):  # next time, then
                            sock.send(_ask(hop))
                    await asyncio.sleep(ASK_S)
            finally:
                loop.remove_reader(sock)

    def _on_readable(self, sock: socket.socket) -> None:
        for _ in range(_MOST):
            try:
                data = sock.recv(_LARGEST)
            except BlockingIOError:
                return
            except OSError:
                continue  # ENOBUFS: what is lost is found by checks
            for one in messages.split(data):
                self._take(one.kind, one.body)

    def _take(self, kind: int, body: bytes) -> None:
        if kind == _RTM_NEWNEIGH:
            _, link, state, _, _ = _NDMSG.unpack_from(body)
            if state & _NUD_FAILED:
                address = dict(attributes(body, _NDMSG.size)).get(_NDA_DST)
                if address is not None:
                    self._silent(str(ipaddress.ip_address(address)), link)
        elif kind in (_RTM_NEWLINK, _RTM_DELLINK):
            _, _, link, flags, _ = _IFINFO.unpack_from(body)
            if kind == _RTM_DELLINK or not (flags & _IFF_UP and flags & _IFF_LOWER_UP):
                self._cut(link)
        if kind in (_RTM_NEWLINK, _RTM_DELLINK, _RTM_NEWADDR, _RTM_DELADDR):
            self._stirred()


def _ask(hop: BackendHop) -> bytes:
    """Return the message that has the kernel ask a neighbour that it knows whether it is there."""
    address = ipaddress.ip_address(hop.gateway).packed
    body = _NDMSG.pack(family_of(hop.gateway), hop.link, _NUD_PROBE, 0, 0)
    return message(_RTM_NEWNEIGH, messages.REPLACE, body + attribute(_NDA_DST, address))
