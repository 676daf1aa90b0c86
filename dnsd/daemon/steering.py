"""Commands to the master itself, by a socket in the abstract namespace, beside control's.

It needs no disk, and control may end while it is used. A request is one line of JSON, {"command":
"restart"} or {"command": "check"}; the response comes once the result is known: {"ok": true} or
{"ok": false, "error": "a sentence"}. The master never waits for a client.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from dnsd.process.masterway import steering_name
from dnsd.process.socketfile import is_friend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_OCTETS = 1024
"""Octets of a request, at most."""
MOST_CLIENTS = 8
"""Clients that may wait at the same time; others are closed."""

COMMANDS = ("restart", "check")


def bind_steering(path: Path) -> socket.socket | None:
    """Return the listening socket; None if another process has its name."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(steering_name(path))
        sock.listen()
    except OSError:
        sock.close()
        return None
    return sock


class Steering:
    """Takes requests at the listening ``sock``; ``begin`` is called with the command.

    It returns why the command cannot begin; empty if it has begun: then :meth:`tell` reports the
    result.
    """

    def __init__(self, sock: socket.socket, begin: Callable[[str], str]) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._begin = begin
        self._clients: list[socket.socket] = []
        self._served: socket.socket | None = None

    def turn(self) -> None:
        """Take requests."""
        with suppress(OSError):
            while True:
                client, _ = self.sock.accept()
                client.setblocking(False)
                if len(self._clients) < MOST_CLIENTS and is_friend(client):
                    self._clients.append(client)
                else:
                    client.close()
        for client in self._clients.copy():
            try:
                request = client.recv(MOST_OCTETS)
            except BlockingIOError:
                continue
            except OSError:
                request = b""
            self._clients.remove(client)
            self._take(client, request)

    def _take(self, client: socket.socket, request: bytes) -> None:
        try:
            command = msgspec.json.decode(request, type=dict[str, str]).get("command", "")
        except msgspec.DecodeError:
            command = ""
        if command not in COMMANDS:
            why = f"there is no such command; the commands are {', '.join(COMMANDS)}"
        else:
            why = self._begin(command)
        if why:
            _answer(client, why)
        else:
            self._served = client

    def tell(self, why: str) -> None:
        """Answer the waiting client; ``why`` says what failed, empty if nothing did."""
        if self._served is not None:
            _answer(self._served, why)
            self._served = None


def _answer(client: socket.socket, why: str) -> None:
    line = msgspec.json.encode({"ok": not why, "error": why}) + b"\n"
    with client, suppress(OSError):  # it is gone
        client.send(line)
