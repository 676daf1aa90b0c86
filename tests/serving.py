"""What the tests of sockets share: a clock that jumps, hot paths that do little, clients."""

from __future__ import annotations

import select
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Self

from dnsd.image.state import StateVector
from dnsd.metrics import counters
from dnsd.serve import sockets, udp
from dnsd.serve.quota import Quota
from dnsd.serve.sockets import ListenAddress
from dnsd.serve.spec import TcpLimits
from dnsd.serve.tcp import TcpServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dnsd.hotpath.api import Client
    from dnsd.image.selection import Cells
    from dnsd.image.store import Image
    from dnsd.serve.udp import UdpSocket

PATIENCE = 30
"""Seconds after which a test gives up waiting for what must happen at once."""

NO_LIMITS = TcpLimits(connections=1000, per_source=1000)


class Clock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Echo:
    """A hot path that answers a packet with itself, upside down, and notes what it was asked.

    ``silent`` packets get no answer; ``size`` pads answers to so many octets.
    """

    def __init__(self, size: int = 0, silent: Iterable[bytes] = ()) -> None:
        self.size = size
        self.silent = frozenset(silent)
        self.asked: list[tuple[bytes, Client]] = []

    def answer(self, packet: bytes, now: float, client: Client) -> bytes | None:
        assert now > 0
        self.asked.append((packet, client))
        return None if packet in self.silent else self.response(packet)

    def response(self, packet: bytes) -> bytes:
        return packet[::-1].ljust(self.size, b"\x00")

    def put_zone(self, apex: bytes, image: Image | None, cells: Cells | None = None) -> None:
        raise AssertionError((apex, image, cells))

    def use_secrets(self, secrets: tuple[bytes, ...]) -> None:
        raise AssertionError(secrets)

    def expire_zone(self, apex: bytes) -> None:
        raise AssertionError(apex)

    def drop_zone(self, apex: bytes) -> None:
        raise AssertionError(apex)


def framed(*messages: bytes) -> bytes:
    """The messages as they go over TCP."""
    return b"".join(len(message).to_bytes(2, "big") + message for message in messages)


def unframed(octets: bytes) -> list[bytes]:
    """The messages in ``octets``, which must hold nothing else."""
    messages = []
    at = 0
    while at < len(octets):
        begin, at = at + 2, at + 2 + int.from_bytes(octets[at : at + 2], "big")
        assert at <= len(octets)
        messages.append(octets[begin:at])
    return messages


def query(number: int) -> bytes:
    """Octets that are long enough for a query, and all different."""
    return number.to_bytes(4, "big") * 4


def udp_at(place: ListenAddress, receive_buffer: int, *how: Any) -> UdpSocket:
    """A socket of a worker's at ``place``; ``how`` is the hot path, the counters, and so on."""
    return udp.serve(place, sockets.open_udp(place, receive_buffer), *how)


def free_port() -> int:
    """A port that nobody has, for UDP or TCP, at any address of this machine."""
    while True:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as tcp:
            tcp.bind(("::", 0))
            port = int(tcp.getsockname()[1])
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
                try:
                    udp.bind(("::", port))
                except OSError:
                    continue
                return port


MOST_OPEN = 4096
"""Descriptors that a test may have."""


