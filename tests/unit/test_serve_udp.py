"""UDP over real sockets: who is answered from where, and what is counted when it is not."""

from __future__ import annotations

import select
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from dnsd.hotpath.api import Client, Transport
from dnsd.metrics import counters
from dnsd.serve import sockets
from dnsd.serve.sockets import ListenAddress
from dnsd.serve.udp import UdpSocket, WildcardUdpSocket
from dnsd.wire import delivery
from tests.serving import PATIENCE, Echo, query, udp_at

if TYPE_CHECKING:
    from collections.abc import Iterator


SO_MEMINFO = 55

MANY = 64
"""More than one look into the socket brings."""


class UdpHarness:
    """A UDP socket of a worker's, turned by the test."""

    def __init__(
        self,
        address: str = "127.0.0.1",
        hotpath: Echo | None = None,
        receive_buffer: int = 1 << 20,
    ) -> None:
        self.hotpath = hotpath or Echo()
        self.cells = counters.fresh()
        self.side = udp_at(ListenAddress(address, 0), receive_buffer, self.hotpath, self.cells)
        self.port = self.side.sock.getsockname()[1]

    def counted(self) -> dict[str, int]:
        return {name: n for name, n in counters.total([self.cells]).items() if n}

    def dropped(self) -> int:
        return int(self.cells[counters.INDEX["drop_receive_queue"]])

    def queued(self) -> int:
        """Octets of memory that the receive queue takes (SK_MEMINFO_RMEM_ALLOC)."""
        octets = self.side.sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 4)
        return int.from_bytes(octets, sys.byteorder)

    def until(self, answered: int) -> None:
        """Turn the socket until the hot path has been asked so often."""
        while len(self.hotpath.asked) < answered:
            assert select.select([self.side.sock], [], [], PATIENCE)[0]
            self.side.on_readable()


@pytest.fixture
def harness() -> Iterator[UdpHarness]:
    harness = UdpHarness()
    yield harness
    harness.side.close()


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        yield client


def test_udp_answers_and_tells_the_hot_path_who_asks(
    harness: UdpHarness, client: socket.socket
) -> None:
    client.bind(("127.0.0.9", 0))
    client.connect(("127.0.0.1", harness.port))
    client.send(query(1))
    harness.until(1)
    assert client.recv(100) == query(1)[::-1]
    assert harness.hotpath.asked == [
        (query(1), Client(Transport.UDP, "127.0.0.9", client.getsockname()[1]))
    ]
    assert harness.counted() == {}


@pytest.mark.parametrize("packet", [b"", b"\x00", b"x" * 65507])
def test_udp_takes_datagrams_of_every_size(
    harness: UdpHarness, client: socket.socket, packet: bytes
) -> None:
    harness.hotpath.silent = frozenset([packet])
    client.sendto(packet, ("127.0.0.1", harness.port))
    harness.until(1)
    assert harness.hotpath.asked[0][0] == packet


def test_udp_what_the_hot_path_leaves_unanswered_is(client: socket.socket) -> None:
    harness = UdpHarness(hotpath=Echo(silent=[query(1)]))
    client.connect(("127.0.0.1", harness.port))
    client.send(query(1))
    client.send(query(2))
    harness.until(2)
    assert client.recv(100) == query(2)[::-1]
    assert harness.counted() == {}
    harness.side.close()


def test_udp_close_answers_what_is_waiting(client: socket.socket) -> None:
    harness = UdpHarness()
    client.connect(("127.0.0.1", harness.port))
    client.send(query(0))
    assert select.select([harness.side.sock], [], [], PATIENCE)[0]
    one = harness.queued()
    for number in range(1, 3 * MANY):
        client.send(query(number))
    while harness.queued() < one * 3 * MANY:
        time.sleep(0)
    harness.side.close()
    assert [client.recv(100) for _ in range(3 * MANY)] == [
        query(number)[::-1] for number in range(3 * MANY)
    ]


# -- wildcard addresses ---------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "127.0.0.3"])
def test_udp_wildcard_answers_from_the_address_asked(client: socket.socket, address: str) -> None:
    harness = UdpHarness("0.0.0.0")
    # Not connected, and from another address: the kernel would take this one's by itself.
    client.bind(("127.0.0.9", 0))
    client.sendto(query(1), (address, harness.port))
    harness.until(1)
    assert client.recvfrom(100) == (query(1)[::-1], (address, harness.port))
    assert harness.hotpath.asked[0][1] == (
        Client(Transport.UDP, "127.0.0.9", client.getsockname()[1])
    )
    harness.side.close()


class Recorder(socket.socket):
    """A socket that keeps the ancillary data of what it sends."""

    def sendmsg(self, *args: Any) -> int:
        self.ancillary = args[1]
        return super().sendmsg(*args)


def test_udp_wildcard_answers_from_the_ipv6_address_asked() -> None:
    with (
        sockets.open_udp(ListenAddress("::", 0), 65536) as opened,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client,
    ):
        recorder = Recorder(fileno=opened.detach())
        side = WildcardUdpSocket(recorder, Echo(), counters.fresh())
        client.settimeout(PATIENCE)
        port = recorder.getsockname()[1]
        client.sendto(query(1), ("::1", port))
        assert select.select([recorder], [], [], PATIENCE)[0]
        side.on_readable()
        assert client.recvfrom(100)[1][:2] == ("::1", port)
        loopback = socket.inet_pton(socket.AF_INET6, "::1")
        no_interface = bytes(4)
        assert recorder.ancillary == [
            (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, loopback + no_interface)
        ]
        side.close()


