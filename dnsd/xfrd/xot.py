"""Transfers over TLS (XoT, RFC 9103): TLS 1.3, and "dot" as the protocol (ALPN)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from typing import TYPE_CHECKING

from dnsd.process.log import say

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from pathlib import Path

    from dnsd.config import Endpoint
    from dnsd.xfrd.knowledge import Knowledge
    from dnsd.xfrd.requests import Respond
    from dnsd.xfrd.streams import Streams

ALPN = "dot"
BACKLOG = 128
LOOK_S = 5.0
"""Seconds between two looks whether the certificate has changed."""
HANDSHAKE_S = 10.0
MOST_BEGINNING = 128
"""Connections that are between accept() and the end of their handshake; more are closed.

They have a limit of their own, so that they take no places from connections with a request.
"""
PAUSE_S = 0.1
"""Seconds to wait when there is no descriptor for a connection."""


def listeners(endpoints: Sequence[Endpoint]) -> list[socket.socket]:
    """Return a listening socket for each of ``endpoints``; one that fails is logged."""
    found = []
    for one in endpoints:
        sock = socket.socket(one.family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if one.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((one.address, one.port))
            sock.listen(BACKLOG)
        except OSError as error:
            why = f"transfers: cannot listen on {one} (TLS): {error.strerror}"
            say("transfer-listen-fault", why, address=str(one))
            sock.close()
            continue
        found.append(sock)
    return found


class TlsSide:
    """Accepts TLS connections for ``streams`` at ``sockets``, with the certificate of ``known``."""

    def __init__(
        self, sockets: Sequence[socket.socket], known: Knowledge, streams: Streams, ask: Respond
    ) -> None:
        self._sockets = sockets
        self._known = known
        self._streams = streams
        self._ask = ask
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._context.set_alpn_protocols([ALPN])
        self._used: tuple[Path, int] | None = None
        self._beginning: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Listen as soon as there is a certificate; reload it when it changes."""
        is_listening = False
        while self._sockets:
            if self._take_certificate() and not is_listening:
                is_listening = True
                for sock in self._sockets:
                    self._keep(self._listen(sock))
            await asyncio.sleep(LOOK_S if is_listening else 0.1)

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, listener: socket.socket) -> None:
        """Accept connections, within the limits, for ever."""
        listener.setblocking(False)
        while True:
            try:
                sock, address = await asyncio.get_running_loop().sock_accept(listener)
            except OSError:
                await asyncio.sleep(PAUSE_S)
                continue
            source = str(address[0])
            most = min(MOST_BEGINNING, self._known.settings.outgoing_per_source)
            if self._beginning.total() >= MOST_BEGINNING or self._beginning[source] >= most:
                sock.close()
                continue
            self._beginning[source] += 1
            self._keep(self._begin(sock, source))

    async def _begin(self, sock: socket.socket, source: str) -> None:
        """Do the handshake, then serve the connection."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, sock, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_S
            )
        except OSError:
            sock.close()
            return
        finally:
            self._beginning[source] -= 1
            self._beginning += Counter()  # without the limits that are 0
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() != ALPN:
            transport.abort()
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        self._streams.accept(reader, writer, source, self._ask)

    def _take_certificate(self) -> bool:
        """Load the certificate if it has changed; tell whether there is one."""
        path = self._known.settings.tls_certificate
        if path is None:
            return self._used is not None
        try:
            wanted = path, path.stat().st_mtime_ns
            if wanted != self._used:
                self._context.load_cert_chain(path)
                self._used = wanted
        except (OSError, ssl.SSLError) as error:
            why = f"transfers: the certificate {path} cannot be used: {error}"
            say("certificate-unusable", why, path=str(path))
            return self._used is not None
        return True
