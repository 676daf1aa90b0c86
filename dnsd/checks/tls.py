"""Does a service speak TLS, with a certificate that is valid, and will be? Nothing else is sent."""

from __future__ import annotations

from dataclasses import dataclass

from dnsd.checks.result import Result, ServiceEndpoint, judged
from dnsd.checks.stream import Tls, opened
from dnsd.checks.tcp import connecting
from dnsd.process.exchange import ServerAddress


@dataclass(frozen=True)
class TlsCheck:
    """A handshake on ``port``."""

    port: int
    timeout: float
    tls: Tls
    source: str | None = None

    def __str__(self) -> str:
        return f"TLS on port {self.port}"

    def endpoint(self, address: str) -> ServiceEndpoint:
        """Return where it connects to."""
        return ServiceEndpoint(address, self.port, self.source)

    async def run(self, address: str) -> Result:
        """Connect and shake hands."""
        peer = ServerAddress(address, self.port, self.source)
        stage = connecting(peer)

        async def asking() -> str:
            async with opened(peer, self.tls, stage, self.timeout) as stream:
                return stream.note

        return await judged(self.timeout, stage, asking)
