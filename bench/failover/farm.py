"""A farm: three services on one LAN, and what shares users out to them beside.

    users ═╤═ LAN ═╤═ s0, s1, s2
           │       └═ front (a proxy), d1, d2 (directors)

The users' machine is the LAN's router, too: it learns routes from directors by BGP. Names and
resolvers have loopback addresses there, as in a town.
"""

from __future__ import annotations

import os

from bench.failover.ground import RESOLVERS, SOURCES, Host
from bench.lab import namespaces

VIP = "192.0.2.80"
ROUTER = "10.0.0.254"
DIRECTORS = (1, 2)
_MACHINES = {"d1": 1, "d2": 2, "front": 10, "s0": 11, "s1": 12, "s2": 13}


class Farm:
    """The namespaces of a farm."""

    def __init__(self, name: str) -> None:
        self._label = f"dnsdfo-{os.getpid()}-{name}"
        self.users = f"{self._label}-users"
        self.services = tuple(self._machine(f"s{number}") for number in range(3))
        self.directors = tuple(self._machine(f"d{number}") for number in DIRECTORS)
        self.front = self._machine("front")
        self.authority = Host(self.users, "127.0.0.53")
        self.resolvers = tuple(Host(self.users, f"127.0.2.{n}") for n in range(1, RESOLVERS + 1))
        self.outgoing = "127.0.2.1"
        self.sources = tuple(f"198.51.100.{number}" for number in range(1, SOURCES + 1))

    def _machine(self, name: str) -> Host:
        return Host(f"{self._label}-{name}", f"10.0.0.{_MACHINES[name]}")

    @property
    def _all(self) -> list[str]:
        return [self.users, *(f"{self._label}-{name}" for name in _MACHINES)]

    def up(self) -> None:
        """Make the namespaces, and put them on the LAN."""
        namespaces.batch(f"netns add {name}" for name in self._all)
        namespaces.batch(
            [
                "link set dev lo up",
                "link add br0 type bridge",
                "link set br0 up",
                f"addr add {ROUTER}/24 dev br0",
                *(f"addr add {address}/32 dev lo" for address in self.sources),
            ],
            self.users,
        )
        _set(self.users, "net.ipv4.fib_multipath_hash_policy=1")
        for name, number in _MACHINES.items():
            namespace = f"{self._label}-{name}"
            namespaces.batch(
                [
                    f"link add p{number} type veth peer name lan0 netns {namespace}",
                    f"link set p{number} master br0 up",
                ],
                self.users,
            )
            namespaces.batch(
                [
                    "link set dev lo up",
                    f"addr add 10.0.0.{number}/24 dev lan0",
                    "link set lan0 up",
                    f"route add default via {ROUTER}",
                ],
                namespace,
            )

    def down(self) -> None:
        """Remove them."""
        namespaces.remove(self._all)


def _set(namespace: str, setting: str) -> None:
    namespaces.run(namespace, "sysctl", "-qw", setting)
