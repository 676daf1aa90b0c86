"""Does a name server answer? Over UDP, and over TCP when the response says it is truncated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.flags

from dnsd.checks.result import Result, ServiceFault, Stage, judged, shown, unreachable
from dnsd.process.exchange import ServerAddress, over_tcp, over_udp

if TYPE_CHECKING:
    from dnsd.checks.question import DnsQuestion

_FLAGS = 2
"""The octet of the header that has the TC flag (RFC 1035 §4.1.1)."""
_TC = dns.flags.TC >> 8


@dataclass(frozen=True)
class DnsCheck:
    """A ``question``, which knows the records that must come back."""

    question: DnsQuestion
    port: int
    timeout: float
    source: str | None = None

    def __str__(self) -> str:
        return f"DNS query {self.question} on port {self.port}"

    def endpoint(self, _address: str) -> None:
        """It asks over UDP first."""

    async def run(self, address: str) -> Result:
        """Ask."""
        peer = ServerAddress(address, self.port, self.source)
        stage = Stage(f"no answer over UDP to {self.question}")

        async def asking() -> None:
            query = self.question.query()
            packet = query.to_wire()
            how = "UDP"
            try:
                reply = await over_udp(peer, packet)
                fault = self.question.fault(query, reply)
                if not fault and reply[_FLAGS] & _TC:
                    how = "TCP"
                    stage.waits_for = f"no answer over TCP to {self.question}"
                    fault = self.question.fault(query, await over_tcp(peer, packet))
            except OSError as error:
                raise unreachable(error, peer, how) from error
            if fault:
                raise ServiceFault(shown(f"{self.question} over {how}: answered {fault}"))

        return await judged(self.timeout, stage, asking)