def test_udp_wildcard_remembers_a_bounded_number_of_addresses(client: socket.socket) -> None:
    harness = UdpHarness("0.0.0.0")
    for number in range(300):
        address = f"127.0.{1 + number // 200}.{1 + number % 200}"
        client.sendto(query(number), (address, harness.port))
        harness.until(number + 1)
        assert client.recvfrom(100)[1][0] == address
    assert isinstance(harness.side, WildcardUdpSocket)
    assert len(harness.side._origins) <= 256
    harness.side.close()


# -- what cannot be sent --------------------------------------------------------------------


class Failing(socket.socket):
    """A socket that cannot send ``failures`` times."""

    failures: list[OSError]

    def sendto(self, *args: Any) -> int:
        self._fail()
        return super().sendto(*args)

    def sendmsg(self, *args: Any) -> int:
        self._fail()
        return super().sendmsg(*args)

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop()


@pytest.mark.parametrize("kind", [UdpSocket, WildcardUdpSocket])
@pytest.mark.parametrize(
    ("failure", "counter"),
    [
        (BlockingIOError(11, "would block"), "drop_send_blocked"),
        (PermissionError(1, "forbidden by the firewall"), "drop_send_forbidden"),
        (OSError(101, "no route"), "drop_send_no_route"),
        (OSError(113, "no neighbour"), "drop_send_no_route"),
        (OSError(105, "no buffer space"), "drop_send_error"),
    ],
)
def test_udp_response_that_cannot_be_sent_is_counted_and_dropped(
    client: socket.socket, kind: type[UdpSocket], failure: OSError, counter: str
) -> None:
    address = "0.0.0.0" if kind is WildcardUdpSocket else "127.0.0.1"
    sock = Failing(fileno=sockets.open_udp(ListenAddress(address, 0), 65536).detach())
    sock.failures = [failure]
    hotpath, cells = Echo(), counters.fresh()
    side = kind(sock, hotpath, cells)
    client.connect(("127.0.0.1", sock.getsockname()[1]))
    client.send(query(1))
    client.send(query(2))
    while len(hotpath.asked) < 2:
        assert select.select([sock], [], [], PATIENCE)[0]
        side.on_readable()
    assert client.recv(100) == query(2)[::-1]
    assert {name: n for name, n in counters.total([cells]).items() if n} == {counter: 1}
    side.close()


def test_udp_port_zero_cannot_be_answered(harness: UdpHarness) -> None:
    """A forged source port of 0 makes the kernel refuse the response."""

    class FromPortZero(socket.socket):
        def recvfrom(self, *args: Any) -> Any:
            packet, (address, _) = super().recvfrom(*args)
            return packet, (address, 0)

    sock = FromPortZero(fileno=socket.dup(harness.side.sock.fileno()))
    cells = counters.fresh()
    side = UdpSocket(sock, harness.hotpath, cells)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(query(1), ("127.0.0.1", harness.port))
        assert select.select([sock], [], [], PATIENCE)[0]
        side.on_readable()
    assert cells[counters.INDEX["drop_send_error"]] == 1
    side.close()


def test_udp_drops_of_the_kernel_are_counted(client: socket.socket) -> None:
    harness = UdpHarness(receive_buffer=2304)
    sent = 0
    for _ in range(2):
        for _ in range(200):
            client.sendto(query(1), ("127.0.0.1", harness.port))
        sent += 200
        harness.side.count_drops()
        while harness.dropped() + len(harness.hotpath.asked) < sent:
            harness.side.on_readable()
            harness.side.count_drops()
        assert harness.dropped() + len(harness.hotpath.asked) == sent
    harness.side.count_drops()
    assert harness.counted() == {"drop_receive_queue": sent - len(harness.hotpath.asked)}
    assert harness.dropped() > 0
    harness.side.close()


def test_udp_drops_are_counted_across_the_end_of_the_kernels_number(
    harness: UdpHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops = iter((0xFFFFFFFE, 3))
    monkeypatch.setattr(sockets, "receive_drops", lambda _: next(drops))
    side = UdpSocket(harness.side.sock, harness.hotpath, harness.cells)
    side.count_drops()
    assert harness.dropped() == 5
    monkeypatch.undo()


def test_what_was_composed_too_long_ago_is_not_sent(client: socket.socket) -> None:
    """As a worker finds it that was stopped between the two looks at the clock."""
    ticks = iter([0.0, delivery.SENT_WITHIN_S + 0.1, 10.0, 10.0, 10.0])
    cells = counters.fresh()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        side = UdpSocket(sock, Echo(), cells, turn=1e9, clock=lambda: next(ticks))
        client.connect(sock.getsockname())
        client.send(b"late")
        client.send(b"in time")
        sock.setblocking(False)
        assert not side.on_readable()
        assert client.recv(100) == b"in time"[::-1]
        assert int(cells[counters.INDEX["drop_send_late"]]) == 1
