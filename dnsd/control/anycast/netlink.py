"""Links and addresses of this machine, as values: the one module that knows pyroute2.

Everything blocks, and pyroute2 runs an event loop of its own: to be called in a thread that
has none. Each call opens its own socket, so no failure outlives it.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from dnsd.errors import VipError

if TYPE_CHECKING:
    from collections.abc import Iterator

# <linux/if.h>
_IFF_UP = 0x1
_IFF_BROADCAST = 0x2
_IFF_NOARP = 0x80
_IFF_LOWER_UP = 0x10000

_ARPHRD_ETHER = 1
_ENSLAVED = ("bridge", "bond", "team")
"""Links below one of these carry frames for it, and have no addresses of their own."""

# <linux/if_addr.h>
_NODAD = 0x02
_DADFAILED = 0x08
_TENTATIVE = 0x40
_NOPREFIXROUTE = 0x200
_SCOPE_HOST = 254

# <linux/neighbour.h>: the kernel has asked without an answer so far; it has given up
_NUD_INCOMPLETE = 0x01
_NUD_FAILED = 0x20

_NOT_THERE = (errno.EADDRNOTAVAIL, errno.ENODEV)


class Link(NamedTuple):
    """An interface. ``kind`` is its driver's ("tun", "veth"), empty for hardware."""

    ifindex: int
    name: str
    kind: str
    up: bool
    carrier: bool
    mac: bytes
    segment: bool  # neighbours are found on it by ARP and neighbour discovery


class Address(NamedTuple):
    """An address of an interface; ``usable`` once it needs no duplicate address detection.

    ``far`` is the address of the other end of a link with two ends; empty if there is none.
    """

    ifindex: int
    text: str
    length: int
    usable: bool = True
    far: str = ""

    @property
    def alone(self) -> bool:
        """Whether it stands for itself, with no network around it (/32 or /128)."""
        return self.length == ipaddress.ip_address(self.text).max_prefixlen

    @property
    def link_local(self) -> bool:
        """Whether it is an IPv6 address that the kernel gives each interface."""
        address = ipaddress.ip_address(self.text)
        return address.version == 6 and address.is_link_local

    def __str__(self) -> str:
        return f"{self.text}/{self.length}"


class NextHop(NamedTuple):
    """The neighbour that packets are handed to."""

    address: str
    ifindex: int


class NeighbourState(Enum):
    """What the kernel knows of a neighbour."""

    ANSWERS = "answers"
    UNKNOWN = "unknown"
    FAILED = "failed"


def next_hop(destination: str, source: str) -> NextHop | None:
    """Return the router on the way to ``destination``; None if there is none, or no way."""
    with opened() as route:
        try:
            row = route.route("get", dst=destination, src=source)[0]
        except NetlinkError:
            return None
    gateway = row.get_attr("RTA_GATEWAY")
    return NextHop(gateway, row.get_attr("RTA_OIF")) if gateway else None


def reach(hop: NextHop) -> NeighbourState:
    """Return whether the kernel has found ``hop`` on its link."""
    with opened() as route:
        try:
            state = route.neigh("get", dst=hop.address, ifindex=hop.ifindex)[0]["state"]
        except NetlinkError as error:
            if error.code in (errno.ENOENT, errno.ENODEV):
                return NeighbourState.UNKNOWN
            raise
    if state & _NUD_FAILED:
        return NeighbourState.FAILED
    return NeighbourState.UNKNOWN if state in (0, _NUD_INCOMPLETE) else NeighbourState.ANSWERS


def link(name: str) -> Link | None:
    """Return the interface ``name``; None: it does not exist."""
    with opened() as route:
        try:
            return _link(route.link("get", ifname=name)[0])
        except NetlinkError as error:
            if error.code == errno.ENODEV:
                return None
            raise


def links() -> tuple[Link, ...]:
    """Return every interface of this network namespace."""
    with opened() as route:
        return tuple(_link(row) for row in route.get_links())


def addresses() -> tuple[Address, ...]:
    """Return every address of this network namespace."""
    with opened() as route:
        return tuple(_address(row) for row in route.get_addr())


def name_of(ifindex: int) -> str:
    """Return the name of the interface with this index, or its number if it has gone."""
    try:
        return socket.if_indextoname(ifindex)
    except OSError:
        return f"interface {ifindex}"


