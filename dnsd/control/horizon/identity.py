"""Who a node is, beside its account: its current run, and the other nodes that it knows.

A report without these makes nothing SAFE (:mod:`dnsd.caches.site`).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from dnsd.build import images
from dnsd.caches.acquainted import KnownNodes, KnownPeer
from dnsd.config.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnsd.caches.ledger import Ledger
    from dnsd.caches.report import NodeReport
    from dnsd.config import Config
    from dnsd.control.failover.peers import Peers

_DIGEST_OCTETS = 8


class Identity:
    """The run ``instance`` of a node, which began at ``began`` (monotonic seconds).

    ``peers`` are the other nodes in its configuration. ``ceiling`` returns the largest TTL with
    which any zone was ever given out; None if that is unknown. It ``listens`` there for queries.
    """

    def __init__(
        self,
        instance: str,
        began: float,
        peers: Peers,
        ceiling: Callable[[], int | None],
        listens: Sequence[str] = (),
    ) -> None:
        self.instance = instance
        self._began = began
        self._peers = peers
        self._ceiling = ceiling
        self._listens = tuple(listens)

    def meet(self, ledger: Ledger) -> bool:
        """Note the nodes that were heard in ``ledger``; return whether any of them is new."""
        told = [
            ledger.meet(one.node, one.url, one.at)
            for one in self._peers.peers
            if one.node and one.at is not None
        ]
        return any(told)

    def stamp(self, report: NodeReport, ledger: Ledger, now: float) -> NodeReport:
        """Return ``report`` with the node's identity."""
        remembered = ledger.known(now)
        configured = self._configured(now)
        names = {peer.node for peer in configured}
        others = [peer for peer in remembered.peers if peer.node not in names]
        return msgspec.structs.replace(
            report,
            instance=self.instance,
            up=max(0.0, now - self._began),
            ceiling=self._ceiling(),
            knows=KnownNodes((*configured, *others), remembered.retired),
            listens=self._listens,
        )

    def _configured(self, now: float) -> Sequence[KnownPeer]:
        return [
            KnownPeer(
                one.url, one.node, one.instance, None if one.at is None else max(0.0, now - one.at)
            )
            for one in self._peers.peers
        ]


def listens_of(config: Config) -> tuple[str, ...]:
    """Return the addresses and ports on which a node is asked, its VIPs too."""
    ports = sorted({one.port for one in config.server.listen})
    vips = [str(Endpoint(vip, port)) for vip in config.anycast.vips for port in ports]
    return (*map(str, config.server.listen), *vips)


def instance_of(master: int, started: int) -> str:
    """Return a text that no other run of a node has; ``master`` is the pid of the master.

    It stays the same when control is restarted. ``started`` is when the run began (monotonic,
    nanoseconds).
    """
    run = f"{images.boot()} {master} {started}".encode()
    return blake2b(run, digest_size=_DIGEST_OCTETS).hexdigest()
