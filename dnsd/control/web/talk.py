"""One request and its answer on a connection, as HTTP/1.1 wants them (RFC 9112): h11 knows how.

Knows sockets and bytes, neither pages nor limits of time.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

import h11

LONGEST_HEAD = 16384
"""Octets of a request with all its fields."""
MOST_UNREAD = 65536
"""Octets of a body, which no page wants, that are read before the connection is closed."""
_CHUNK = 16384


class Page(NamedTuple):
    """What is sent."""

    content_type: str
    body: bytes
    status: HTTPStatus = HTTPStatus.OK


class Refused(Exception):
    """What came is no request; ``page`` says so."""

    def __init__(self, page: Page) -> None:
        super().__init__(page.status)
        self.page = page


class Talk:
    """The server's part on ``sock``, which does not block."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)
        self._left = b""

    async def request(self) -> tuple[str, str] | None:
        """Return method and target; None if the client has gone, Refused if it sends nonsense."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                event = self._protocol.next_event()
            except h11.RemoteProtocolError as error:
                status = HTTPStatus(error.error_status_hint)
                page = sentence(status, f"this is no request in HTTP/1.1: {error}")
                raise Refused(page) from None
            if isinstance(event, h11.Request):
                return event.method.decode("ascii"), event.target.decode("ascii")
            if event is not h11.NEED_DATA:
                return None
            self._protocol.receive_data(await loop.sock_recv(self._sock, _CHUNK))

    async def answer(self, page: Page, *, with_body: bool = True) -> None:
        """Send ``page``, and tell the client that it is the last one."""
        if self._protocol.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        fields = [
            ("Server", "dnsd"),
            ("Content-Type", page.content_type),
            ("Content-Length", str(len(page.body))),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
        ]
        if page.status == HTTPStatus.METHOD_NOT_ALLOWED:
            fields.append(("Allow", "GET"))
        events: list[h11.Event] = [
            h11.Response(status_code=page.status, reason=page.status.phrase, headers=fields)
        ]
        if with_body:
            events.append(h11.Data(data=page.body))
        sent = b"".join(self._protocol.send(event) or b"" for event in events)
        await asyncio.get_running_loop().sock_sendall(self._sock, sent)
        await self._part()

    async def _part(self) -> None:
        """Let the client read to the end: a connection that is closed on unread octets is reset."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
        unread = 0
        while unread < MOST_UNREAD:
            more = await asyncio.get_running_loop().sock_recv(self._sock, _CHUNK)
            if not more:
                return
            unread += len(more)


def sentence(status: HTTPStatus, text: str) -> Page:
    """Return a page that says ``text``."""
    return Page("text/plain; charset=utf-8", f"{text}\n".encode(), status)
