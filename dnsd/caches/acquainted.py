"""Which other nodes a node knows: a list, or the reason why there is none; never an empty guess.

A list names all nodes of the configuration, and every node that was ever heard: a node that an
edit of the configuration leaves out may still answer. Beside nodes, other servers answer, too:
those that a node's zones are transferred to. Pure data, as it travels between nodes.
"""

from __future__ import annotations

import msgspec


class KnownPeer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node at ``url``.

    ``node`` is what it calls itself, empty if it was never heard. ``instance`` is its run that was
    heard last, ``ago`` seconds ago, by this run of the node that tells it.
    """

    url: str
    node: str = ""
    instance: str = ""
    ago: float | None = None


class Retired(msgspec.Struct, frozen=True):
    """A node that an operator has declared dead: it has not answered for ``ago`` seconds."""

    node: str
    ago: float


class KnownSecondary(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """A server that answers from ``zone``, because a node has it notified of new versions.

    ``server`` is its address and port, or its name: one of those in the zone's NS records.
    ``pools`` are RRsets by name and type that are pools at the node: they are transferred with all
    of their members, and so the server answers with all of them.
    """

    server: str
    zone: str
    pools: tuple[tuple[str, str], ...] = ()


class KnownNodes(msgspec.Struct, frozen=True, tag="known"):
    """All nodes that a node knows; none, if it is alone."""

    peers: tuple[KnownPeer, ...]
    retired: tuple[Retired, ...] = ()


class Unfound(msgspec.Struct, frozen=True, tag="unfound"):
    """It cannot be told which nodes a node knows; ``reason`` completes "node a: …"."""

    reason: str


NOT_TOLD = Unfound("its version of dnsd does not report which other nodes it knows: update it")
