"""The other nodes that vote: each is asked for its votes again and again, by HTTP.

A node that does not answer in time, or not with votes, is logged once and asked again: its votes
are missing then, which stops nothing. Knows how votes come here, not what follows from them.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from dnsd.checks.result import Blind, ServiceFault, shown
from dnsd.config.units import format_duration
from dnsd.control import nodepage
from dnsd.failover.quorum import Ballot, heard
from dnsd.failover.recall import Recalls, of_before
from dnsd.process import log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from dnsd.config import Endpoint, Failover
    from dnsd.control.failover.recallfile import RecallFile
    from dnsd.failover.quorum import Vote

    Votes = Mapping[tuple[str, str], Mapping[str, Vote]]
    Heard = Callable[[str, Votes], object]
    Ask = Callable[[Endpoint], Awaitable[bytes]]

LONGEST_BALLOT = 8 << 20
"""Octets of the votes of a node: some 60,000 members."""


class Peer:
    """A node at ``url``; ``node`` is what it calls itself, empty until it has said so.

    ``at`` is when it was asked for its last votes (monotonic seconds), ``fault`` why the latest
    attempt failed.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.url = f"http://{endpoint}"
        self.node = ""
        self.instance = ""
        """Which run of it was heard last."""
        self.at: float | None = None
        self.fault = ""


class Peers:
    """Asks the nodes of ``config``; ``node`` is what this one is called, ``instance`` its run.

    What is remembered of the others is in ``memory``, too, if there is one.
    """

    def __init__(
        self,
        node: str,
        config: Failover,
        ask: Ask | None = None,
        instance: str = "",
        memory: RecallFile | None = None,
    ) -> None:
        self.node = node
        self.instance = instance
        self.peers = tuple(map(Peer, config.peers))
        self._poll, self._timeout = config.poll, config.timeout
        self._ask = ask or get_votes
        self.recalls = Recalls()
        self._memory = memory
        self._is_news = False
        if memory is not None and self.peers:
            memory.read_into(self.recalls)
        self.past = ""
        """Why this node must have had orders in an earlier run, as the rest of a sentence."""

    async def run(self, hear: Heard) -> None:
        """Ask for ever; ``hear`` is called with the name of each node and all its votes."""
        async with asyncio.TaskGroup() as group:
            for peer in self.peers:
                group.create_task(self._follow(peer, hear))

    async def _follow(self, peer: Peer, hear: Heard) -> None:
        while True:
            asked = time.monotonic()
            try:
                self._hear(peer, await self._ballot_of(peer), asked, hear)
            except (ServiceFault, Blind) as fault:
                self._miss(peer, str(fault))
            except Exception as error:  # a fault of dnsd's: the others are heard all the same
                self._miss(peer, f"dnsd failed on its votes: {type(error).__name__}: {error}")
            if self._is_news and self._memory is not None:
                self._is_news = not await self._memory.write(self.recalls)
            await asyncio.sleep(max(0.0, asked + self._poll - time.monotonic()))

    async def _ballot_of(self, peer: Peer) -> Ballot:
        """Return what it answers; Fault or Blind, which follow its URL, if that are no votes."""
        answer = await nodepage.in_time(self._timeout, partial(self._ask, peer.endpoint))
        try:
            ballot = msgspec.json.decode(answer, type=Ballot)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ServiceFault(f"answers with invalid votes: {error}") from error
        if ballot.node == self.node or any(
            other.node == ballot.node for other in self.peers if other is not peer
        ):
            raise ServiceFault(
                f"has the name of another node, {shown(ballot.node)}, and is not counted: list "
                f"each of the others once, and give each its own [server] server_id"
            )
        return ballot

    def _hear(self, peer: Peer, ballot: Ballot, asked: float, hear: Heard) -> None:
        if peer.node not in ("", ballot.node):
            hear(peer.node, {})
        if peer.fault:
            told = f"failover: {peer.url} responds again (before: {peer.fault})"
            log.say("peer-heard", told, url=str(peer.url))
        peer.node, peer.at, peer.fault = ballot.node, asked, ""
        peer.instance = ballot.instance
        self._is_news |= self.recalls.hear(ballot, asked)
        if found := of_before(ballot, self.node, self.instance):
            ago = format_duration(round(found.ago))
            self.past = f"node {ballot.node} heard {ago} ago that this node had orders"
        hear(ballot.node, heard(ballot, asked))

    def _miss(self, peer: Peer, fault: str) -> None:
        if not peer.fault:
            told = f"failover: cannot get votes of {peer.url}: {fault}; trying again"
            log.say("peer-silent", told, url=str(peer.url), reason=fault)
        peer.fault = fault


async def get_votes(endpoint: Endpoint) -> bytes:
    """Return the body of the page of votes; Fault, Blind or OSError if it doesn't come."""
    return await nodepage.get(endpoint, "/votes", LONGEST_BALLOT)
