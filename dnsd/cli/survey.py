"""Asks the whole site: the nodes that are named, those that they know, and those that these know.

Each address that is found is asked, and what came of it is a sighting; none is dropped. Where a
node ran on this machine and left its state directory, it is part of the site, too. Times are by
the clock of the machine that asks: a report says only for how many seconds more.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.caches.acquainted import KnownNodes
from dnsd.caches.report import NodeReport
from dnsd.caches.site import Answered, Sighting, Silent, Site
from dnsd.cli.askers import Remote
from dnsd.errors import AdminError, NotRunning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dnsd.caches.version import CacheQuestion
    from dnsd.cli.askers import AskedNode

MOST_NODES = 1000
"""Addresses that are asked in one round: a node that lists ever more of them ends somewhere."""

_AT_ONCE = 32

_EARLIER = 32
"""Reports of earlier rounds that are kept: the latest ones say all that the others did."""


class Survey:
    """Asks ``nodes`` and all that they know, again and again.

    ``left`` are nodes of this machine that do not run: they are known and cannot be asked.
    """

    def __init__(self, nodes: Sequence[AskedNode], left: Sequence[Sighting] = ()) -> None:
        self.began = time.monotonic()
        self._named = {node.address: node for node in nodes}
        self._left = tuple(left)
        self._names = {one.address: one.node for one in left if one.node}
        self._earlier: deque[Answered] = deque(maxlen=_EARLIER)
        self._answering: list[AskedNode] = []
        self.site = Site(())
        """What came of the last round."""

    def ask(self, question: CacheQuestion | None) -> Site:
        """Return the site; NotRunning if the node that runs on this machine has never answered."""
        arguments = {} if question is None else _arguments(question)
        found: dict[str, Sighting] = {one.address: one for one in self._left}
        self._answering = []
        nodes: list[AskedNode | Sighting] = [
            *self._named.values(),
            *_unasked(found, found.values()),
        ]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while nodes:
                seen = list(pool.map(lambda one: self._see(one, arguments), nodes))
                found |= {one.address: one for one in seen}
                nodes = list(_unasked(found, seen))
        self.site = Site(tuple(found.values()), tuple(self._earlier))
        self._earlier.extend(
            one.outcome for one in found.values() if isinstance(one.outcome, Answered)
        )
        return self.site

    def _see(self, node: AskedNode | Sighting, arguments: Mapping[str, str]) -> Sighting:
        """Ask a node; return its sighting."""
        if isinstance(node, Sighting):
            return node
        outcome = self._outcome(node, arguments)
        name = self._names.get(node.address, "")
        if isinstance(outcome, Answered):
            self._names[node.address] = outcome.node
            self._answering.append(node)
        return Sighting(node.address, outcome, name)

    def _outcome(self, node: AskedNode, arguments: Mapping[str, str]) -> Answered | Silent:
        asked = time.monotonic()
        try:
            answer = node.get("horizon", arguments)
        except NotRunning:
            if node.address not in self._names:
                raise
            return Silent("the node that ran here has stopped")
        except AdminError as error:
            return Silent(str(error))
        received = time.monotonic()
        try:
            return Answered(msgspec.convert(answer, NodeReport), asked, received)
        except msgspec.ValidationError as error:
            return Silent(f"{node.address} answers with an invalid report: {error}")

    def serials(self, zones: Iterable[str]) -> dict[str, int | str]:
        """Return the serials that the nodes have that answered last: the latest, if they differ.

        In place of one that cannot be known stands the reason.
        """
        found: dict[str, int | str] = dict.fromkeys(zones, "no node that was asked serves it")
        for node in self._answering:
            try:
                told = node.get("status", {})["zones"]
            except AdminError as error:
                return dict.fromkeys(found, str(error))
            except (KeyError, TypeError):
                return dict.fromkeys(found, f"{node.address} does not report which zones it has")
            for zone in told:
                if zone["zone"] in found:
                    found[zone["zone"]] = _later(found[zone["zone"]], zone["serial"])
        return found


def _unasked(
    found: Mapping[str, Sighting], seen: Iterable[Sighting]
) -> Iterator[AskedNode | Sighting]:
    """Yield the nodes that those that were ``seen`` know, and that were not ``found`` yet."""
    come: set[str] = set()
    for url in sorted(_known_to(seen)):
        if url in found or url in come:
            continue
        come.add(url)
        if len(found) + len(come) > MOST_NODES:
            yield Sighting(url, Silent(f"it is one of more than {MOST_NODES} nodes"))
            return
        try:
            yield Remote(url)
        except ValueError as error:
            yield Sighting(url, Silent(str(error)))


def _known_to(seen: Iterable[Sighting]) -> Iterator[str]:
    for one in seen:
        if isinstance(one.outcome, Answered) and isinstance(one.outcome.report.knows, KnownNodes):
            for peer in one.outcome.report.knows.peers:
                yield peer.url


def _later(before: int | str, serial: Any) -> int | str:
    """Return the later one of two serials (RFC 1982 §3.2); a zone that is not served has none."""
    if not isinstance(serial, int):
        return before
    return serial if isinstance(before, str) or is_later(serial, before) else before


def is_later(serial: int, other: int) -> bool:
    """Return whether a serial is later than another one (RFC 1982 §3.2)."""
    return 0 < (serial - other) % (1 << 32) < 1 << 31


def _arguments(question: CacheQuestion) -> dict[str, str]:
    if question.target:
        return {"target": question.target}
    return {"name": question.name, "type": question.type}
