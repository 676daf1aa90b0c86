"""Connections to primaries, by TCP or TLS (RFC 9103); they are reused (RFC 7766 §6.2.1)."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.transfer.incoming import TransferFault

if TYPE_CHECKING:
    from dnsd.config import PrimaryPeer

CONNECT_S = 5.0
"""Seconds within which a connection must be established."""
_IDLE_S = 2.0
"""Seconds for which an unused connection is kept."""
_ALPN = "dot"


class NoConnection(TransferFault):
    """The primary cannot be reached."""


class PrimaryConnection:
    """One connection: it carries one request at a time, and the answers to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.is_used = False
        """Whether it has carried an exchange: then the primary may have closed it meanwhile."""
        self.is_busy = False
        """Whether an exchange has begun and not ended: the next message belongs to that one."""

    async def send(self, message: bytes) -> None:
        """Send a message."""
        self._writer.write(len(message).to_bytes(2, "big") + message)
        await self._writer.drain()

    async def receive(self, stall: float) -> bytes:
        """Return the next message; TimeoutError, EOFError or OSError if none comes."""
        async with asyncio.timeout(stall):
            size = int.from_bytes(await self._reader.readexactly(2), "big")
            return await self._reader.readexactly(size)

    @property
    def is_alive(self) -> bool:
        """Whether the other side has not closed it, as far as is known here."""
        return not (self._reader.at_eof() or self._writer.is_closing())

    def close(self) -> None:
        """End it."""
        with suppress(OSError):
            self._writer.close()


class PrimaryConnections:
    """The connections that are unused at the moment, by primary."""

    def __init__(self) -> None:
        self._idle: dict[PrimaryPeer, list[tuple[PrimaryConnection, asyncio.TimerHandle]]] = (
            defaultdict(list)
        )

    async def take(self, peer: PrimaryPeer) -> PrimaryConnection:
        """Return a connection to ``peer``; TransferFault if it cannot be reached."""
        idle = self._idle[peer]
        while idle:
            connection, timer = idle.pop()
            timer.cancel()
            if connection.is_alive:
                return connection
            connection.close()
        return await _connected(peer)

    def give_back(self, peer: PrimaryPeer, connection: PrimaryConnection) -> None:
        """Keep a connection whose exchange has ended, for the next one."""
        connection.is_used = True
        timer = asyncio.get_running_loop().call_later(_IDLE_S, self._drop, peer, connection)
        self._idle[peer].append((connection, timer))

    def _drop(self, peer: PrimaryPeer, connection: PrimaryConnection) -> None:
        connection.close()
        self._idle[peer] = [one for one in self._idle[peer] if one[0] is not connection]
        if not self._idle[peer]:
            del self._idle[peer]


async def _connected(peer: PrimaryPeer) -> PrimaryConnection:
    """Open a connection."""
    try:
        context = _context(peer) if peer.tls else None
        async with asyncio.timeout(CONNECT_S):
            streams = await asyncio.open_connection(
                peer.address,
                peer.port,
                ssl=context,
                server_hostname=(peer.tls_name or peer.address) if context else None,
                local_addr=(peer.source, 0) if peer.source else None,
                limit=1 << 17,
            )
    except TimeoutError:
        what = "TLS, or no connection," if peer.tls else "connection"
        raise NoConnection(f"no {what} within {CONNECT_S:g} s") from None
    except ssl.SSLError as error:
        raise NoConnection(f"TLS: {error.reason or error}") from None
    except OSError as error:
        what = "TLS" if peer.tls and isinstance(error, ConnectionResetError) else "connection"
        why = error.strerror or str(error) or "the primary closed it"
        raise NoConnection(f"no {what}: {why}") from None
    return PrimaryConnection(*streams)


def _context(peer: PrimaryPeer) -> ssl.SSLContext:
    """Return the TLS settings for ``peer`` (RFC 9103 §8)."""
    context = ssl.create_default_context(cafile=None if peer.tls_ca is None else str(peer.tls_ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([_ALPN])
    context.check_hostname = peer.tls_name is not None
    return context
