"""A POST of JSON with a signature in a header field, on a connection of its own (RFC 9112).

The signature is an HMAC-SHA256 (RFC 2104) of the body, in the form that is usual for webhooks:
``X-Dnsd-Signature: sha256=HEX``.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from typing import TYPE_CHECKING

from dnsd.checks.result import ServiceFault
from dnsd.control.hooks.outbox import Undelivered
from dnsd.process.exchange import within

if TYPE_CHECKING:
    from dnsd.config.hookkinds import Where

SIGNATURE = "X-Dnsd-Signature"

_FINAL = frozenset({400, 401, 403, 404, 405, 410, 413, 415, 422})
"""Status codes after which the same request would be refused again."""


class Post:
    """Sends changes to ``where``; without a ``secret`` they are not signed."""

    def __init__(self, where: Where, secret: bytes | None, timeout: float) -> None:
        self._where, self._secret, self._timeout = where, secret, timeout

    async def __call__(self, body: bytes) -> None:
        """Post ``body``; Undelivered if it is not accepted."""
        try:
            status = await within(self._timeout, self._send(body))
        except ServiceFault as fault:
            raise Undelivered(str(fault)) from fault
        except OSError as error:  # an error of TLS is one, too
            raise Undelivered(f"cannot connect: {error.strerror or error}") from error
        if status is None:
            raise Undelivered(f"no response within {self._timeout:g} s")
        if not 200 <= status < 300:
            raise Undelivered(f"status {status}", is_final=status in _FINAL)

    async def _send(self, body: bytes) -> int:
        from dnsd.checks.httpclient import Exchange  # only a node with hooks needs h11

        where = self._where
        context = ssl.create_default_context() if where.is_secure else None
        reader, writer = await asyncio.open_connection(where.host, where.port, ssl=context)
        try:
            fields = [("Content-Type", "application/json")]
            if self._secret:
                fields.append((SIGNATURE, signature(self._secret, body)))
            exchange = Exchange(reader, writer)
            return await exchange.post(where.target, where.authority, fields, body)
        finally:
            writer.transport.abort()


def signature(secret: bytes, body: bytes) -> str:
    """Return the signature of ``body``, made with ``secret``."""
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
