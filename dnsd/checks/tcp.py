"""Does a service take connections? Nothing is sent, and the connection is closed at once."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

from dnsd.checks.result import FailureKind, Result, ServiceEndpoint, Stage, judged, unreachable
from dnsd.process.exchange import ServerAddress, open_socket


@dataclass(frozen=True)
class TcpCheck:
    """A connection to ``port``."""

    port: int
    timeout: float
    source: str | None = None

    def __str__(self) -> str:
        return f"TCP port {self.port}"

    def endpoint(self, address: str) -> ServiceEndpoint:
        """Return where it connects to."""
        return ServiceEndpoint(address, self.port, self.source)

    async def run(self, address: str) -> Result:
        """Connect."""
        peer = ServerAddress(address, self.port, self.source)

        async def asking() -> None:
            (await connected(peer)).close()

        return await judged(self.timeout, connecting(peer), asking)


def connecting(peer: ServerAddress) -> Stage:
    """Return the stage in which every check over TCP begins."""
    return Stage(f"no connection to TCP port {peer.port}", FailureKind.NO_CONNECTION)


async def connected(peer: ServerAddress) -> socket.socket:
    """Return a socket that is connected to ``peer``; Fault or Blind if it cannot be."""
    try:
        sock = open_socket(peer, socket.SOCK_STREAM)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (peer.address, peer.port))
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        raise unreachable(error, peer, "TCP") from error
    return sock
