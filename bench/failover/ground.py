"""Where a stack stands: a town, which is one namespace, or the three cities of the lab.

In the town everything has a loopback address of its own: what matters is how soon names and
proxies follow, not how packets travel. In the cities the first service is New York's, and so are
the users; the name servers of those that have no anycast are in London.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from bench import procs
from bench.lab import namespaces, topology
from bench.lab import stacks as lab_stacks
from bench.lab.lab import Lab
from bench.lab.topology import BY_NAME, SITES, VIPS

if TYPE_CHECKING:
    from pathlib import Path

    from bench.failover.farm import Farm
    from bench.lab.topology import Site

RESOLVERS = 8
SOURCES = 4


class Host(NamedTuple):
    """A place for a program: a namespace and an address in it."""

    namespace: str
    address: str


class Town:
    """One namespace with loopback addresses."""

    def __init__(self, name: str) -> None:
        self._namespace = f"dnsdfo-{os.getpid()}-{name}"
        self.services = tuple(self._host(0, number) for number in (11, 12, 13))
        self.authority = self._host(0, 53)
        self.front = self._host(0, 10)
        self.resolvers = tuple(self._host(2, number) for number in range(1, RESOLVERS + 1))
        self.outgoing = "127.0.2.1"
        self.sources = tuple(f"127.0.1.{number}" for number in range(1, SOURCES + 1))

    def _host(self, net: int, number: int) -> Host:
        return Host(self._namespace, f"127.0.{net}.{number}")

    def up(self) -> None:
        """Make the namespace."""
        namespaces.batch([f"netns add {self._namespace}"])
        namespaces.batch(["link set dev lo up"], self._namespace)

    def down(self) -> None:
        """Remove it."""
        namespaces.remove([self._namespace])


class _Bare(lab_stacks.OneNode):
    """What the lab starts on the nodes when the servers are this study's: nothing."""

    name = server = "nothing"
    period = 1.0

    def write(self, site: Site, directory: Path) -> None:
        """Write dnsd's files: the routers' configuration is made of them."""
        lab_stacks.write_dnsd(site, directory)

    def addresses(self) -> tuple[str, ...]:
        """None."""
        return ()

    def programs(self, site: Site, directory: Path) -> tuple[lab_stacks.Program, ...]:
        """None."""
        del site, directory
        return ()


class _Streets(Lab):
    """A lab without anycast: there are no routes to wait for."""

    def converge(self) -> None:
        """Return at once: nothing is announced."""


class Cities:
    """The three cities; with ``stack`` on the nodes they have anycast, and the VIP is the front.

    Without it the front is in New York, as a proxy would be.
    """

    def __init__(self, name: str, stack: lab_stacks.Stack | None = None) -> None:
        label = f"fo{os.getpid()}-{name}"
        self.lab = Lab(label, stack) if stack else _Streets(label, _Bare())
        self.anycast = stack is not None
        self.services = tuple(self.node(site) for site in SITES)
        client = self.lab["nyc"].namespace("client")
        self.outgoing = topology.access(BY_NAME["nyc"], 2).v4
        self.sources: tuple[str, ...] = (self.outgoing,)
        self.resolvers = tuple(Host(client, f"127.0.2.{n}") for n in range(1, RESOLVERS + 1))
        self.authority = Host(client, VIPS[0]) if stack else self.node(BY_NAME["lon"])
        self.front = Host(client, VIPS[0]) if stack else self.services[0]

    def node(self, site: Site) -> Host:
        """Return the node of a city."""
        return Host(self.lab.names.of(site, "node"), topology.lan(site, 2).v4)

    def moving(self) -> dict[str, int]:
        """Return the programs in New York that move its routes, and of how many processes."""
        city = self.lab["nyc"]
        names = ("dnsd", "bird", "router")
        pids = {name: city.pid(name) for name in names} if self.anycast else {}
        return {name: len(procs.tree(pid)) for name, pid in pids.items() if pid}

    def up(self) -> None:
        """Build the lab and wait for its routes."""
        self.lab.up(owned=True)

    def down(self) -> None:
        """Remove it."""
        self.lab.down()

    def cut(self) -> None:
        """Cut the way between New York's router and its node: neither sees its link go down."""
        self.lab["nyc"].cut()

    def mend(self) -> None:
        """Undo it."""
        self.lab["nyc"].mend()


Ground: TypeAlias = "Town | Cities | Farm"
"""Where the hosts are: ``services`` (the first is the one that fails), ``authority`` (the name
server), ``front``, ``resolvers``, which ask from ``outgoing``, and the users' own ``sources``.
"""
