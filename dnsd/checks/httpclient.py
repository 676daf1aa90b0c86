"""One GET on a stream, and its answer in HTTP/1.1 (RFC 9112), never more of it than its bounds.

The server may be hostile: all that it sends is bounded here in size and number, and in time by the
caller. h11 knows the protocol; Fault says what is wrong, to follow the address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11

from dnsd.checks.result import Fault

if TYPE_CHECKING:
    import asyncio

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

_GARBAGE = "sent something that is no response in HTTP/1.1"


class Exchange:
    """Asks one question by ``writer`` and reads the answer from ``reader``."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD)
        self._begin = b""
        self._over = False

    async def get(self, target: str, host: str) -> int:
        """Ask for ``target``, and return the status of the first answer that is no interim one."""
        request = h11.Request(
            method="GET",
            target=target,
            headers=[
                ("Host", host),
                ("User-Agent", "dnsd"),
                ("Accept", "*/*"),
                ("Accept-Encoding", "identity"),
                ("Connection", "close"),
            ],
        )
        for part in (request, h11.EndOfMessage()):
            self._writer.write(self._protocol.send(part) or b"")
        for _ in range(MOST_INTERIM + 1):
            event = await self._next()
            if isinstance(event, h11.Response):
                return event.status_code
            if not isinstance(event, h11.InformationalResponse):
                raise Fault(_GARBAGE)
        raise Fault(f"sent more than {MOST_INTERIM} interim responses")

    async def body(self, most: int = MOST_BODY) -> bytes:
        """Return the body, or its first octets if there are more than ``most``."""
        found = bytearray()
        pieces = 0
        while len(found) < most and isinstance(event := await self._next(), h11.Data):
            found += event.data
            pieces += 1
            if pieces > SMALL_PIECES + len(found) // LEAST_PIECE:
                raise Fault("sent its body in too many small pieces")
        return bytes(found[:most])

    async def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while True:
            try:
                event = self._protocol.next_event()
            except h11.RemoteProtocolError as error:
                raise Fault(self._why(error)) from error
            if event is not h11.NEED_DATA:
                return event
            data = await self._reader.read(_READ)
            self._begin = (self._begin + data)[: len(_FIRST)]
            if not _FIRST.startswith(self._begin):
                raise Fault(_GARBAGE)  # at once: servers of other protocols wait for their client
            self._over = not data
            self._protocol.receive_data(data)

    def _why(self, error: h11.RemoteProtocolError) -> str:
        if error.error_status_hint == 431:
            return f"sent a head of more than {MOST_HEAD} octets"
        if not self._over:
            return _GARBAGE
        if not self._begin:
            return "closed the connection in place of an answer"
        return "closed the connection in the middle of its response"
