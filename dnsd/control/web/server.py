"""A small HTTP server: one request on each connection, few of them, each for seconds.

Everything is read with GET; a PUT goes to the receiver of pushes, if any.

All of it runs in control's event loop, so nothing here may take long, or wait without a limit.
Knows nothing of what is in a page.
"""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from dnsd.control.web.connectionlimit import Guest, Room, source_of
from dnsd.control.web.push import LONGEST_BODY, PREFIX
from dnsd.control.web.talk import Page, PageStream, Pending, Talk, WebRequest, sentence
from dnsd.errors import AdminError
from dnsd.process import descriptors, log

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dnsd.config import Endpoint
    from dnsd.control.web.push import Push

BACKLOG = 128
HEAD_S = 3.0
"""How long a request may take to come in."""
PAGE_S = 8.0
"""How long a page may take to be made."""
SEND_S = 10.0
"""How long a client may take to read it."""
RETRY_S = 5.0
"""Pause before an address that cannot be had is tried again."""
REST_S = 0.5
"""Pause when this process lacks descriptors."""
TELL_S = 60.0
"""How often a fault of dnsd's own is logged, however often it happens."""
MOST_ARGUMENTS = 8

Arguments = Mapping[str, str]
Maker = Callable[[Arguments], Awaitable[Page | PageStream]]
Pages = Mapping[str, Maker]


