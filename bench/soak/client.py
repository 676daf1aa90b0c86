"""The client of a soak: asks at a steady rate over UDP and TCP, and notes each missing answer."""

from __future__ import annotations

import contextlib
import itertools
import selectors
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Self

from bench.soak import questions

SOCKETS = 16
"""UDP sockets: enough that each worker gets some of the queries."""
LATE_S = 1.0
"""An answer that takes longer is lost."""
TCP_EVERY_S = 0.5
TCP_S = 3.0
SOURCE = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Miss:
    """A query without the right answer: when it was asked (monotonic, s) and what came."""

    when: float
    transport: str
    wrong: bool


@dataclass(slots=True)
class Client:
    """Asks until it is told to stop; use as a context manager."""

    port: int
    rate: float
    sent: dict[str, int] = field(default_factory=lambda: {"udp": 0, "tcp": 0})
    misses: list[Miss] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=each) for each in (self._udp, self._tcp)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _udp(self) -> None:
        with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
            sockets = [
                stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                for _ in range(SOCKETS)
            ]
            for sock in sockets:
                sock.bind((SOURCE, 0))
                sock.connect(("127.0.0.1", self.port))
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ)
            self._ask(sockets, selector)

    def _ask(self, sockets: list[socket.socket], selector: selectors.BaseSelector) -> None:
        asked: dict[int, float] = {}
        order: deque[int] = deque()
        numbers = itertools.cycle(range(65536))
        due = time.monotonic()
        while not self._ending.is_set() or asked:
            now = time.monotonic()
            while due <= now and not self._ending.is_set():
                due += 1 / self.rate
                number = next(numbers)
                asked[number] = now
                order.append(number)
                self.sent["udp"] += 1
                # A refusal is a lost query: the answer is missing, which is noted below.
                with contextlib.suppress(OSError):
                    sockets[number % SOCKETS].send(questions.host(number))
            for key, _ in selector.select(max(0.0, min(due, now + 0.05) - now)):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                self._take(sock, asked)
            self._expire(asked, order)

    def _take(self, sock: socket.socket, asked: dict[int, float]) -> None:
        with contextlib.suppress(OSError):
            while True:
                response = sock.recv(4096)
                number = int.from_bytes(response[:2], "big")
                if (when := asked.pop(number, None)) is not None and not questions.is_right(
                    response, number
                ):
                    self.misses.append(Miss(when, "udp", wrong=True))

    def _expire(self, asked: dict[int, float], order: deque[int]) -> None:
        late = time.monotonic() - LATE_S
        while order and asked.get(order[0], 0.0) < late:
            when = asked.pop(order.popleft(), None)
            if when is not None:
                self.misses.append(Miss(when, "udp", wrong=False))

    def _tcp(self) -> None:
        for number in itertools.cycle(range(65536)):
            if self._ending.wait(TCP_EVERY_S):
                return
            when = time.monotonic()
            self.sent["tcp"] += 1
            try:
                response = self._over_tcp(number)
            except OSError:
                response = b""
            if not questions.is_right(response, number):
                self.misses.append(Miss(when, "tcp", wrong=bool(response)))

    def _over_tcp(self, number: int) -> bytes:
        message = questions.host(number)
        address = ("127.0.0.1", self.port)
        with socket.create_connection(address, TCP_S, (SOURCE, 0)) as sock:
            sock.sendall(len(message).to_bytes(2, "big") + message)
            with sock.makefile("rb") as stream:
                return stream.read(int.from_bytes(stream.read(2), "big"))
