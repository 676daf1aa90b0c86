"""One GET or POST on a stream, and its answer in HTTP/1.1 (RFC 9112), within bounds.

The server may be hostile: all that it sends is bounded here in size and number, and in time by the
caller. h11 knows the protocol, :mod:`dnsd.checks.httphead` what is forgiven; Fault says what is
wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import h11

from dnsd.checks import httphead
from dnsd.checks.result import ServiceFault, shown

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

MOST_HEAD = 65536
"""Octets of a status line and its fields."""

MOST_BODY = 65536
"""Octets of a body that are read: what is expected must come that early."""

MOST_INTERIM = 8
"""Responses of status 1xx before the real one."""

SMALL_PIECES, LEAST_PIECE = 1000, 256
"""Chunks that may be of any size; more of them must have so many octets on average."""

_READ = 16384
_FIRST = b"HTTP/"
_QUOTED_BYTES = re.compile(r"bytearray\(b'(.*)'\)")
_QUOTED = 60
"""Octets of an unexpected response that a message repeats."""


def _fields(host: str) -> list[tuple[str, str]]:
    return [
        ("Host", host),
        ("User-Agent", "dnsd"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]


class Exchange:
    """Asks one question by ``writer`` and reads the answer from ``reader``."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD)
        self._unread = bytearray()
        self._begin = b""
        self._over = False

    async def get(self, target: str, host: str) -> int:
        """Ask for ``target``, and return the status of the first answer that is no interim one."""
        return await self._ask("GET", target, _fields(host))

    async def post(
        self, target: str, host: str, fields: Sequence[tuple[str, str]], body: bytes
    ) -> int:
        """Send ``body`` to ``target``, and return the status of the answer, as :meth:`get`."""
        length = ("Content-Length", str(len(body)))
        return await self._ask("POST", target, [*_fields(host), *fields, length], body)

    async def _ask(
        self, method: str, target: str, fields: list[tuple[str, str]], body: bytes = b""
    ) -> int:
        request = h11.Request(method=method, target=target, headers=fields)
        for part in (request, h11.Data(data=body), h11.EndOfMessage()):
            self._writer.write(self._protocol.send(part) or b"")
        for _ in range(MOST_INTERIM + 1):
            event = await self._next()
            if isinstance(event, h11.Response):
                return event.status_code
        raise ServiceFault(f"more than {MOST_INTERIM} interim responses")

    async def body(self, most: int = MOST_BODY) -> bytes:
        """Return the body, or its first octets if there are more than ``most``."""
        found = bytearray()
        pieces = 0
        while len(found) < most and isinstance(event := await self._next(), h11.Data):
            found += event.data
            pieces += 1
            if pieces > SMALL_PIECES + len(found) // LEAST_PIECE:
                raise ServiceFault("body comes in too many small pieces")
        return bytes(found[:most])

    async def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while True:
            try:
                event = self._protocol.next_event()
            except h11.RemoteProtocolError as error:
                raise ServiceFault(self._why(error)) from error
            if event is not h11.NEED_DATA:
                return event
            if self._protocol.their_state is h11.SEND_RESPONSE:
                self._protocol.receive_data(await self._head())
            else:
                self._protocol.receive_data(await self._body_octets())

    async def _head(self) -> bytes:
        """Return the next head, with what is forgiven corrected; what follows it stays unread.

        One that is cut off is returned as it is, and nothing after it: h11 refuses that.
        """
        searched = 0
        while (end := httphead.end_of(self._unread, searched)) < 0:
            if len(self._unread) > MOST_HEAD:
                raise ServiceFault(_TOO_LONG)
            if self._over:
                return self._taken(len(self._unread))
            searched = len(self._unread)
            await self._read()
        return httphead.mended(self._taken(end))

    async def _body_octets(self) -> bytes:
        """Return some octets behind a head; empty at the end."""
        if not self._unread:
            await self._read()
        return self._taken(len(self._unread))

    def _taken(self, size: int) -> bytes:
        taken = bytes(self._unread[:size])
        del self._unread[:size]
        return taken

    async def _read(self) -> None:
        data = await self._reader.read(_READ)
        self._over = not data
        self._begin = (self._begin + data)[:_QUOTED]
        if not _FIRST.startswith(self._begin[: len(_FIRST)]):
            # At once: servers of other protocols wait for their client.
            raise ServiceFault(self._garbage(""))
        self._unread += data

    def _why(self, error: h11.RemoteProtocolError) -> str:
        if error.error_status_hint == 431:
            return _TOO_LONG
        if "_SWITCH_UPGRADE" in str(error):
            return "unexpected status 101 (switching protocols)"
        if not self._over:
            return self._garbage(_QUOTED_BYTES.sub(r'"\1"', str(error)))
        if not self._begin:
            return "connection closed without a response"
        return "connection closed in the middle of the response"

    def _garbage(self, why: str) -> str:
        begin = self._begin.decode("utf-8", "replace")
        what = shown(why or f'it begins with "{begin}"')
        return f"response is not HTTP/1.1: {what}"


_TOO_LONG = f"response header section of more than {MOST_HEAD} octets"
