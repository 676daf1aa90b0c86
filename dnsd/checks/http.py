"""Does a web server answer as expected? Over HTTP/1.1, with or without TLS (RFC 9110, 9112).

One GET on a connection of its own. Redirections are not followed, and a body is read only when
something is expected in it. The server may be hostile: all that it sends is bounded.
"""

from __future__ import annotations

import asyncio
import functools
import re
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from dnsd.checks.certificate import not_after
from dnsd.checks.httpclient import MOST_BODY, Exchange
from dnsd.checks.result import Blind, Fault, Result, Stage, judged, shown, unreachable
from dnsd.checks.tcp import connected
from dnsd.config.units import format_duration
from dnsd.process.exchange import Peer

_DAY_S = 86400


@dataclass(frozen=True)
class Tls:
    """``name`` goes into the handshake; with ``verify`` the certificate must be valid for it.

    It must be valid for ``expiry`` seconds still; None: any time will do.
    """

    name: str
    verify: bool = True
    expiry: float | None = None


@dataclass(frozen=True)
class HttpCheck:
    """A GET for ``path`` with the field Host as in ``host``; without ``tls`` in clear text.

    One of ``status`` must come back, and a match of the expression ``body`` if there is one.
    """

    port: int
    path: str
    host: str
    timeout: float
    status: tuple[int, ...] = (200,)
    body: str | None = None
    tls: Tls | None = None
    source: str | None = None

    async def run(self, address: str) -> Result:
        """Ask."""
        peer = Peer(address, self.port, self.source)
        stage = Stage(f"did not take a connection on TCP port {self.port}")
        return await judged(self.timeout, stage, functools.partial(self._ask, peer, stage))

    async def _ask(self, peer: Peer, stage: Stage) -> None:
        if self.tls:
            self._check_name(self.tls)
        sock = await connected(peer)
        try:
            if self.tls:
                stage.waits_for = "did not finish the TLS handshake"
                reader, writer = await asyncio.open_connection(
                    sock=sock,
                    ssl=_context(self.tls.verify, _today()),
                    server_hostname=self.tls.name,
                    ssl_handshake_timeout=_longer(self.timeout),
                )
            else:
                reader, writer = await asyncio.open_connection(sock=sock)
        except ssl.SSLError as error:
            raise Fault(_refused(error)) from error
        except OSError as error:
            raise unreachable(error, peer, "TCP") from error
        try:
            if self.tls:
                _check_expiry(self.tls, writer)
            await self._exchange(reader, writer, stage)
        except ssl.SSLError as error:
            raise Fault(_refused(error)) from error
        except OSError as error:
            raise unreachable(error, peer, "TCP") from error
        finally:
            writer.transport.abort()

    def _check_name(self, tls: Tls) -> None:
        """Find out now whether the name can be sent: later, asyncio would leave a socket open."""
        context = _context(tls.verify, _today())
        try:
            context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=tls.name)
        except ValueError as error:
            raise Blind(f"it cannot be asked for {tls.name} over TLS: {error}") from error

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stage: Stage
    ) -> None:
        asked = f"GET {self.path}"
        stage.waits_for = f"did not answer {asked}"
        exchange = Exchange(reader, writer)
        status = await exchange.get(self.path, self.host)
        if status not in self.status:
            wanted = " or ".join(map(str, self.status))
            raise Fault(f"answered {asked} with status {status} in place of {wanted}")
        if self.body is None:
            return
        stage.waits_for = f"did not send the whole body of {asked}"
        body = (await exchange.body()).decode("utf-8", "replace")
        if not re.search(self.body, body):
            where = f"the first {MOST_BODY} octets of " if len(body) >= MOST_BODY else ""
            raise Fault(f'answered {asked} without "{shown(self.body)}" in {where}its body')


@functools.lru_cache(maxsize=2)
def _context(verify: bool, _day: int) -> ssl.SSLContext:
    """Return how to speak TLS; the trusted authorities are read again each day."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _today() -> int:
    return int(time.time()) // _DAY_S


def _longer(timeout: float) -> float:
    """Return a time-out that never comes first: asyncio's counts time in which it slept."""
    return 10 * timeout + 60


def _check_expiry(tls: Tls, writer: asyncio.StreamWriter) -> None:
    if tls.expiry is None:
        return
    peer: ssl.SSLObject = writer.get_extra_info("ssl_object")
    try:
        end = not_after(peer.getpeercert(binary_form=True) or b"")
    except ValueError as error:
        raise Fault(f"has a certificate that cannot be read: {error}") from error
    if end - time.time() < tls.expiry:
        until = datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        least = format_duration(tls.expiry)
        raise Fault(f"has a certificate that ends on {until}, in less than {least}")


def _refused(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has no valid certificate: {shown(error.verify_message)}"
    return f"does not speak TLS as it should: {shown(error.reason or str(error))}"
