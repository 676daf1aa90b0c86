"""The complete site: each node that must answer, with its account or why there is none.

The result of asking an address is a **sighting**: Answered, or Silent with the reason. There is no
third way, so code that asks nodes cannot drop one by mistake. The **census** says what is missing:
nodes that were silent, nodes that another one knows and that were not asked, nodes that answered
before and do not now, nodes of which two runs answer at once, and lists of nodes that could not
be fetched.

Pure. Times are seconds of the asker's clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.caches.acquainted import KnownNodes, KnownPeer, Unfound
from dnsd.caches.report import NodeReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FENCE = (
    'if it is dead, say since when ("--fenced-at {0}=TIME", or for good "dnsd declare dead {0}")'
)
"""What to do about a node that does not answer."""

ALIVE = 'correct that: "dnsd declare alive {0}" where it was declared, or no --fenced-at'
"""What to do about a node that is said to be dead, and is not."""

HERE = "this machine"
"""What stands for the address of the node on this machine."""


class Answered(msgspec.Struct, frozen=True):
    """A report, and when it was asked for and came in."""

    report: NodeReport
    asked: float
    received: float

    @property
    def node(self) -> str:
        """What the node calls itself."""
        return self.report.node

    @property
    def began(self) -> float | None:
        """When this run of the node began, or earlier; None if it does not say."""
        return None if self.report.up is None else self.asked - self.report.up


class Silent(msgspec.Struct, frozen=True):
    """There is no report; ``reason`` is a sentence."""

    reason: str


class Sighting(msgspec.Struct, frozen=True):
    """The result of asking ``address``: a URL, or what stands for the node on this machine.

    ``node`` is what the node there called itself before, empty if it has never answered.
    """

    address: str
    outcome: Answered | Silent
    node: str = ""


class Site(msgspec.Struct, frozen=True):
    """All sightings of one round of asking, and what nodes have said in ``earlier`` rounds."""

    sightings: tuple[Sighting, ...]
    earlier: tuple[Answered, ...] = ()


class MissingAccount(msgspec.Struct, frozen=True, order=True):
    """A node without a complete account; ``reason`` completes "node X …"."""

    node: str
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return it as a sentence."""
        return f"node {self.node} {self.reason}" + (f"; {self.remedy}" if self.remedy else "")


class Census(NamedTuple):
    """The census of a site.

    ``latest`` is the latest answer of each node, ``answers`` are all of them, ``fences`` say since
    when nodes certainly do not answer, and ``missing`` is why this is not the whole site.
    """

    latest: dict[str, Answered]
    answers: tuple[Answered, ...]
    fences: dict[str, float]
    missing: tuple[MissingAccount, ...]


def alone(report: NodeReport, now: float) -> Site:
    """Return the site of one node, for what that node can say of itself, at ``now``.

    What other nodes have given out is no part of it.
    """
    own = msgspec.structs.replace(report, knows=KnownNodes(()))
    return Site((Sighting("itself", Answered(own, now, now), report.node),))


def census(site: Site, fenced: Sequence[tuple[str, float]]) -> Census:
    """Return the census. ``fenced`` are nodes, by name or URL, that have stopped, and when."""
    return _Census(site, fenced).result()


