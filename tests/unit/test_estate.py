"""What a worker leaves to another one: its TCP connections, wherever they stand; its sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from dnsd.hotpath.api import Client
from dnsd.image import memory
from dnsd.image.state import Duty, StateVector, WorkerCells
from dnsd.process import lease, packets, reins
from dnsd.process.packets import Packets
from dnsd.serve.estate import Bequest, Reins, bequeath
from dnsd.serve.spec import PassedSocket
from tests.serving import Echo, TcpHarness, framed, query, unframed


class Estate:
    """Two TCP servers, of which ``old`` leaves its connections to ``new``."""

    def __init__(self) -> None:
        self.state = StateVector.create(1, 1)
        self.old = TcpHarness(state=self.state, index=0)
        self.new = TcpHarness(Echo(size=40), state=self.state, index=1)
        self.ends = packets.pair()
        self.heir = Packets(self.ends[0].detach())
        self.bequest = Bequest(self.ends[1].detach(), self.new.server)

    def hand_on(self) -> None:
        for _ in bequeath(self.old.server, self.heir, self.old.clock):
            pass
        assert self.bequest.on_readable()


@pytest.fixture
def estate() -> Iterator[Estate]:
    made = Estate()
    with made.old, made.new:
        yield made
    made.heir.close()
    made.bequest._packets.close()


def read(client: socket.socket, count: int) -> list[bytes]:
    """So many answers of 40 octets or of 16."""
    octets = b""
    while len(unframed_whole(octets)) < count:
        octets += client.recv(65536)
    return unframed(octets)


def unframed_whole(octets: bytes) -> list[bytes]:
    try:
        return unframed(octets)
    except AssertionError:
        return []


def test_a_connection_goes_on_in_the_other_worker_in_the_middle_of_a_message(
    estate: Estate,
) -> None:
    client = estate.old.client()
    sent = framed(query(1), query(2))
    client.sendall(sent[:25])
    estate.old.until_readable(client)
    estate.old.run_until_idle()
    assert read(client, 1) == [query(1)[::-1]]
    estate.hand_on()
    assert not estate.old.server
    client.sendall(sent[25:])
    estate.new.until_readable(client)
    assert read(client, 1) == [estate.new.hotpath.response(query(2))]


def test_what_lies_in_the_kernel_is_answered_by_the_other_worker(estate: Estate) -> None:
    client = estate.old.client()
    estate.old.deliver(client, framed(*map(query, range(5))))
    estate.hand_on()
    estate.new.until_readable(client)
    assert len(read(client, 5)) == 5
    assert not estate.old.hotpath.asked


def test_answers_that_wait_for_a_slow_client_come_from_the_other_worker(estate: Estate) -> None:
    estate.old.hotpath.size = 4000
    client = estate.old.client(receive_buffer=2048)
    served = estate.old.served(client)
    assert served
    served.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
    client.sendall(framed(*map(query, range(8))))
    estate.old.until(lambda: any(one.unsent for one in estate.old.server.connections))
    estate.hand_on()
    assert len(estate.new.server) == 1
    answers = b""
    while len(answers) < 8 * 4002:
        estate.new.until_readable(client)
        answers += client.recv(65536)
    assert [one[:16] for one in unframed(answers)] == [query(number)[::-1] for number in range(8)]


def test_limits_of_connections_go_with_them(estate: Estate) -> None:
    estate.old.client()
    estate.hand_on()
    open_ = [estate.state.worker(index)[WorkerCells.TCP_OPEN] for index in (0, 1)]
    assert open_ == [0, 1]
    assert sum(estate.state.sources(0)) == 0


def test_without_an_heir_that_lives_connections_are_finished_here(estate: Estate) -> None:
    client = estate.old.client()
    estate.old.deliver(client, framed(query(7)))
    estate.bequest._packets.close()
    for _ in bequeath(estate.old.server, estate.heir, estate.old.clock):
        pass
    assert read(client, 1) == [query(7)[::-1]]
    assert client.recv(1) == b""


def test_the_one_who_is_left_nothing_more_knows_it(estate: Estate) -> None:
    assert estate.bequest.on_readable()
    estate.heir.close()
    assert not estate.bequest.on_readable()


# -- the reins ---------------------------------------------------------------------------------


@pytest.fixture
def master_and_worker() -> Iterator[tuple[Packets, Packets]]:
    ours, theirs = packets.pair()
    with closing(Packets(ours.detach())) as master, closing(Packets(theirs.detach())) as worker:
        yield master, worker


def test_a_worker_passes_its_sockets_on_and_answers_its_master(
    master_and_worker: tuple[Packets, Packets],
) -> None:
    master, worker = master_and_worker
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        passed = [PassedSocket(sock.fileno(), "127.0.0.1", port, is_tcp=False)]
        side = Reins(worker, Echo(), passed, lambda _after, _do: pytest.fail("there is room"))
        master.send(reins.encode(reins.SendSockets()))
        master.send(reins.encode(reins.AskYourself(query(3))))
        side.on_readable()
        message, fd = master.receive() or pytest.fail("nothing came")
        assert reins.from_worker(message) == reins.ListeningSocket("127.0.0.1", port, False)
        assert fd is not None
        with socket.socket(fileno=fd) as same:
            assert same.getsockname() == sock.getsockname()
        for word in (reins.AllSockets(), reins.OwnAnswer(query(3)[::-1])):
            message, fd = master.receive() or pytest.fail("nothing came")
            assert (reins.from_worker(message), fd) == (word, None)


def test_what_has_no_room_on_the_way_to_the_master_is_sent_later(
    master_and_worker: tuple[Packets, Packets],
) -> None:
    master, worker = master_and_worker
    later: list[object] = []

    class Long(Echo):
        def answer(self, packet: bytes, now: float, client: Client) -> bytes | None:
            super().answer(packet, now, client)
            return bytes(60000)

    side = Reins(worker, Long(), [], lambda _after, do: later.append(do))
    for number in range(100):
        master.send(reins.encode(reins.AskYourself(query(number))))
        side.on_readable()
    assert later
    came = 0
    while came < 100:
        while master.receive():
            came += 1
        side._send()


# -- seats and leases --------------------------------------------------------------------------


def test_seats_are_counted_by_what_they_are_for() -> None:
    vector = StateVector.create(2, 3)
    assert (vector.workers, vector.serving, vector.taken) == (5, [0, 1], [0, 1])
    vector.worker(0)[WorkerCells.DUTY] = Duty.VACANT
    vector.worker(1)[WorkerCells.DUTY] = Duty.ASIDE
    vector.worker(4)[WorkerCells.DUTY] = Duty.SERVING
    assert (vector.serving, vector.taken) == ([4], [1, 4])


def test_a_lease_ends_with_its_holder_and_is_not_waited_for_by_an_orphan() -> None:
    fd = memory.create("lease")
    told, tell = os.pipe()
    holder = os.fork()
    if not holder:
        os.close(told)
        lease.take(fd, os.open(os.devnull, os.O_RDONLY))
        os.write(tell, b"x")
        os.read(os.pipe()[0], 1)
    assert os.read(told, 1) == b"x"
    ended, end = os.pipe()
    os.close(end)
    assert not lease.take(fd, ended)
    os.kill(holder, 9)
    os.waitpid(holder, 0)
    os.close(tell)
    assert lease.take(fd, os.pipe()[0])
    os.close(fd)