def add(ifindex: int, text: str) -> None:
    """Give the interface the address ``text`` alone, to be used at once."""
    family, length, flags = socket.AF_INET, 32, 0
    if ":" in text:
        # No duplicate address detection, and no route besides the one of the address itself.
        family, length, flags = socket.AF_INET6, 128, _NODAD | _NOPREFIXROUTE
    _add(ifindex, text, address=text, prefixlen=length, family=family, flags=flags)


def add_hidden(ifindex: int, text: str) -> None:
    """Give the interface an IPv4 address with scope host, which nothing is sent from."""
    how = {"prefixlen": 32, "family": socket.AF_INET, "scope": _SCOPE_HOST}
    _add(ifindex, text, address=text, **how)


def add_far(ifindex: int, text: str, near: str) -> None:
    """Have ``text`` be at the far end of the interface, whose own address is then ``near``.

    So it stands there, and is not this machine's. The kernel makes no route to it (but for IPv6,
    one that others are preferred to).
    """
    family, length, flags = socket.AF_INET, 32, _NOPREFIXROUTE
    if ":" in text:
        family, length, flags = socket.AF_INET6, 128, _NODAD | _NOPREFIXROUTE
    how = {"prefixlen": length, "family": family, "flags": flags}
    _add(ifindex, text, local=near, address=text, **how)


def _add(ifindex: int, text: str, **how: Any) -> None:
    with opened() as route:
        try:
            route.addr("add", index=ifindex, **how)
        except NetlinkError as error:
            if error.code == errno.EEXIST:
                return
            raise _not_added(ifindex, text, error) from error


def remove(address: Address) -> None:
    """Remove an address from its interface; it may be gone already."""
    with opened() as route:
        try:
            ends = {"local": address.text, "address": address.far or address.text}
            route.addr("del", index=address.ifindex, prefixlen=address.length, **ends)
        except NetlinkError as error:
            if error.code not in _NOT_THERE:
                raise


def set_up(ifindex: int) -> None:
    """Set the interface up."""
    with opened() as route:
        route.link("set", index=ifindex, state="up")


@contextmanager
def opened() -> Iterator[Any]:
    """Open a socket of pyroute2; what the kernel refuses becomes a VipError."""
    try:
        with IPRoute() as route:
            yield route
    except NetlinkError as error:
        if error.code == errno.EPERM:
            raise VipError(
                "cannot change links or addresses: that needs root or CAP_NET_ADMIN; "
                "run dnsd as a service that has it (AmbientCapabilities=CAP_NET_ADMIN)"
            ) from error
        raise VipError(f"the kernel refuses a change of links or addresses: {error}") from error
    except OSError as error:
        raise VipError(f"cannot talk to the kernel by netlink: {error.strerror}") from error


def _not_added(ifindex: int, text: str, error: Exception) -> Exception:
    name = name_of(ifindex)
    if getattr(error, "code", 0) == errno.EACCES and ":" in text:
        return VipError(
            f"cannot give {name} the VIP {text}: IPv6 is disabled there; set "
            f"net.ipv6.conf.{name}.disable_ipv6=0 (and default, all), or take it out of "
            "[anycast] vips"
        )
    return error


def _link(row: Any) -> Link:
    flags = row["flags"]
    info = row.get_attr("IFLA_LINKINFO")
    slave = _of(info, "IFLA_INFO_SLAVE_KIND")
    mac = bytes.fromhex((row.get_attr("IFLA_ADDRESS") or "").replace(":", ""))
    up = bool(flags & _IFF_UP)
    carrier = bool(flags & _IFF_LOWER_UP) if up else row.get_attr("IFLA_CARRIER") == 1
    kind = _of(info, "IFLA_INFO_KIND")
    return Link(
        ifindex=row["index"],
        name=row.get_attr("IFLA_IFNAME"),
        kind=kind,
        up=up,
        carrier=carrier,
        mac=mac,
        segment=(
            up
            and carrier
            and row["ifi_type"] == _ARPHRD_ETHER
            and bool(flags & _IFF_BROADCAST)
            and not flags & _IFF_NOARP
            and kind != "tun"
            and slave not in _ENSLAVED
        ),
    )


def _of(info: Any, name: str) -> str:
    return "" if info is None else info.get_attr(name) or ""


def _address(row: Any) -> Address:
    far = str(ipaddress.ip_address(row.get_attr("IFA_ADDRESS") or row.get_attr("IFA_LOCAL")))
    text = str(ipaddress.ip_address(row.get_attr("IFA_LOCAL") or far))
    return Address(
        ifindex=row["index"],
        text=text,
        far="" if far == text else far,
        length=row["prefixlen"],
        usable=not row["flags"] & (_TENTATIVE | _DADFAILED),
    )
