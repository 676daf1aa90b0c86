"""A router and its nodes: the sessions of a site, collected from the nodes' configurations.

Each node's configuration names its routers; the router's names its nodes. So the router's is made
from those of the nodes, and contradictions between them are found here.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from dnsd.errors import ConfigError
from dnsd.routerconf.families import Family, family_of, of_family
from dnsd.routerconf.node import faults

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dnsd.config.anycast import Anycast, Bgp, Neighbor

ROOM_FOR_REFUSED = 100
"""Refused routes that a node may offer before its session is restarted: enough to see what they
are, too few for a full table."""

_NOT_IN_A_SYMBOL = re.compile(r"[^A-Za-z0-9_]")


class RouterSession(NamedTuple):
    """A BGP session from the router to a node, as the router sees it.

    ``name`` is unique at the router and fit for BIRD. ``vips`` and ``subnets`` are those of
    the session's family; ``bgp`` is the node's.
    """

    name: str
    node: str
    address: str
    local: str
    vips: tuple[str, ...]
    subnets: tuple[str, ...]
    bgp: Bgp
    ttl_security: bool

    @property
    def family(self) -> Family:
        """The family over which it runs, and whose routes it carries."""
        return family_of(self.address)

    @property
    def offered(self) -> int:
        """How many routes the node may offer, refused ones among them."""
        return len(self.vips) + ROOM_FOR_REFUSED

    @property
    def protected(self) -> bool:
        """Whether the session has a password."""
        return self.bgp.password_file is not None


class RouterSite(NamedTuple):
    """A router with AS number ``asn`` and its sessions."""

    asn: int
    sessions: tuple[RouterSession, ...]


def site_of(nodes: Mapping[str, Anycast], neighbors: Collection[str] = ()) -> RouterSite:
    """Return the site of the router that ``nodes`` have for a neighbor.

    With ``neighbors``, those names of [[anycast.neighbor]] are this router; without, all are,
    so a node with several routers is an error (ConfigError).
    """
    problems = [f"{name}: {fault}" for name, node in nodes.items() for fault in faults(node)]
    if problems:
        raise ConfigError(problems)
    sessions: list[RouterSession] = []
    numbers: dict[int, str] = {}
    for name, node in nodes.items():
        chosen = [one for one in node.neighbor if not neighbors or one.name in neighbors]
        problems += _faults_of(name, chosen, neighbors)
        sessions += [_session(name, node, neighbor) for neighbor in chosen]
        for one in chosen:
            numbers.setdefault(one.asn, f"{name} {one.name}")
    if len(numbers) > 1:
        listed = ", ".join(f"{asn} ({where})" for asn, where in numbers.items())
        problems.append(f"one router has one AS number, but the nodes say {listed}")
    problems += _twins(sessions)
    if problems:
        raise ConfigError(problems)
    return RouterSite(next(iter(numbers)), tuple(sessions))


def symbol(text: str) -> str:
    """Return ``text`` with everything replaced that a name in BIRD cannot have."""
    name = _NOT_IN_A_SYMBOL.sub("_", text)
    return f"_{name}" if name[:1].isdigit() else name


def _faults_of(name: str, chosen: list[Neighbor], neighbors: Collection[str]) -> list[str]:
    if not chosen:
        return [f"{name}: has no [[anycast.neighbor]] named {' or '.join(sorted(neighbors))}"]
    families = Counter(family_of(one.address).version for one in chosen)
    return [
        f"{name}: has {count} neighbors over IPv{version} ({_names(chosen, version)}): say with "
        "--neighbor which of them are this router"
        for version, count in families.items()
        if count > 1
    ]


def _names(neighbors: list[Neighbor], version: int) -> str:
    return ", ".join(one.name for one in neighbors if family_of(one.address).version == version)


def _session(name: str, node: Anycast, neighbor: Neighbor) -> RouterSession:
    assert node.bgp is not None
    family = family_of(neighbor.address)
    return RouterSession(
        name=symbol(f"{name}_{neighbor.name}"),
        node=symbol(name),
        address=neighbor.local,
        local=neighbor.address,
        vips=of_family(family, node.vips),
        subnets=of_family(family, node.subnets),
        bgp=node.bgp,
        ttl_security=neighbor.ttl_security,
    )


def _twins(sessions: list[RouterSession]) -> list[str]:
    """Return a sentence for each address that two nodes claim, and each name."""
    addresses = Counter(session.address for session in sessions)
    names = Counter(session.name for session in sessions)
    return [
        *(
            f"{address} is the address of several nodes: "
            f"{', '.join(one.node for one in sessions if one.address == address)}"
            for address, count in addresses.items()
            if count > 1
        ),
        *(
            f"two sessions would be called {name}: name the files differently"
            for name, count in names.items()
            if count > 1
        ),
    ]
