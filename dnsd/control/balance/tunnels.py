"""VXLAN to backends that are not on a link of the director (RFC 7348).

    director                               backend
    slot ─ gateway ─ MAC ─ FDB ─ UDP ────→ a device with that MAC

Nothing is learnt or asked in the tunnel: the MAC of a backend follows from its address, so both
ends know it, and the director writes down where each one is. No device has an address that others
know, so no mistake here can take one over. Each family has a device, because a VXLAN device sends
over one family; VIPs of a family go to the backend's address of the same family.

Everything blocks: to be called in a thread.
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from pyroute2.netlink.exceptions import NetlinkError

from dnsd.control.anycast import netlink
from dnsd.control.balance.nexthops import PROTOCOL, BackendHop, family_of
from dnsd.errors import BalanceError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.config.balance import Balance

ALIAS = "dnsd balance"
"""What marks a device as made by dnsd (``ip link show``)."""
KIND = "vxlan"

OVERHEAD: dict[int, int] = {socket.AF_INET: 50, socket.AF_INET6: 70}
"""Octets that a packet grows by: IP, UDP, VXLAN and Ethernet headers."""

_IFF_UP, _IFF_NOARP = 0x1, 0x80
_PERMANENT, _NOARP, _SELF = 0x80, 0x40, 0x02
_BRIDGE = 7
_UNICAST = 1
_RESERVED, _RESERVED_BITS = 0xF0000000, 0x07FFFFFF
_SCOPE_LINK = 253


class Device(NamedTuple):
    """A VXLAN device as it should be.

    ``local`` is the address that it sends from, unspecified (0.0.0.0 or ::) for any; its family is
    that of the tunnel. ``mac`` is empty where any will do. ``mtu`` is that of what is carried.
    """

    name: str
    vni: int
    port: int
    mtu: int
    local: str
    mac: str = ""


class TunnelHops(NamedTuple):
    """Where tunnels lead: the hop of each address (None: no way there), and what is wrong."""

    hops: dict[str, BackendHop | None]
    problems: tuple[str, ...] = ()


def name_of(prefix: str, address: str) -> str:
    """Return the name of the device for tunnels to ``address``."""
    return f"{prefix}{6 if ':' in address else 4}"


def mac_of(address: str) -> str:
    """Return the MAC, locally administered, that the backend with ``address`` has in the tunnel."""
    digest = hashlib.blake2b(ipaddress.ip_address(address).packed, digest_size=5).digest()
    return ":".join(f"{octet:02x}" for octet in (0x02, *digest))


def gateway_of(address: str) -> str:
    """Return what a director calls the backend with ``address`` in the tunnel.

    For IPv6, its link-local address there (RFC 4291, appendix A). IPv4 has none that is free: one
    of those that nothing on the Internet has (RFC 1112, section 4), with a route of its own.
    """
    if ":" not in address:
        digest = hashlib.blake2b(ipaddress.ip_address(address).packed, digest_size=4).digest()
        return str(ipaddress.IPv4Address(_RESERVED | int.from_bytes(digest) & _RESERVED_BITS))
    mac = bytes.fromhex(mac_of(address).replace(":", ""))
    interface = bytes((mac[0] ^ 0x02, *mac[1:3], 0xFF, 0xFE, *mac[3:]))
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + interface))


def hops_to(balance: Balance, addresses: Iterable[str]) -> TunnelHops:
    """Make or mend the tunnels to the backends with ``addresses``; others are closed.

    VipError if the kernel does not do it.
    """
    wanted: dict[int, list[str]] = {family: [] for family in OVERHEAD}
    for address in sorted(set(addresses)):
        wanted[family_of(address)].append(address)
    parts = [_of_family(balance, family, those) for family, those in wanted.items() if those]
    return TunnelHops(
        {address: hop for part in parts for address, hop in part.hops.items()},
        tuple(problem for part in parts for problem in part.problems),
    )


def _of_family(balance: Balance, family: int, addresses: list[str]) -> TunnelHops:
    with netlink.opened() as route:
        ways = {address: _mtu_to(route, address) for address in addresses}
        mtus = [mtu for mtu in ways.values() if mtu is not None]
        if not mtus:
            return TunnelHops(dict.fromkeys(addresses))
        device = Device(
            name_of(balance.vxlan_device, addresses[0]),
            balance.vxlan_vni,
            balance.vxlan_port,
            balance.vxlan_mtu or min(mtus) - OVERHEAD[family],
            "::" if family == socket.AF_INET6 else "0.0.0.0",
        )
        try:
            index, _ = ensure(device)
        except BalanceError as error:
            return TunnelHops(dict.fromkeys(addresses), problems=(str(error),))
        # By chance two may be called the same: the first of them has the name.
        named = {gateway_of(address): address for address in reversed(addresses)}
        there = [one for one in named.values() if ways[one] is not None]
        _write_down(route, index, family, there)
        hops = {one: BackendHop(gateway_of(one), index) for one in there}
        return TunnelHops({**dict.fromkeys(addresses), **hops})


def _mtu_to(route: Any, address: str) -> int | None:
    """Return the MTU of the link that leads to ``address``; None if there is no way there."""
    try:
        row = route.route("get", dst=address, family=family_of(address))[0]
        if row["type"] != _UNICAST:
            return None
        return int(route.link("get", index=row.get_attr("RTA_OIF"))[0].get_attr("IFLA_MTU"))
    except NetlinkError as error:
        if error.code in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL):
            return None
        raise


# -- devices ----------------------------------------------------------------------------------


def ensure(device: Device) -> tuple[int, bool]:
    """Make or keep ``device``; return its index, and whether it was made just now.

    BalanceError if its name or VNI belongs to another one, which is left alone.
    """
    with netlink.opened() as route:
        row = _row(route, device.name)
        if row is not None and faults(device, row):
            if row.get_attr("IFLA_IFALIAS") != ALIAS:
                raise BalanceError(
                    f"the interface {device.name} already exists and is not dnsd's: choose "
                    "another name for the VXLAN device, or remove that one"
                )
            route.link("del", index=row["index"])
            row = None
        made = row is None
        index = _make(route, device) if row is None else int(row["index"])
        if row is None or row.get_attr("IFLA_MTU") != device.mtu:
            route.link("set", index=index, mtu=device.mtu)
        if row is None or not is_up(row):
            # No ARP: the neighbours are written down.
            route.link("set", index=index, ifalias=ALIAS, flags=_IFF_NOARP, change=_IFF_NOARP)
            _open(route, device, index)
        return index, made


def _open(route: Any, device: Device, index: int) -> None:
    """Set a device up, which takes its UDP port."""
    try:
        route.link("set", index=index, flags=_IFF_UP, change=_IFF_UP)
    except NetlinkError as error:
        if error.code != errno.EADDRINUSE:
            raise
        raise BalanceError(
            f"cannot set {device.name} up: another program has UDP port {device.port}; stop that, "
            "or choose another port for VXLAN on directors and backends"
        ) from error


def remove(name: str) -> bool:
    """Remove the device ``name`` if it is one of dnsd's; return whether it was."""
    with netlink.opened() as route:
        row = _row(route, name)
        if row is None or row.get_attr("IFLA_IFALIAS") != ALIAS or _kind(row) != KIND:
            return False
        route.link("del", index=row["index"])
        return True


