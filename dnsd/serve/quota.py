"""How many TCP connections the node has, in all and from each source.

The workers count in the state vector, each in cells of its own, and a limit applies to the
sum: a client's 32 connections count as 32, whichever workers get them. Sources share a cell
if their hashes collide; the hash is keyed, so that no client can choose to collide with
another one's resolver.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from dnsd.image.state import SOURCES, WorkerCells

if TYPE_CHECKING:
    from dnsd.image.state import StateVector
    from dnsd.serve.spec import TcpLimits

KNOWN_ADDRESSES = 1024
"""Addresses whose cells are remembered: clients that ask over TCP ask again."""


class Quota:
    """The connections of one worker, counted where the others can see them.

    ``source(address)`` is the cell of an IPv4 address, or of an IPv6 address's /64. ``heads`` and
    ``tables`` are the cells of all workers; this one is number ``index`` of them.
    """

    def __init__(self, state: StateVector, index: int, limits: TcpLimits) -> None:
        self.limits = limits
        self.index = index
        self._key = state.key
        self.heads = [state.worker(worker) for worker in range(state.workers)]
        self.tables = [state.sources(worker) for worker in range(state.workers)]
        self._head = self.heads[index]
        self._table = self.tables[index]
        self.source = lru_cache(KNOWN_ADDRESSES)(self._source)
        self._forget_predecessor()

    def _forget_predecessor(self) -> None:
        self._head[WorkerCells.TCP_OPEN] = 0
        self._table[:] = memoryview(bytes(SOURCES * 2)).cast("H")

    @property
    def is_full(self) -> bool:
        """Whether the node has reached its limit of connections."""
        left = self.limits.connections
        for head in self.heads:
            left -= head[WorkerCells.TCP_OPEN]
        return left <= 0

    def is_source_full(self, source: int) -> bool:
        """Tell whether ``source`` has reached its limit of connections."""
        left = self.limits.per_source
        for table in self.tables:
            left -= table[source]
        return left <= 0

    def _source(self, address: str) -> int:
        if ":" in address:
            network = socket.inet_pton(socket.AF_INET6, address)[:8]
        else:
            network = socket.inet_pton(socket.AF_INET, address)
        return int.from_bytes(blake2b(network, digest_size=8, key=self._key).digest()) % SOURCES

    def add(self, source: int) -> None:
        """Count a connection of ``source``."""
        self._head[WorkerCells.TCP_OPEN] += 1
        self._table[source] += 1

    def remove(self, source: int) -> None:
        """Stop counting a connection of ``source``."""
        self._head[WorkerCells.TCP_OPEN] -= 1
        self._table[source] -= 1
