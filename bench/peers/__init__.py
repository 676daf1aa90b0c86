"""The servers that are measured: how each is configured and started, and nothing else.

Each is set up the same way: the one zone, one thread or worker, 127.0.0.1 only, no logging of
queries, no rate limiting, everything else as its authors ship it.
"""

from __future__ import annotations

from bench.peers import dnsd, floor, gdnsd, knot, named, nsd, pdns, yadifa
from bench.peers.base import Peer, Unavailable

_ALL = (
    dnsd.PEER,
    dnsd.PYTHON,
    dnsd.DEMAND,
    nsd.PEER,
    knot.PEER,
    named.PEER,
    pdns.PEER,
    gdnsd.PEER,
    yadifa.PEER,
    floor.PEER,
)

PEERS: dict[str, Peer] = {peer.name: peer for peer in _ALL}
"""Every server that can be measured, by name, in the order of the tables."""

__all__ = ["PEERS", "Peer", "Unavailable"]