def look(name: str) -> Any:
    """Return the kernel's data on the interface ``name``; None: it does not exist."""
    with netlink.opened() as route:
        return _row(route, name)


def is_up(row: Any) -> bool:
    """Return whether an interface is up."""
    return bool(row["flags"] & _IFF_UP)


def faults(device: Device, row: Any) -> list[str]:
    """Return what the kernel's ``row`` has that is not as ``device`` is to be, but for its MTU."""
    if _kind(row) != KIND:
        return ["is not a VXLAN device"]
    data = row.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_DATA")
    vni, port = data.get_attr("IFLA_VXLAN_ID"), data.get_attr("IFLA_VXLAN_PORT")
    local = data.get_attr("IFLA_VXLAN_LOCAL") or data.get_attr("IFLA_VXLAN_LOCAL6")
    mac = row.get_attr("IFLA_ADDRESS")
    found = []
    if vni != device.vni:
        found.append(f"has the VNI {vni}, not {device.vni}")
    if port != device.port:
        found.append(f"uses UDP port {port}, not {device.port}")
    if device.mac and mac != device.mac:
        found.append(f"has the MAC {mac}, not {device.mac}")
    if device.mac and local != device.local:
        found.append(f"belongs to the address {local}, not {device.local}")
    return found


def _make(route: Any, device: Device) -> int:
    local = "vxlan_local6" if ":" in device.local else "vxlan_local"
    more = {"address": device.mac} if device.mac else {}
    try:
        route.link(
            "add",
            **{"ifname": device.name, "kind": KIND, local: device.local, **more},
            **{"vxlan_id": device.vni, "vxlan_port": device.port, "vxlan_learning": False},
        )
    except NetlinkError as error:
        if error.code in (errno.EOPNOTSUPP, errno.EAFNOSUPPORT):
            raise BalanceError(
                f"cannot make {device.name}: this kernel has no VXLAN over the family of "
                f"{device.local} (CONFIG_VXLAN, and IPv6 that is not disabled)"
            ) from error
        if error.code != errno.EEXIST:
            raise
        raise BalanceError(
            f"cannot make {device.name}: another VXLAN device has the VNI {device.vni} on UDP port "
            f"{device.port}; remove it, or choose another VNI on directors and backends"
        ) from error
    return int(_row(route, device.name)["index"])


def _row(route: Any, name: str) -> Any:
    try:
        return route.link("get", ifname=name)[0]
    except NetlinkError as error:
        if error.code == errno.ENODEV:
            return None
        raise


def _kind(row: Any) -> str:
    info = row.get_attr("IFLA_LINKINFO")
    return "" if info is None else info.get_attr("IFLA_INFO_KIND") or ""


# -- who is where -----------------------------------------------------------------------------


def _write_down(route: Any, index: int, family: int, addresses: Iterable[str]) -> None:
    """Have the device know the backends with ``addresses``, and none besides."""
    places = {row.get_attr("NDA_LLADDR"): row for row in route.fdb("dump", ifindex=index)}
    rows = route.neigh("dump", family=family, ifindex=index)
    known = {row.get_attr("NDA_DST"): row.get_attr("NDA_LLADDR") for row in rows}
    wanted = {mac_of(address): address for address in addresses}
    for mac, address in wanted.items():
        gateway = gateway_of(address)
        if mac not in places or places[mac].get_attr("NDA_DST") != address:
            known_so = {"flags": _SELF, "state": _PERMANENT | _NOARP}
            route.fdb("replace", ifindex=index, lladdr=mac, dst=address, **known_so)
        if known.get(gateway) != mac:
            where = {"dst": gateway, "lladdr": mac, "ifindex": index, "family": family}
            route.neigh("replace", state=_PERMANENT, **where)
        if family == socket.AF_INET:
            how = {"scope": _SCOPE_LINK, "proto": PROTOCOL, "oif": index}
            route.route("replace", dst=f"{gateway}/32", **how)
    for mac in places.keys() - wanted.keys():
        with suppress(NetlinkError):  # it goes with the device, or at the next look
            route.fdb("del", ifindex=index, lladdr=mac, flags=_SELF)