class _Census:
    """Collects what is missing, once for each node and reason."""

    def __init__(self, site: Site, fenced: Sequence[tuple[str, float]]) -> None:
        self._site = site
        here = [one.outcome for one in site.sightings if isinstance(one.outcome, Answered)]
        self._answers = tuple(sorted({*site.earlier, *here}, key=_when))
        self._latest = {one.node: one for one in sorted(here, key=_when)}
        self._at = {one.address: one for one in sorted(site.sightings, key=_is_silent)}
        self._known = tuple(self._acquaintances())
        self._fences = self._closed(fenced)
        self._missing: dict[MissingAccount, None] = {}

    def result(self) -> Census:
        """Look at everything."""
        if not self._site.sightings:
            self._miss("of any name", "has been asked")
        for sighting in self._site.sightings:
            self._look_at_sighting(sighting)
        for one in self._latest.values():
            self._look_at_list(one)
        for teller, peer in self._known:
            self._look_at_peer(teller, peer)
        for one in self._answers:
            self._look_at_run(one)
        return Census(self._latest, self._answers, self._fences, tuple(sorted(self._missing)))

    # -- what is known ------------------------------------------------------------------------

    def _acquaintances(self) -> Iterator[tuple[Answered, KnownPeer]]:
        """Yield every node that a node knows, with the answer that tells it."""
        for one in self._answers:
            if isinstance(one.report.knows, KnownNodes):
                for peer in one.report.knows.peers:
                    yield one, peer

    def _names(self, address: str) -> set[str]:
        """Return what nodes at ``address`` are known to have called themselves."""
        told = {peer.node for _, peer in self._known if peer.url == address and peer.node}
        sighting = self._at.get(address)
        return told | ({sighting.node} if sighting is not None and sighting.node else set())

    def _closed(self, fenced: Sequence[tuple[str, float]]) -> dict[str, float]:
        """Return since when nodes are closed, by name; without one, by address."""
        closed: dict[str, float] = {}
        for called, at in fenced:
            for name in self._names(called) or {called}:
                closed[name] = max(at, closed.get(name, at))
        for one in self._answers:
            if isinstance(one.report.knows, KnownNodes):
                for retired in one.report.knows.retired:
                    at = one.received - retired.ago
                    closed[retired.node] = max(at, closed.get(retired.node, at))
        return closed

    # -- what is missing ----------------------------------------------------------------------

    def _miss(self, node: str, reason: str, remedy: str = "") -> None:
        self._missing.setdefault(MissingAccount(node, reason, remedy))

    def _is_accounted_for(self, node: str) -> bool:
        return node in self._latest or node in self._fences

    def _look_at_sighting(self, sighting: Sighting) -> None:
        outcome, address = sighting.outcome, sighting.address
        if isinstance(outcome, Answered):
            if not outcome.node:
                self._miss(address, "does not report its name")
            elif sighting.node and not self._is_accounted_for(sighting.node):
                self._miss(
                    sighting.node,
                    f"has not reported: it was at {address}, which is now node {outcome.node}",
                    FENCE.format(sighting.node),
                )
            return
        names = self._names(address)
        if not names and address == HERE:  # it runs, so there is nothing to declare
            self._miss(f"of {HERE}", f"has not reported: {outcome.reason}")
            return
        names = names or {address}
        for name in sorted(one for one in names if not self._is_accounted_for(one)):
            called = name if name == address else f"{name} ({address})"
            self._miss(called, f"has not reported: {outcome.reason}", FENCE.format(name))

    def _look_at_list(self, one: Answered) -> None:
        if isinstance(one.report.knows, Unfound):
            self._miss(one.node, f"does not report which nodes it knows: {one.report.knows.reason}")

    def _look_at_peer(self, teller: Answered, peer: KnownPeer) -> None:
        """See whether a node that another one knows is there."""
        name, sighting = peer.node or peer.url, self._at.get(peer.url)
        fence = self._fences.get(name)
        if fence is not None and peer.ago is not None and teller.asked - peer.ago > fence:
            self._miss(
                name,
                f"was declared dead, but node {teller.node} has heard from it since",
                ALIVE.format(name),
            )
        if fence is not None:
            return
        if sighting is None:
            # Another node may be there by now, so that it answers elsewhere is not enough.
            self._miss(name, f"has not been asked, but node {teller.node} knows it ({peer.url})")
        elif isinstance(sighting.outcome, Answered) and peer.node not in ("", *self._latest):
            self._miss(
                name,
                f"has not reported: node {teller.node} heard from it at {peer.url}, which is "
                f"now node {sighting.outcome.node}",
                FENCE.format(name),
            )

    def _look_at_run(self, one: Answered) -> None:
        """See whether a node that has answered is there still, and whether there is only one."""
        last = self._latest.get(one.node)
        if last is None:
            if one.node not in self._fences:
                self._miss(
                    one.node, "reported before, but does not respond now", FENCE.format(one.node)
                )
        elif _is_another(last, one.report.instance, one.received):
            self._miss(
                one.node,
                "is the name of two nodes",
                "give each its own [server] server_id",
            )
        elif not one.report.instance and self._is_at_several(one.node):
            self._miss(
                one.node,
                "is reached at several addresses, and its version of dnsd does not say whether "
                "it is one node",
                "name it only once, or update it",
            )
        for peer in self._peers_of(one):
            self._look_at_other_run(one, peer)

    def _peers_of(self, one: Answered) -> tuple[KnownPeer, ...]:
        return one.report.knows.peers if isinstance(one.report.knows, KnownNodes) else ()

    def _look_at_other_run(self, teller: Answered, peer: KnownPeer) -> None:
        """See whether a node hears the same run of a peer as has answered here."""
        last = self._latest.get(peer.node)
        if last is None or not peer.instance or peer.ago is None:
            return
        if _is_another(last, peer.instance, teller.received - peer.ago):
            self._miss(
                peer.node,
                f"is the name of two nodes: node {teller.node} reaches another one at {peer.url}",
                "give each its own [server] server_id",
            )

    def _is_at_several(self, node: str) -> bool:
        return len({one.address for one in self._site.sightings if _is_of(one, node)}) > 1


def _is_another(last: Answered, instance: str, seen: float) -> bool:
    """Return whether ``instance``, alive at ``seen``, may have run beside the ``last`` answer's.

    It has not if the latter began after that: then the node was started again.
    """
    if last.report.instance == instance:
        return False
    return last.began is None or last.began < seen


def _is_of(sighting: Sighting, node: str) -> bool:
    return isinstance(sighting.outcome, Answered) and sighting.outcome.node == node


def _is_silent(sighting: Sighting) -> bool:
    return isinstance(sighting.outcome, Silent)


def _when(one: Answered) -> tuple[float, float, str]:
    return one.asked, one.received, one.report.instance
