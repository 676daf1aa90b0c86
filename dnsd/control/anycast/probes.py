"""Asks other nodes' servers, publishes the results, and reads theirs about this node's.

Requests from outside cause no query: only configured servers are asked, once in a while, with
queries that are smaller than most. Knows sockets and pages; what follows is
:mod:`dnsd.announce.reach`'s.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.announce.reach import Hearing, Reach, Self, Tally
from dnsd.checks.result import Blind, ServiceFault, shown
from dnsd.control import nodepage
from dnsd.process import descriptors, log
from dnsd.process.exchange import ServerAddress, over_udp, within
from dnsd.process.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from dnsd.config import Config, Endpoint
    from dnsd.config.anycast import Probe
    from dnsd.control.admin import Command

    Ask = Callable[[Endpoint], Awaitable[str | None]]
    Page = Callable[[Endpoint], Awaitable[bytes]]

POLL_S = 1.0
"""How often each server is asked, and each page read."""
TIMEOUT_S = 1.0
LONGEST_PAGE = 1 << 18
"""Octets: more than the page of a node with all the servers that there can be."""


class Neighbour:
    """Another node; ``fault`` is why it was not heard last, as it follows the URL in a sentence."""

    def __init__(self, probe: Probe) -> None:
        self.endpoint = probe.url
        self.url = f"http://{probe.url}"
        self.tallies = {server: Tally(str(server)) for server in probe.servers}
        self.node = ""
        self.fault = "has not been asked yet"


class Probes:
    """The probes of ``config``, for the node ``name``; :meth:`run` asks for ever."""

    def __init__(
        self, name: str, config: Config, ask: Ask | None = None, page: Page | None = None
    ) -> None:
        vips = frozenset(config.anycast.vips if config.anycast.enabled else ())
        self._name = name
        self._lasting = Supervisor("anycast")
        self._hearing = Hearing(Self(name, vips, is_here))
        self._neighbours = tuple(map(Neighbour, config.anycast.probe))
        self._ask, self._page = ask or ask_for_name, page or get_page
        self.announced: Callable[[], tuple[str, ...]] = tuple
        """Returns the VIPs that this node announces."""

    async def run(self) -> None:
        """Ask, and read, for ever."""
        async with asyncio.TaskGroup() as group:
            for one in self._neighbours:
                work = [partial(self._listen, one)]
                work += [partial(self._keep_asking, *it) for it in one.tallies.items()]
                for part in work:
                    group.create_task(self._lasting.go_on(part, POLL_S))

    def fault(self) -> str:
        """Return why this node is not reached, a sentence; empty if it is, or that is unknown."""
        return self._hearing.fault(time.monotonic())

    def remark(self) -> str:
        """Return why what the others say cannot count; empty if it can."""
        return self._hearing.remark(len(self._neighbours), time.monotonic())

    def reach(self) -> Reach:
        """Return what this node reaches."""
        tallies = (tally for one in self._neighbours for tally in one.tallies.values())
        servers = tuple(tally.asked() for tally in tallies)
        return Reach(node=self._name, servers=servers, announces=self.announced())

    def report(self) -> list[dict[str, Any]]:
        """Return what each of the others says, as plain values.

        ``reaches_us`` is by family, and has no family of which it says nothing.
        """
        now = time.monotonic()
        return [
            {
                "url": one.url,
                "node": one.node or None,
                "fault": one.fault or None,
                "reaches_us": {
                    "IPv6" if is_6 else "IPv4": reaches
                    for is_6, reaches in self._hearing.said_by(one.url, now).items()
                },
                "servers": [msgspec.to_builtins(tally.asked()) for tally in one.tallies.values()],
            }
            for one in self._neighbours
        ]

    async def pages(self) -> list[tuple[str, Reach | None]]:
        """Return what the others' pages say now, by URL; None of one that does not answer."""
        asked = (self._page_of(one) for one in self._neighbours)
        pages = await asyncio.gather(*asked)
        return [(one.url, page) for one, page in zip(self._neighbours, pages, strict=True)]

    async def _page_of(self, one: Neighbour) -> Reach | None:
        with suppress(ServiceFault, Blind):
            page = await nodepage.in_time(TIMEOUT_S, partial(self._page, one.endpoint))
            return self._read(page)
        return None

    # -- asking -------------------------------------------------------------------------------

    async def _keep_asking(self, server: Endpoint, tally: Tally) -> None:
        while True:
            began = time.monotonic()
            try:
                tally.note(await self._ask(server))
            except OSError as error:
                # Without a descriptor nothing was asked.
                if error.errno not in descriptors.WANT:
                    tally.note(None)
            await asyncio.sleep(max(0.0, began + POLL_S - time.monotonic()))

    async def _listen(self, one: Neighbour) -> None:
        while True:
            began = time.monotonic()
            try:
                page = await nodepage.in_time(TIMEOUT_S, partial(self._page, one.endpoint))
                self._hear(one, self._read(page), began)
            except (ServiceFault, Blind) as fault:
                self._miss(one, str(fault))
            await asyncio.sleep(max(0.0, began + POLL_S - time.monotonic()))

    def _read(self, page: bytes) -> Reach:
        try:
            reach = msgspec.json.decode(page, type=Reach)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ServiceFault(f"answers with an invalid page of probes: {error}") from error
        if reach.node == self._name:
            raise ServiceFault(
                f"has the name of this node, {shown(reach.node)}, and is not counted: give "
                "each node its own [server] server_id"
            )
        return reach

    def _hear(self, one: Neighbour, reach: Reach, at: float) -> None:
        if one.node and one.fault:
            told = f"anycast: {one.url} responds again (before: it {one.fault})"
            log.say("peer-heard", told, url=str(one.url))
        one.node, one.fault = reach.node, ""
        self._hearing.hear(one.url, reach, at)

    def _miss(self, one: Neighbour, fault: str) -> None:
        if fault != one.fault:
            told = f"anycast: {one.url} {fault}: whether it reaches this node is unknown"
            log.say("peer-silent", told, url=str(one.url), reason=fault)
        one.fault = fault


def commands(probes: Probes) -> dict[str, Command]:
    """Return the admin commands by name."""

    async def reach(_request: Mapping[str, Any]) -> Reach:
        return probes.reach()

    return {"reach": reach}


def is_here(address: str) -> bool:
    """Return whether ``address`` is one of this machine's."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
    except OSError:
        return False
    return True


async def ask_for_name(server: Endpoint) -> str | None:
    """Return the name of the node that answers at ``server``, "" if it has none.

    None if no node answers; OSError if it cannot be asked.
    """
    import dns.message

    query = dns.message.make_query("id.server.", "TXT", "CH", use_edns=False)
    reply = await within(
        TIMEOUT_S, over_udp(ServerAddress(server.address, server.port), query.to_wire())
    )
    return None if reply is None else _name_in(reply)


def _name_in(reply: bytes) -> str:
    import dns.exception
    import dns.message

    try:
        response = dns.message.from_wire(reply)
    except (dns.exception.DNSException, ValueError):
        return ""
    texts = [rdata for rrset in response.answer for rdata in rrset if hasattr(rdata, "strings")]
    return texts[0].strings[0].decode(errors="replace")[:255] if texts else ""


async def get_page(endpoint: Endpoint) -> bytes:
    """Return the body of a node's page; Fault, Blind or OSError if it doesn't come."""
    return await nodepage.get(endpoint, "/reach", LONGEST_PAGE)
