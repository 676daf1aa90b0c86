"""What is no ordinary question goes to the transfer process, from both twins alike."""

from __future__ import annotations

import os
import select
import socket
from typing import TYPE_CHECKING

import pytest

from dnsd import hotpath
from dnsd.hotpath.api import HAND_OVER, Client, Settings, Transport
from dnsd.image.state import StateVector
from dnsd.metrics import counters
from dnsd.process.packets import Packets, pair
from dnsd.serve import sockets
from dnsd.serve.handover import PER_SECOND, HandOver
from dnsd.serve.quota import Quota
from dnsd.serve.sockets import ListenAddress
from dnsd.serve.spec import TcpLimits
from dnsd.serve.tcp import TcpServer
from dnsd.wire import handed
from tests.packets import query as question
from tests.packets import tsig
from tests.serving import udp_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.serve.udp import UdpSocket

NAME = "example.com."
SOA, AXFR, IXFR = 6, 252, 251
PATIENCE = 20.0


def packet(rtype: int = SOA, *additional: bytes, opcode: int = 0) -> bytes:
    asked = question(NAME, rtype, *additional)
    return asked[:2] + bytes((asked[2] | opcode << 3,)) + asked[3:]


FOR_TRANSFERS = {
    "AXFR": packet(AXFR),
    "IXFR": packet(IXFR),
    "NOTIFY": packet(opcode=4),
    "UPDATE": packet(opcode=5),
    "signed": packet(SOA, tsig()),
    "signed NOTIFY": packet(SOA, tsig(), opcode=4),
}
ORDINARY = {"SOA": packet(), "another opcode": packet(opcode=2), "malformed": packet()[:-3]}


class WorkerSide:
    """A worker's sockets with the other end of its way to the transfer process."""

    def __init__(self, address: str, clock: list[float]) -> None:
        mine, theirs = (Packets(end.detach()) for end in pair())
        self.process = theirs
        self.cells = counters.fresh()
        self.hotpath = hotpath.make(Settings(hands_over=True), self.cells)
        self.udp: UdpSocket = udp_at(ListenAddress(address, 0), 1 << 16, self.hotpath, self.cells)
        listener = sockets.open_tcp(ListenAddress(address, 0), 128 << 10)
        self.port, self.tcp_port = (each.getsockname()[1] for each in (self.udp.sock, listener))
        self.state = StateVector.create(1)
        limits = TcpLimits()
        self.tcp = TcpServer(
            self.hotpath, self.cells, Quota(self.state, 0, limits), limits, idle=10.0
        )
        self.tcp.listen(listener)
        self.over = HandOver(mine, self.hotpath, self.cells, [self.udp.sock], lambda: clock[0])
        self.udp.hand_over_to(self.over)
        self.tcp.transfers = self.over
        self._packets = mine

    def heard(self) -> tuple[handed.FromWorker, int | None]:
        found = None
        while found is None:
            self.udp.on_readable()
            self.tcp.on_readable()
            found = self.process.receive()
        return handed.from_worker(found[0]), found[1]

    def counted(self, name: str) -> int:
        return int(self.cells[counters.INDEX[name]])

    def close(self) -> None:
        self.udp.close()
        self.tcp.close()
        self._packets.close()
        self.process.close()


@pytest.fixture(params=["python", "native"], autouse=True)
def twin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(hotpath.VARIABLE, request.param)


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::1", "::"])
def side(request: pytest.FixtureRequest) -> Iterator[WorkerSide]:
    clock = [sockets.since_boot()]
    made = WorkerSide(request.param, clock)
    yield made
    made.close()


