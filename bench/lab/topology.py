"""The three cities as data: names, addresses, AS numbers, links. It does nothing.

Each city has a router, a switch, a node and a client, each in a namespace of its own:

    client ── router ── switch ── node        router ═══ the routers of the other cities

Or, in the place of the node, two directors and three backends (:data:`FARM`).

The switch is there so that the way to the node can be cut without either end losing its carrier.
Which city a client reaches is a matter of AS paths: its own city's node is one AS away; the
cities are farther from each other by the hops that routers put before a path (:data:`DISTANCE`).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PREFIX = "dnsdlab"
NODE = {"node": 2}
FARM = {"director1": 3, "director2": 4, "a": 11, "b": 12, "c": 13}
"""Machines on a city's switch, and the hosts that they are there."""
ROLES = ("router", "switch", "client", *NODE, *FARM)

VIPS = ("192.0.2.53", "2001:db8:53::53")
SUBNETS = ("192.0.2.0/24", "2001:db8:53::/48")
NODE_AS = 65053
"""All nodes are one AS, as the sites of an anycast service usually are."""


class Site(NamedTuple):
    """A city. ``number`` is part of all its addresses."""

    name: str
    city: str
    number: int

    @property
    def asn(self) -> int:
        """The AS number of its router."""
        return 65000 + self.number


SITES = (Site("nyc", "New York", 1), Site("lon", "London", 2), Site("tyo", "Tokyo", 3))
BY_NAME = {site.name: site for site in SITES}

DISTANCE = {("nyc", "lon"): 0, ("lon", "tyo"): 1, ("nyc", "tyo"): 2}
"""How often a router puts its AS before the path when it tells the other city, beyond the once."""
SECOND = {"nyc": "lon", "lon": "nyc", "tyo": "lon"}
"""Who answers a city's client when its own city does not: what follows from the distances."""


def distance(one: Site, other: Site) -> int:
    """Return how often the AS is put before the path between two cities, beyond the once."""
    return DISTANCE.get((one.name, other.name), DISTANCE.get((other.name, one.name), 0))


class Address(NamedTuple):
    """An address of each family on one link."""

    v4: str
    v6: str


def lan(site: Site, host: int) -> Address:
    """Return the address of a host on a city's switch (1: router; the others see FARM, NODE)."""
    return Address(f"10.{site.number}.0.{host}", f"fd00:{site.number}::{host}")


def access(site: Site, host: int) -> Address:
    """Return the address of a host (1: router, 2: client) between router and client."""
    return Address(f"10.{site.number}.1.{host}", f"fd00:{site.number}:1::{host}")


def backbone(site: Site, peer: Site) -> Address:
    """Return the address of ``site`` on its link to ``peer``."""
    low, high = sorted((site.number, peer.number))
    return Address(f"10.0.{low}{high}.{site.number}", f"fd00:0:{low}{high}::{site.number}")


def pairs() -> Iterator[tuple[Site, Site]]:
    """Yield each two cities once."""
    return itertools.combinations(SITES, 2)


def others(site: Site) -> list[Site]:
    """Return the other cities."""
    return [other for other in SITES if other is not site]


class Names:
    """The namespaces of one lab: no two labs share one."""

    def __init__(self, lab: str) -> None:
        self.lab = lab

    def of(self, site: Site, role: str) -> str:
        """Return the namespace of ``role`` in ``site``."""
        return f"{PREFIX}-{self.lab}-{site.name}-{role}"

    def all(self) -> list[str]:
        """Return all of them."""
        return [self.of(site, role) for site in SITES for role in ROLES]


def links(names: Names, machines: Iterable[str]) -> list[str]:
    """Return the lines for ``ip -batch`` that make the namespaces and the links between them.

    ``machines`` are those on each city's switch.
    """
    machines = tuple(machines)
    roles = ("router", "switch", "client", *machines)
    lines = [f"netns add {names.of(site, role)}" for site in SITES for role in roles]
    for site in SITES:
        router, switch = names.of(site, "router"), names.of(site, "switch")
        lines += [
            _veth(router, "node", switch, "router"),
            _veth(names.of(site, "client"), "eth0", router, "client"),
            *(_veth(names.of(site, one), "eth0", switch, one) for one in machines),
        ]
    lines += [
        _veth(names.of(one, "router"), other.name, names.of(other, "router"), one.name)
        for one, other in pairs()
    ]
    return lines


def _veth(one: str, name: str, other: str, peer: str) -> str:
    return f"link add name {name} netns {one} type veth peer name {peer} netns {other}"


def inside(site: Site, role: str, machines: Iterable[str]) -> list[str]:
    """Return the lines for ``ip -batch`` within the namespace of ``role`` in ``site``."""
    if role == "router":
        lines = _router(site)
    elif role == "switch":
        lines = _switch(machines)
    elif role == "client":
        lines = _host(access(site, 2), access(site, 1))
    else:
        lines = _host(lan(site, (NODE | FARM)[role]), lan(site, 1))
    return ["link set dev lo up", *lines]


def _router(site: Site) -> list[str]:
    lines = [*_address("node", lan(site, 1)), *_address("client", access(site, 1))]
    for peer in others(site):
        via = backbone(peer, site)
        lines += _address(peer.name, backbone(site, peer))
        lines.append(f"route add 10.{peer.number}.0.0/16 via {via.v4}")
        lines.append(f"route add fd00:{peer.number}::/32 via {via.v6}")
    return lines


def _switch(machines: Iterable[str]) -> list[str]:
    ports = [f"link set dev {port} master bridge0 up" for port in ("router", *machines)]
    return ["link add name bridge0 type bridge", *ports, "link set dev bridge0 up"]


def _host(own: Address, gateway: Address) -> list[str]:
    return [
        *_address("eth0", own),
        f"route add default via {gateway.v4}",
        f"route add ::/0 via {gateway.v6}",
    ]


def _address(interface: str, address: Address) -> list[str]:
    # Without duplicate address detection an address can be used at once.
    return [
        f"address add {address.v4}/24 dev {interface}",
        f"address add {address.v6}/64 dev {interface} nodad",
        f"link set dev {interface} up",
    ]


SYSCTLS = {
    "router": (
        "net.ipv4.ip_forward=1",
        "net.ipv6.conf.all.forwarding=1",
        # Between two directors it chooses by addresses and ports.
        *(
            f"net.{family}.fib_multipath_hash_{setting}"
            for family in ("ipv4", "ipv6")
            for setting in ("fields=0x37", "policy=3")
        ),
    ),
    # A VIP is answered for on its own interface only.
    "node": ("net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2"),
}
