"""Sends NOTIFY to secondaries when a zone has a new version: paced, and repeated until answered."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.config import NotifyPeer
from dnsd.transfer import notify, tsig
from dnsd.transfer.notify import NotifyState
from dnsd.wire.name import to_text
from dnsd.wire.rdata import NS, name_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.transfer import ipc
    from dnsd.transfer.tsig import TsigKey
    from dnsd.xfrd.archive import Archive, Archived
    from dnsd.xfrd.knowledge import Knowledge, Row

PACE_S = 0.002
"""Seconds between two messages: ten thousand messages take 20 s."""
LOOK_S = 0.25
"""Seconds between two searches for messages to repeat."""
RESOLVED_S = 300.0
"""Seconds for which resolved addresses of a zone's name servers are reused."""

LOOKUPS = 8
"""Zones whose name servers are resolved at the same time."""

Place = tuple[str, NotifyPeer]
"""A zone, and a server to notify of it."""


class Notifying:
    """Sends NOTIFY for the zones in ``archive`` to the servers in ``known``."""

    def __init__(self, known: Knowledge, archive: Archive, counts: dict[str, int]) -> None:
        self._known = known
        self._archive = archive
        self._counts = counts
        self._states: dict[Place, NotifyState] = {}
        self._due: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._waiting: dict[tuple[str, int], tuple[Place, TsigKey | None, bytes]] = {}
        self._ways: dict[str, asyncio.DatagramTransport] = {}
        self._resolved: dict[str, tuple[float, tuple[NotifyPeer, ...]]] = {}
        self._lookups: dict[str, asyncio.Task[None]] = {}
        self._resolver = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="resolver")
        """Has threads of its own: slow names delay no access to files."""

    def changed(self, zone: str) -> None:
        """Notify all servers of ``zone``."""
        self._due[zone] = None
        self._wake.set()

    def hear(self, told: ipc.ZoneTold) -> None:
        """See :meth:`dnsd.xfrd.knowledge.TransferPart.hear`."""

    def judge(self, judged: ipc.Judged) -> None:
        """See :meth:`dnsd.xfrd.knowledge.TransferPart.judge`."""

    def lose(self, zone: str) -> None:
        """See :meth:`dnsd.xfrd.knowledge.TransferPart.lose`."""
        self._due.pop(zone, None)
        self._resolved.pop(zone, None)
        for place in [place for place in self._states if place[0] == zone]:
            del self._states[place]

    def row(self, zone: str) -> Row:
        """See :meth:`dnsd.xfrd.knowledge.TransferPart.row`."""
        return {
            f"notify {peer}": self._states[zone, peer].words()
            for peer in self._peers(zone)
            if (zone, peer) in self._states
        }

    def obey(self, what: str, zone: str) -> str | None:
        """See :meth:`dnsd.xfrd.knowledge.TransferPart.obey`."""
        told = self._known.zones[zone].transfers
        if what != "notify" or not (told.notify or told.notify_ns):
            return None
        if zone not in self._archive.zones:
            return f"{zone} is not served yet"
        self.changed(zone)
        return ""

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            while self._due:
                zone = next(iter(self._due))
                del self._due[zone]
                await self._begin(zone)
            for place in [*self._again()]:
                await self._send(place)
            try:
                async with asyncio.timeout(LOOK_S if self._waiting else None):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    async def _begin(self, zone: str) -> None:
        archived = self._archive.zones.get(zone)
        told = self._known.zones.get(zone)
        if archived is None or told is None:
            return
        for peer in self._peers(zone):
            await self._tell(zone, peer, archived)
        until, _ = self._resolved.get(zone, (0.0, ()))
        if told.transfers.notify_ns and until <= time.monotonic() and zone not in self._lookups:
            # Beside the notifications: a name may be slow.
            self._lookups[zone] = asyncio.create_task(self._look_up(zone, archived))

    async def _tell(self, zone: str, peer: NotifyPeer, archived: Archived) -> None:
        self._states[zone, peer] = NotifyState(archived.version.serial)
        await self._send((zone, peer))

    def _peers(self, zone: str) -> tuple[NotifyPeer, ...]:
        told = self._known.zones[zone].transfers
        _, found = self._resolved.get(zone, (0.0, ()))
        return (*told.notify, *(found if told.notify_ns else ()))

    def _again(self) -> Iterator[Place]:
        """Yield the servers to notify again now; give up those that have not answered."""
        now = time.monotonic()
        for at, (place, _, _) in [*self._waiting.items()]:
            state = self._states.get(place)
            if state is None or state.ident != at[1]:
                del self._waiting[at]  # the zone was removed, or has a newer serial
            elif state.due <= now:
                del self._waiting[at]
                if not state.is_done:
                    yield place

    async def _send(self, place: Place) -> None:
        zone, peer = place
        archived, state = self._archive.zones.get(zone), self._states.get(place)
        if archived is None or state is None or state.is_done:
            return
        ident = int.from_bytes(os.urandom(2))
        self._states[place] = state.sent(ident, time.monotonic())
        key = self._known.keys.get(peer.key) if peer.key else None
        if peer.key is not None and key is None:
            return
        message, mac = notify.message(zone, archived.version.soa.rdata, ident), b""
        if key is not None:
            message, mac = tsig.signed_request(message, key, time.time())
        self._waiting[str(peer), ident] = place, key, mac
        self._counts["notifies_sent"] = self._counts.get("notifies_sent", 0) + 1
        try:
            way = await self._way(peer)
            way.sendto(message, (peer.address, peer.port))
        except OSError:
            pass  # as if it were lost: it is sent again
        await asyncio.sleep(PACE_S)

    async def _way(self, peer: NotifyPeer) -> asyncio.DatagramTransport:
        source = peer.source or ("::" if ":" in peer.address else "0.0.0.0")
        way = self._ways.get(source)
        if way is None or way.is_closing():
            loop = asyncio.get_running_loop()
            way, _ = await loop.create_datagram_endpoint(lambda: _Ear(self), local_addr=(source, 0))
            self._ways[source] = way
        return way

    def heard(self, message: bytes, peer: NotifyPeer) -> None:
        """Take in a message from the address and port of ``peer``."""
        if len(message) < 12 or message[2] & 0xF8 != 0xA0:
            return
        at = str(peer), int.from_bytes(message[:2], "big")
        place, key, mac = self._waiting.get(at, (None, None, b""))
        if place is None or (key and not tsig.is_answer(message, key, mac, time.time())):
            return
        del self._waiting[at]
        state = self._states.get(place)
        if state is not None and state.ident == at[1]:
            self._states[place] = state.answered(message[3] & 0xF)

    async def _look_up(self, zone: str, archived: Archived) -> None:
        """Resolve the zone's other servers: those of its NS records; notify those that are new."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._resolver, _looked_up, _servers(archived))
        finally:
            del self._lookups[zone]
        if zone not in self._known.zones:
            return
        before = self._peers(zone)
        self._resolved[zone] = time.monotonic() + RESOLVED_S, found
        now = self._archive.zones.get(zone, archived)
        for peer in self._peers(zone):
            if peer not in before:
                await self._tell(zone, peer, now)
        self._wake.set()


class _Ear(asyncio.DatagramProtocol):
    """Receives the answers of secondaries."""

    def __init__(self, notifying: Notifying) -> None:
        self._notifying = notifying

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self._notifying.heard(data, NotifyPeer(address=str(addr[0]), port=int(addr[1])))

    def error_received(self, exc: Exception) -> None:
        """Do nothing: the message will be repeated."""


def _looked_up(names: list[str]) -> tuple[NotifyPeer, ...]:
    """Return the addresses of servers with these names; this may take a while."""
    peers: list[NotifyPeer] = []
    for name in names:
        with suppress(OSError):
            found = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
            peers += [NotifyPeer(address=str(one[4][0])) for one in found]
    return tuple(dict.fromkeys(peers))


def _servers(archived: Archived) -> list[str]:
    """Return the names of the zone's servers, except the one that its SOA names."""
    version = archived.version
    primary = to_text(version.soa.rdata[: name_end(version.soa.rdata, 0)]).lower()
    found = []
    for record in version:
        if record.owner.lower() != version.apex:
            break  # the records of the apex come first
        if record.rtype == NS and to_text(record.rdata).lower() != primary:
            found.append(to_text(record.rdata))
    return found