def client_of(side: WorkerSide, kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(side.udp.sock.family, kind)
    sock.settimeout(PATIENCE)
    host = "::1" if side.udp.sock.family == socket.AF_INET6 else "127.0.0.1"
    sock.connect((host, side.port if kind == socket.SOCK_DGRAM else side.tcp_port))
    return sock


@pytest.mark.parametrize("kind", FOR_TRANSFERS)
def test_both_twins_know_what_is_for_transfers(kind: str) -> None:
    for hands_over in (True, False):
        path = hotpath.make(Settings(hands_over=hands_over), counters.fresh())
        for transport in Transport:
            answer = path.answer(FOR_TRANSFERS[kind], 0.0, Client(transport, "192.0.2.1"))
            assert (answer == HAND_OVER) == hands_over


@pytest.mark.parametrize("kind", ORDINARY)
def test_all_else_is_answered_as_ever(kind: str) -> None:
    answers = {
        hotpath.make(Settings(hands_over=hands_over), counters.fresh()).answer(
            ORDINARY[kind], 0.0, Client(Transport.UDP, "192.0.2.1")
        )
        for hands_over in (True, False)
    }
    assert len(answers) == 1
    assert answers != {HAND_OVER}


def test_a_datagram_is_handed_over_and_its_answer_leaves_from_where_it_was_asked(
    side: WorkerSide,
) -> None:
    with client_of(side, socket.SOCK_DGRAM) as client:
        client.send(FOR_TRANSFERS["NOTIFY"])
        word, fd = side.heard()
        assert isinstance(word, handed.HandedDatagram)
        assert (word.packet, fd) == (FOR_TRANSFERS["NOTIFY"], None)
        assert word.source[:2] == client.getsockname()[:2]
        answer = packet()[:2] + b"\x80\x05" + packet()[4:]
        reply = handed.WorkerReply(answer, word.place, word.source, word.origin, word.at)
        side.process.send(handed.encode(reply))
        side.over.on_readable()
        assert client.recv(999) == answer  # connected: only from the address that was asked
        assert side.counted("handed_over") == side.counted("rcode_5") == 1


def test_an_answer_that_is_late_is_not_sent(side: WorkerSide) -> None:
    with client_of(side, socket.SOCK_DGRAM) as client:
        client.send(FOR_TRANSFERS["AXFR"])
        word, _ = side.heard()
        assert isinstance(word, handed.HandedDatagram)
        reply = handed.WorkerReply(packet(), word.place, word.source, word.origin, word.at - 2)
        side.process.send(handed.encode(reply))
        side.over.on_readable()
        assert side.counted("drop_send_late") == 1
        assert not select.select([client], [], [], 0)[0]


def test_a_connection_goes_over_with_all_that_was_read(side: WorkerSide) -> None:
    framed = b"".join(
        len(one).to_bytes(2, "big") + one for one in (packet(), FOR_TRANSFERS["AXFR"], packet())
    )
    with client_of(side, socket.SOCK_STREAM) as client:
        client.sendall(framed + b"\x00")
        word, fd = side.heard()
        assert isinstance(word, handed.HandedStream)
        assert fd is not None
        first = len(packet()) + 2
        assert word.received == framed[first:] + b"\x00"
        assert len(side.tcp) == side.state.worker(0)[4] == 0
        length = int.from_bytes(client.recv(2, socket.MSG_WAITALL), "big")
        assert client.recv(length, socket.MSG_WAITALL)[:2] == packet()[:2]
        os.write(fd, b"still open")
        assert client.recv(99) == b"still open"
        os.close(fd)


def test_what_is_too_much_is_dropped() -> None:
    """More than a second's worth at once, and all that a full way has no room for."""
    clock = [0.0]
    side = WorkerSide("127.0.0.1", clock)
    with client_of(side, socket.SOCK_DGRAM) as client:
        source = client.getsockname()
        sent = 0
        for _ in range(PER_SECOND + 10):
            side.over.datagram(side.udp.sock.fileno(), b"x" * 20, source, None)
            sent += side.process.receive() is not None
        assert sent == PER_SECOND
        assert side.counted("handed_over_dropped") == 10
        clock[0] = 1000.0
        for _ in range(PER_SECOND):
            side.over.datagram(side.udp.sock.fileno(), b"x" * 9000, source, None)
        assert side.counted("handed_over_dropped") > 10
    side.close()


def test_a_worker_answers_what_transfers_ask(side: WorkerSide) -> None:
    asked = handed.WorkerQuestion(7, packet(), 1, "192.0.2.1")
    for number, message in enumerate((handed.encode(asked), b"nonsense", handed.encode(asked))):
        side.process.send(message)
        side.over.on_readable()
        found = side.process.receive()
        assert (found is None) == (number == 1)
        if found is not None:
            answer = handed.from_worker(found[0])
            assert isinstance(answer, handed.WorkerAnswer)
            assert (answer.number, (answer.response or b"")[:2]) == (7, packet()[:2])
