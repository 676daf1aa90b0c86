"""Does a web server answer as expected? Over HTTP/1.1, with or without TLS (RFC 9110, 9112).

One GET on a connection of its own. Redirections are not followed, and a body is read only when
something is expected in it. The server may be hostile: all that it sends is bounded.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnsd.checks.httpclient import MOST_BODY, Exchange
from dnsd.checks.result import (
    FailureKind,
    Result,
    ServiceEndpoint,
    ServiceFault,
    Stage,
    judged,
    shown,
)
from dnsd.checks.search import is_found
from dnsd.checks.stream import Tls, opened
from dnsd.checks.tcp import connecting
from dnsd.config.statuscodes import in_words
from dnsd.process.exchange import ServerAddress

if TYPE_CHECKING:
    from dnsd.checks.stream import Stream


@dataclass(frozen=True)
class HttpCheck:
    """A GET for ``path`` with the field Host as in ``host``; without ``tls`` in clear text.

    One of ``status`` must come back, and the body must match the pattern ``body``, if any.
    """

    port: int
    path: str
    host: str
    timeout: float
    status: tuple[int, ...] = (200,)
    body: str | None = None
    tls: Tls | None = None
    source: str | None = None

    def __str__(self) -> str:
        return f"GET {self.path} on {'HTTPS' if self.tls else 'HTTP'} port {self.port}"

    def endpoint(self, address: str) -> ServiceEndpoint:
        """Return where it connects to."""
        return ServiceEndpoint(address, self.port, self.source)

    async def run(self, address: str) -> Result:
        """Ask, and search the body: the time that takes is not the server's."""
        peer = ServerAddress(address, self.port, self.source)
        stage = connecting(peer)
        bodies: list[bytes] = []
        result = await judged(
            self.timeout, stage, functools.partial(self._ask, peer, stage, bodies)
        )
        if not result.ok or self.body is None:
            return result
        (body,) = bodies
        if await is_found(self.body, body.decode("utf-8", "replace")):
            return result
        where = f"the first {MOST_BODY} octets of " if len(body) >= MOST_BODY else ""
        told = f'GET {self.path}: "{shown(self.body)}" not found in {where}its body'
        return result._replace(ok=False, detail=told, reason=FailureKind.ANSWER)

    async def _ask(self, peer: ServerAddress, stage: Stage, bodies: list[bytes]) -> str:
        async with opened(peer, self.tls, stage, self.timeout) as stream:
            await self._exchange(stream, stage, bodies)
            return stream.note

    async def _exchange(self, stream: Stream, stage: Stage, bodies: list[bytes]) -> None:
        stage.waits_for = f"no response to GET {self.path}"
        exchange = Exchange(stream.reader, stream.writer)
        status = await exchange.get(self.path, self.host)
        if status not in self.status:
            raise ServiceFault(
                f"GET {self.path}: status {status}, expected {in_words(self.status)}"
            )
        if self.body is not None:
            stage.waits_for = f"body of GET {self.path} not complete"
            bodies.append(await exchange.body())
