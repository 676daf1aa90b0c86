"""One request and its answer on a connection, as HTTP/1.1 wants them (RFC 9112): h11 knows how.

Knows sockets and bytes, neither pages nor limits of time.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import h11

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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


class PageStream(NamedTuple):
    """What is sent piece by piece, until the client leaves."""

    content_type: str
    pieces: AsyncIterator[bytes]


class WebRequest(NamedTuple):
    """What a client asks for."""

    method: str
    target: str
    authorization: str = ""


class Pending(Enum):
    """The request is not whole yet."""

    MORE = 1


Asked = WebRequest | Page | Pending | None
"""A page that says why the octets are no request; None: the client left without one."""


class Talk:
    """The server's part on ``sock``, which does not block."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)

    def request_now(self) -> Asked:
        """Return the request if it is already complete, without waiting for more."""
        with suppress(BlockingIOError):
            self._protocol.receive_data(self._sock.recv(_CHUNK))
        return self._asked()

    async def request(self) -> WebRequest | Page | None:
        """Return the request, once it is whole."""
        while (asked := self._asked()) is Pending.MORE:
            loop = asyncio.get_running_loop()
            self._protocol.receive_data(await loop.sock_recv(self._sock, _CHUNK))
        return asked

    def _asked(self) -> Asked:
        try:
            event = self._protocol.next_event()
        except h11.RemoteProtocolError as error:
            status = HTTPStatus(error.error_status_hint)
            return sentence(status, f"this is not HTTP/1.1: {error}")
        if isinstance(event, h11.Request):
            fields = [value for name, value in event.headers if name == b"authorization"]
            authorization = fields[0].decode("latin-1") if len(fields) == 1 else ""
            return WebRequest(
                event.method.decode("ascii"), event.target.decode("ascii"), authorization
            )
        return Pending.MORE if event is h11.NEED_DATA else None

    async def body(self, longest: int) -> bytes | Page:
        """Return what follows the request, or a page that says why it cannot be had."""
        taken = b""
        while True:
            try:
                event = self._protocol.next_event()
            except h11.RemoteProtocolError as error:
                return sentence(HTTPStatus.BAD_REQUEST, f"this is not HTTP/1.1: {error}")
            if isinstance(event, h11.Data):
                taken += event.data
                if len(taken) > longest:
                    what = f"the body has more than {longest} octets"
                    return sentence(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, what)
            elif event is h11.NEED_DATA:
                if self._protocol.they_are_waiting_for_100_continue:
                    await self._go_on()
                loop = asyncio.get_running_loop()
                self._protocol.receive_data(await loop.sock_recv(self._sock, _CHUNK))
            else:
                return taken

    async def _go_on(self) -> None:
        """Tell a client that asks first (``Expect: 100-continue``) to send the body."""
        go_on = h11.InformationalResponse(status_code=100, headers=[])
        sent = self._protocol.send(go_on) or b""
        await asyncio.get_running_loop().sock_sendall(self._sock, sent)

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
            fields.append(("Allow", "GET, HEAD"))
        if page.status == HTTPStatus.UNAUTHORIZED:
            fields.append(("WWW-Authenticate", "Bearer"))
        events: list[h11.Event] = [
            h11.Response(status_code=page.status, reason=page.status.phrase, headers=fields)
        ]
        if with_body:
            events.append(h11.Data(data=page.body))
        sent = b"".join(self._protocol.send(event) or b"" for event in events)
        await asyncio.get_running_loop().sock_sendall(self._sock, sent)
        await self._part()

    async def begin(self, stream: PageStream) -> None:
        """Send the head of ``stream``; :meth:`piece` sends what follows."""
        fields = [
            ("Server", "dnsd"),
            ("Content-Type", stream.content_type),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
        ]
        await self._send(h11.Response(status_code=HTTPStatus.OK, headers=fields))

    async def piece(self, octets: bytes) -> None:
        """Send a piece of a stream."""
        await self._send(h11.Data(data=octets))

    async def _send(self, event: h11.Event) -> None:
        octets = self._protocol.send(event) or b""
        await asyncio.get_running_loop().sock_sendall(self._sock, octets)

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
