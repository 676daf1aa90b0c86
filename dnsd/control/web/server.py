"""A small HTTP server: GET only, few connections at once, each for a few seconds.

The protocol is the standard library's, in threads; pages are made in control's event loop. Knows
nothing of what is in a page.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from dnsd.control import log
from dnsd.errors import AdminError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnsd.config import Endpoint

MOST_CONNECTIONS = 16
"""At once; each one is a thread. Who comes when all are taken is closed at once."""
CONNECTION_S = 10.0
"""How long a connection may take in all, for question and answer."""
PAGE_S = 8.0
"""How long a page may take to be made."""
RETRY_S = 5.0
"""Pause before an address that cannot be had is tried again."""
MOST_ARGUMENTS = 8


class Page(NamedTuple):
    """What is sent."""

    content_type: str
    body: bytes
    status: HTTPStatus = HTTPStatus.OK


Arguments = Mapping[str, str]
Maker = Callable[[Arguments], Awaitable[Page]]
Pages = Mapping[str, Maker]


class WebServer:
    """Serves ``pages`` (by path) on ``endpoints``, from the event loop that :meth:`run` is in."""

    def __init__(self, endpoints: Sequence[Endpoint], pages: Pages) -> None:
        self._endpoints = endpoints
        self._pages = pages
        self.addresses: list[tuple[str, int]] = []
        """Where it listens, by now."""

    async def run(self) -> None:
        """Serve for ever; an address that cannot be had is waited for."""
        async with asyncio.TaskGroup() as group:
            for endpoint in self._endpoints:
                group.create_task(self._serve(endpoint))

    async def _serve(self, endpoint: Endpoint) -> None:
        told = ""
        while True:
            try:
                server = _Listener(endpoint, self._pages, asyncio.get_running_loop())
            except OSError as error:
                if str(error) != told:
                    told = str(error)
                    log.say(f"http: cannot listen on {endpoint}: {error.strerror}; trying on")
                await asyncio.sleep(RETRY_S)
                continue
            self.addresses.append(server.where)
            thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
            thread.start()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.to_thread(server.shutdown)
                server.server_close()


class _Listener(HTTPServer):
    """One address."""

    request_queue_size = MOST_CONNECTIONS

    def __init__(self, endpoint: Endpoint, pages: Pages, loop: asyncio.AbstractEventLoop) -> None:
        self.address_family = endpoint.family
        self.pages, self.loop = pages, loop
        self._room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__((endpoint.address, endpoint.port), _Handler)

    def server_bind(self) -> None:
        """Bind, without asking the DNS for a name as HTTPServer does."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        host, port = self.server_address[:2]
        self.where = str(host), port
        self.server_name, self.server_port = "dnsd", port

    def process_request(self, request: object, client_address: object) -> None:
        """Serve a connection in a thread of its own, if there is room."""
        assert isinstance(request, socket.socket)
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        threading.Thread(
            target=self._process, args=(request, client_address), name="http", daemon=True
        ).start()

    def _process(self, request: socket.socket, client_address: object) -> None:
        end = threading.Timer(CONNECTION_S, _cut, (request,))
        end.daemon = True
        end.start()
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # the client is gone, or too slow
        except Exception:
            log.write(traceback.format_exc().rstrip())
        finally:
            end.cancel()
            self.shutdown_request(request)
            self._room.release()


def _cut(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended by itself


class _Handler(BaseHTTPRequestHandler):
    """One request; HTTP/1.0, so that a connection ends with it."""

    server: _Listener
    server_version = "dnsd"
    sys_version = ""
    timeout = CONNECTION_S

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        maker = self.server.pages.get(url.path)
        if maker is None:
            listed = ", ".join(self.server.pages)
            self._send(_sentence(HTTPStatus.NOT_FOUND, f"there is nothing here; try {listed}"))
            return
        try:
            arguments = dict(parse_qsl(url.query, max_num_fields=MOST_ARGUMENTS))
        except ValueError:
            self._send(_sentence(HTTPStatus.BAD_REQUEST, "there are too many arguments"))
            return
        self._send(self._made(maker, arguments))

    def _made(self, maker: Maker, arguments: Arguments) -> Page:
        async def make() -> Page:
            async with asyncio.timeout(PAGE_S):
                return await maker(arguments)

        try:
            return asyncio.run_coroutine_threadsafe(make(), self.server.loop).result(CONNECTION_S)
        except AdminError as error:
            return _sentence(HTTPStatus.BAD_REQUEST, str(error))
        except TimeoutError:
            return _sentence(HTTPStatus.SERVICE_UNAVAILABLE, "it takes too long: ask again")
        except Exception as error:
            log.write(traceback.format_exc().rstrip())
            sentence = f"dnsd failed: {type(error).__name__}: {error}"
            return _sentence(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)

    def _refuse(self) -> None:
        self._send(_sentence(HTTPStatus.METHOD_NOT_ALLOWED, "only GET is served here"))

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse  # noqa: N815

    def _send(self, page: Page) -> None:
        self.send_response(page.status)
        if page.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET")
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: who asks is no event."""


def _sentence(status: HTTPStatus, text: str) -> Page:
    return Page("text/plain; charset=utf-8", f"{text}\n".encode(), status)
