"""Web servers on loopback addresses that do as a test says: live, die, hang, fall ill, flap."""

from __future__ import annotations

import socketserver
import threading
import time
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from tests.serving import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

HANG_S = 30.0
SLOW_S = 0.1


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        service = self.server.service
        service.asked += 1
        match service.does:
            case "hangs":
                service.over.wait(HANG_S)
                return
            case "is slow":
                time.sleep(SLOW_S)
        ill = service.does == "is ill" or (service.does == "flaps" and service.asked % 2)
        self.send_response(HTTPStatus.SERVICE_UNAVAILABLE if ill else HTTPStatus.OK)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 100

    def __init__(self, service: Service) -> None:
        self.service = service
        super().__init__((service.address, service.port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who asks may go before it is answered."""


class Service:
    """A web server at ``address``; ``asked`` counts the queries that it got."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port
        self.does = "lives"
        self.asked = 0
        self.over = threading.Event()
        self._server: _Server | None = None
        self.set("lives")

    def set(self, does: str) -> None:
        """Do this from now on: lives, dies, hangs, is slow, is ill, flaps."""
        self.does = does
        self.over.set()
        self.over = threading.Event()
        if does == "dies":
            self._close()
        elif self._server is None:
            self._server = _Server(self)
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            with suppress(OSError):
                server.server_close()


@contextmanager
def services(*addresses: str) -> Iterator[tuple[int, dict[str, Service]]]:
    """Web servers at ``addresses``, and the port they have in common."""
    port = free_port()
    found = {address: Service(address, port) for address in addresses}
    try:
        yield port, found
    finally:
        for service in found.values():
            service.set("dies")
