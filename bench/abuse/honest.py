"""An honest client: asks at a steady rate over UDP and TCP, and counts what it is answered."""

from __future__ import annotations

import contextlib
import itertools
import select
import threading
import time
from typing import TYPE_CHECKING, Self

from bench import wire
from bench.abuse.ground import HONEST, TIMEOUT_S
from bench.abuse.servers import ADDRESS
from bench.abuse.zones import HOSTS, PLAIN

if TYPE_CHECKING:
    import socket

    from bench.abuse.ground import Ground

UDP_PAUSE_S = 0.01
TCP_PAUSE_S = 0.2


class Client:
    """Asks while the context lasts; an answer that takes more than a second is lost."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._ending = threading.Event()
        self.udp = [0, 0]
        """Queries asked, and answered rightly."""
        self.tcp = [0, 0]
        self._threads = [threading.Thread(target=each) for each in (self._over_udp, self._over_tcp)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _over_udp(self) -> None:
        waiting: dict[int, float] = {}
        with self._ground.udp(HONEST) as sock:
            for number in itertools.count():
                ending = self._ending.is_set()
                if ending and not waiting:
                    return
                if not ending:
                    ident = number & 0xFFFF
                    waiting[ident] = time.monotonic()
                    self.udp[0] += 1
                    with contextlib.suppress(OSError):
                        sock.send(_query(ident))
                self._receive(sock, waiting)

    def _receive(self, sock: socket.socket, waiting: dict[int, float]) -> None:
        until = time.monotonic() + UDP_PAUSE_S
        while (left := until - time.monotonic()) > 0:
            if not select.select([sock], [], [], left)[0]:
                break
            try:
                response = sock.recv(4096)
            except OSError:
                continue
            right = response[3] & 0xF == 0 and response[7] == 1
            if waiting.pop(int.from_bytes(response[:2]), None) is not None and right:
                self.udp[1] += 1
        late = time.monotonic() - TIMEOUT_S
        for ident in [ident for ident, asked in waiting.items() if asked < late]:
            del waiting[ident]

    def _over_tcp(self) -> None:
        for number in itertools.count():
            if self._ending.wait(TCP_PAUSE_S):
                return
            self.tcp[0] += 1
            query = _query(number & 0xFFFF)
            try:
                with self._ground.tcp(HONEST) as sock:
                    sock.connect((ADDRESS, 53))
                    sock.sendall(len(query).to_bytes(2) + query)
                    response = sock.recv(4096)
            except OSError:
                continue
            self.tcp[1] += len(response) > 14 and response[5] & 0xF == 0


def _query(ident: int) -> bytes:
    """Return the query for one of the hosts, chosen by the ID."""
    return wire.message(f"w{ident % HOSTS}.{PLAIN}", "A", ident, edns=True)