class TcpHarness:
    """A TCP server, its clients and the time, all in the hands of one test.

    Nothing runs by itself: :meth:`until` turns the server until something has happened.
    """

    def __init__(
        self,
        hotpath: Echo | None = None,
        limits: TcpLimits = NO_LIMITS,
        *,
        state: StateVector | None = None,
        index: int = 0,
        address: str = "127.0.0.1",
    ) -> None:
        self.clock = Clock()
        self.hotpath = hotpath or Echo()
        self.limits = limits
        self.state = state or StateVector.create(1)
        self.cells = self.state.counters(index)
        self.server = TcpServer(
            self.hotpath,
            self.cells,
            Quota(self.state, index, limits),
            limits,
            idle=10.0,
            clock=self.clock,
        )
        self.listener = sockets.open_tcp(ListenAddress(address, 0), limits.unsent)
        self.address = self.listener.getsockname()
        self.server.listen(self.listener)
        self._clients: list[socket.socket] = []
        self._lent: list[socket.socket] = []
        """With descriptors that are the server's to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        for sock in self._lent:
            sock.detach()
        self.server.close()

    def count(self, name: str) -> int:
        """The counter called ``name``."""
        return int(self.cells[counters.INDEX[name]])

    def counted(self) -> dict[str, int]:
        """The counters of TCP that are not zero, except connections accepted."""
        return {
            name: self.count(name)
            for name in counters.NAMES
            if name.startswith("tcp_") and name != "tcp_accepted" and self.count(name)
        }

    def until(self, happened: Callable[[], object]) -> None:
        """Turn the server, as the event loop would, until ``happened``."""
        while not happened():
            ready, _, _ = select.select([self.server], [], [], PATIENCE)
            assert ready, "the server has nothing to do, and it has not happened"
            self.server.on_readable()

    def until_readable(self, client: socket.socket) -> None:
        """Turn the server until ``client`` has something to read."""
        ready: list[int] = []
        while client.fileno() not in ready:
            fds = (self.server.fileno(), client.fileno())
            ready, _, _ = select.select(fds, [], [], PATIENCE)
            assert ready, "neither the server nor its client has anything to do"
            if self.server.fileno() in ready:
                self.server.on_readable()

    def run_until_idle(self) -> None:
        """Turn the server as long as it has something to do."""
        while select.select([self.server], [], [], 0)[0]:
            self.server.on_readable()

    def pass_time(self, seconds: float) -> None:
        """Let ``seconds`` go by, and the server look at the clock."""
        self.clock.now += seconds
        self.server.sweep()

    def client(self, receive_buffer: int | None = None) -> socket.socket:
        """A client whose connection the server has accepted (or refused)."""
        client = socket.socket(self.listener.family)
        self._clients.append(client)
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(PATIENCE)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        before = self.count("tcp_accepted") + self.count("tcp_refused_source")
        client.connect(self.address)
        self.until(lambda: self.count("tcp_accepted") + self.count("tcp_refused_source") > before)
        return client

    def served(self, client: socket.socket) -> socket.socket | None:
        """The server's end of ``client``'s connection, if it is still open."""
        for fd in self.descriptors():
            sock = socket.socket(fileno=fd)
            self._lent.append(sock)
            if sock.getpeername() == client.getsockname():
                return sock
        return None

    def descriptors(self) -> list[int]:
        """Those of the server's connections, the brief ones included."""
        return [*self.server._connections, *filter(self.server._brief.has, range(MOST_OPEN))]

    def has(self, client: socket.socket) -> bool:
        """Whether the server keeps the connection of ``client``."""
        return self.served(client) is not None

    def deliver(self, client: socket.socket, octets: bytes) -> None:
        """Send ``octets``, which lie in the kernel of the server's side afterwards."""
        served = self.served(client)
        assert served
        expected = _octets_received(served) + len(octets)
        client.sendall(octets)
        while _octets_received(served) < expected:
            time.sleep(0)

    def send(self, client: socket.socket, octets: bytes) -> None:
        """Send all of ``octets``, turning the server when the client would have to wait."""
        client.setblocking(False)
        while octets:
            try:
                octets = octets[client.send(octets) :]
            except BlockingIOError:
                self.until(lambda: select.select([], [client], [], 0)[1])
        client.settimeout(PATIENCE)

    def receive(self, client: socket.socket, messages: int) -> list[bytes]:
        """Turn the server until ``client`` has been sent so many messages."""
        octets = bytearray()
        while _whole(octets) < messages:
            self.until_readable(client)
            chunk = client.recv(1 << 16)
            assert chunk, "the server has closed"
            octets += chunk
        return unframed(bytes(octets))

    def rest(self, client: socket.socket) -> bytes:
        """Turn the server until it closes, and return what it sent."""
        octets = bytearray()
        while True:
            self.until_readable(client)
            chunk = client.recv(1 << 16)
            if not chunk:
                return bytes(octets)
            octets += chunk

    def asks(self, client: socket.socket, number: int) -> None:
        """Have ``client`` ask, and see that it gets its answer."""
        client.sendall(framed(query(number)))
        assert self.receive(client, 1) == [self.hotpath.response(query(number))]


def _octets_received(sock: socket.socket) -> int:
    """tcpi_bytes_received of Linux's struct tcp_info."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136)
    return int.from_bytes(info[128:136], sys.byteorder)


def _whole(octets: bytes | bytearray) -> int:
    """The number of whole messages at the start of ``octets``."""
    number = at = 0
    while len(octets) >= at + 2:
        at += 2 + int.from_bytes(octets[at : at + 2], "big")
        number += len(octets) >= at
    return number