class WebServer:
    """Serves ``pages`` (by path) on ``endpoints``; ``peers`` are the other nodes of the site.

    ``push`` takes what is put; without it nothing is.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        pages: Pages,
        peers: Iterable[Endpoint] = (),
        push: Push | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._pages = pages
        self._push = push
        self._room = Room(source_of(peer.address) for peer in peers)
        self._faults = _Faults()
        self.addresses: list[tuple[str, int]] = []
        """Where it listens, by now."""

    async def run(self) -> None:
        """Serve for ever; an address that cannot be had is waited for."""
        async with asyncio.TaskGroup() as group:
            for endpoint in self._endpoints:
                group.create_task(self._serve(endpoint, group))

    async def _serve(self, endpoint: Endpoint, group: asyncio.TaskGroup) -> None:
        told = ""
        while True:
            try:
                listener = _listener(endpoint)
            except OSError as error:
                if str(error) != told:
                    told = str(error)
                    why = f"http: cannot listen on {endpoint}: {error.strerror}; trying again"
                    log.say("http-fault", why, address=str(endpoint))
                await asyncio.sleep(RETRY_S)
                continue
            with listener:
                host, port = listener.getsockname()[:2]
                self.addresses.append((host, port))
                while True:
                    await self._accept(listener, group)

    async def _accept(self, listener: socket.socket, group: asyncio.TaskGroup) -> None:
        """Take one connection and see to it in a task of its own."""
        try:
            sock, address = await asyncio.get_running_loop().sock_accept(listener)
        except OSError as error:
            # Else the client was gone before it was accepted.
            if error.errno in descriptors.WANT:
                await asyncio.sleep(REST_S)
            return
        task = group.create_task(self._receive(sock, source_of(address[0])))
        task.add_done_callback(lambda _: sock.close())
        await asyncio.sleep(0)  # sock_accept() itself does not wait while connections are pending

    async def _receive(self, sock: socket.socket, source: str) -> None:
        task = asyncio.current_task()
        assert task
        guest = Guest(source, task.cancel)
        try:
            await self._converse(Talk(sock), guest)
        except (OSError, TimeoutError):
            pass  # the client is gone, or too slow
        except asyncio.CancelledError:
            if guest in self._room:
                raise  # not to make way for another one: the server ends
        finally:
            self._room.exit(guest)

    async def _converse(self, talk: Talk, guest: Guest) -> None:
        """Take the request, and answer it.

        A request that came with the connection never waits for more octets: however many others
        wait, it can't be taken for one of them.
        """
        request = talk.request_now()
        guest.busy = request is not Pending.MORE
        if not self._room.enter(guest):
            return
        if request is Pending.MORE:
            async with asyncio.timeout(HEAD_S):
                request = await talk.request()
            guest.busy = True
        if request is None:
            return
        page: Page | PageStream
        if isinstance(request, Page):
            page, with_body = request, True
        elif request.method == "PUT" and self._push is not None:
            page, with_body = await self._put(talk, request), True
        else:
            page, with_body = await self._page(request), request.method != "HEAD"
            if isinstance(page, PageStream) and not with_body:
                page = Page(page.content_type, b"")
        guest.busy = False
        if isinstance(page, PageStream):
            await _flow(talk, page)
            return
        async with asyncio.timeout(SEND_S):
            await talk.answer(page, with_body=with_body)

    async def _put(self, talk: Talk, request: WebRequest) -> Page:
        """Return the answer to a request that pushes something."""
        assert self._push is not None
        if refusal := self._push.refusal(request.authorization):
            return refusal
        path = request.target.partition("?")[0]
        if not path.startswith(PREFIX):
            return sentence(HTTPStatus.METHOD_NOT_ALLOWED, f"PUT is for {PREFIX}… only")
        async with asyncio.timeout(HEAD_S):
            body = await talk.body(LONGEST_BODY)
        return body if isinstance(body, Page) else self._push.put(path, body)

    async def _page(self, request: WebRequest) -> Page | PageStream:
        """Return the answer to a request."""
        if request.method not in ("GET", "HEAD"):
            return sentence(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are served here")
        try:
            url = urlsplit(request.target)
        except ValueError as error:
            return sentence(HTTPStatus.BAD_REQUEST, f"this is not a valid path: {error}")
        try:
            arguments = dict(parse_qsl(url.query, max_num_fields=MOST_ARGUMENTS))
        except ValueError:
            return sentence(HTTPStatus.BAD_REQUEST, "there are too many arguments")
        maker = self._pages.get(url.path)
        if maker is None:
            listed = ", ".join(self._pages)
            return sentence(HTTPStatus.NOT_FOUND, f"no such page; try {listed}")
        return await self._made(url.path, maker, arguments)

    async def _made(self, path: str, maker: Maker, arguments: Arguments) -> Page | PageStream:
        try:
            async with asyncio.timeout(PAGE_S):
                return await maker(arguments)
        except AdminError as error:
            return sentence(HTTPStatus.BAD_REQUEST, str(error))
        except TimeoutError:
            return sentence(HTTPStatus.SERVICE_UNAVAILABLE, "it takes too long: ask again")
        except Exception as error:
            self._faults.tell(path, error)
            text = f"dnsd failed: {type(error).__name__}: {error}"
            return sentence(HTTPStatus.INTERNAL_SERVER_ERROR, text)


async def _flow(talk: Talk, stream: PageStream) -> None:
    """Send the pieces of ``stream`` as they come; a client that does not read them is sent away."""
    async with asyncio.timeout(SEND_S):
        await talk.begin(stream)
    async for octets in stream.pieces:
        async with asyncio.timeout(SEND_S):
            await talk.piece(octets)


class _Faults:
    """Tells faults of dnsd's own: the first at once, and of all that follow one now and then."""

    def __init__(self) -> None:
        self._next = 0.0
        self._untold = 0

    def tell(self, path: str, error: Exception) -> None:
        now = time.monotonic()
        if now < self._next:
            self._untold += 1
            return
        more = f" ({self._untold} others since the last line like this)" if self._untold else ""
        told = f"http: {path} failed: {type(error).__name__}: {error}{more}"
        log.say("internal-error", told, cause=error)
        self._next, self._untold = now + TELL_S, 0


def _listener(endpoint: Endpoint) -> socket.socket:
    sock = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if endpoint.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # The kernel keeps connections to itself that have sent nothing yet. If these fill its
        # queue, SYN cookies (net.ipv4.tcp_syncookies, on by default) let others in all the same.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, math.ceil(HEAD_S))
        sock.bind((endpoint.address, endpoint.port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
