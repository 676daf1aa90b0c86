"""TCP over real sockets and a clock that jumps: framing, pipelining, and each limit."""

from __future__ import annotations

import errno
import os
import resource
import select
import socket
import struct
import time
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.hotpath.api import Client, Transport
from dnsd.image.state import StateVector, WorkerCells
from dnsd.serve import sockets, turn
from dnsd.serve.spec import TcpLimits
from dnsd.wire.delivery import DELIVERED_WITHIN_S
from tests.serving import Echo, TcpHarness, framed, query, unframed


def until_acknowledged(client: socket.socket) -> None:
    """Wait until what ``client`` has sent lies in the kernel of the server's side."""
    while sockets.unacknowledged(client):
        time.sleep(0)


def limits(**changed: float) -> TcpLimits:
    return TcpLimits(**{"connections": 1000, "per_source": 1000, **changed})  # type: ignore[arg-type]


# -- framing --------------------------------------------------------------------------------


def test_tcp_answers_and_tells_the_hot_path_who_asks() -> None:
    with TcpHarness() as tcp_side:
        client = tcp_side.client()
        tcp_side.asks(client, 1)
        ((packet, asker),) = tcp_side.hotpath.asked
        assert packet == query(1)
        assert asker == Client(Transport.TCP, "127.0.0.1", client.getsockname()[1])


def test_tcp_answers_over_ipv6() -> None:
    with TcpHarness(address="::1") as tcp_side:
        client = tcp_side.client()
        tcp_side.asks(client, 1)
        port = client.getsockname()[1]
        assert tcp_side.hotpath.asked[0][1] == Client(Transport.TCP, "::1", port)


def test_tcp_message_may_come_octet_by_octet() -> None:
    with TcpHarness() as tcp_side:
        client = tcp_side.client()
        for octet in framed(query(1), query(2)):
            tcp_side.deliver(client, bytes((octet,)))
            tcp_side.run_until_idle()
        assert tcp_side.receive(client, 2) == [query(1)[::-1], query(2)[::-1]]


def test_tcp_thousand_queries_in_one_write_are_answered_in_order() -> None:
    queries = [query(number) for number in range(1000)]
    with TcpHarness() as tcp_side:
        client = tcp_side.client()
        tcp_side.send(client, framed(*queries))
        assert tcp_side.receive(client, 1000) == [packet[::-1] for packet in queries]


def test_tcp_largest_message_and_answer() -> None:
    packet = b"\x01".ljust(65535, b"\x02")
    with TcpHarness() as tcp_side:
        client = tcp_side.client()
        tcp_side.send(client, framed(packet))
        assert tcp_side.receive(client, 1) == [packet[::-1]]


@given(
    packets=st.lists(st.binary(min_size=12, max_size=40), max_size=30),
    cuts=st.lists(st.integers(min_value=1, max_value=50), max_size=60),
)
def test_tcp_cuts_in_the_stream_change_nothing(packets: list[bytes], cuts: list[int]) -> None:
    octets = framed(*packets)
    with TcpHarness() as tcp_side:
        client = tcp_side.client()
        for cut in cuts:
            client.sendall(octets[:cut])
            octets = octets[cut:]
            tcp_side.run_until_idle()
        client.sendall(octets)
        client.shutdown(socket.SHUT_WR)
        assert unframed(tcp_side.rest(client)) == [packet[::-1] for packet in packets]


def test_tcp_what_the_hot_path_leaves_unanswered_is() -> None:
    with TcpHarness(Echo(silent=[query(2)])) as tcp_side:
        client = tcp_side.client()
        client.sendall(framed(query(1), query(2), query(3)))
        assert tcp_side.receive(client, 2) == [query(1)[::-1], query(3)[::-1]]


@pytest.mark.parametrize("length", [0, 1, 11])
def test_tcp_impossible_length_closes(length: int) -> None:
    with TcpHarness() as tcp_side:
        client = tcp_side.client()
        client.sendall(framed(query(1), bytes(length)))
        assert tcp_side.rest(client) == framed(query(1)[::-1])
        assert tcp_side.counted() == {"tcp_closed_bad_length": 1}


def test_tcp_impossible_length_closes_before_the_message_comes() -> None:
    with TcpHarness() as tcp_side:
        client = tcp_side.client()
        client.sendall(b"\x00\x0b")
        assert tcp_side.rest(client) == b""
        assert tcp_side.counted() == {"tcp_closed_bad_length": 1}


def test_tcp_half_closed_client_gets_its_answers() -> None:
    queries = [query(number) for number in range(100)]
    with TcpHarness() as tcp_side:
        client = tcp_side.client()
        client.sendall(framed(*queries) + b"\x00\x20half a message")
        client.shutdown(socket.SHUT_WR)
        assert unframed(tcp_side.rest(client)) == [packet[::-1] for packet in queries]
        assert tcp_side.counted() == {}
        assert not tcp_side.server


def test_tcp_reset_by_the_client_frees_the_connection() -> None:
    with TcpHarness() as tcp_side:
        client = tcp_side.client()
        tcp_side.asks(client, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        tcp_side.until(lambda: not tcp_side.server)
        assert tcp_side.state.worker(0)[WorkerCells.TCP_OPEN] == 0


# -- fairness -------------------------------------------------------------------------------


def test_tcp_turn_is_bounded() -> None:
    with TcpHarness() as tcp_side:
        clients = [tcp_side.client() for _ in range(2 * turn.EVENTS)]
        for client in clients:
            client.sendall(framed(*map(query, range(3 * turn.MESSAGES))))
        tcp_side.until(lambda: tcp_side.hotpath.asked)
        assert len(tcp_side.hotpath.asked) <= turn.EVENTS * turn.MESSAGES


def test_tcp_busy_connections_do_not_starve_another() -> None:
    with TcpHarness() as tcp_side:
        busy = [tcp_side.client() for _ in range(turn.EVENTS)]
        for client in busy:
            client.sendall(framed(*map(query, range(500))))
        client = tcp_side.client()
        client.sendall(framed(b"may I ask too?"))
        tcp_side.until(lambda: any(packet[:3] == b"may" for packet, _ in tcp_side.hotpath.asked))
        assert len(tcp_side.hotpath.asked) < 500 * len(busy) / 2
        tcp_side.run_until_idle()
        assert len(tcp_side.hotpath.asked) == 500 * len(busy) + 1


# -- time -----------------------------------------------------------------------------------


def test_tcp_idle_connection_is_closed() -> None:
    with TcpHarness() as tcp_side:
        client = tcp_side.client()
        tcp_side.pass_time(9.9)
        tcp_side.asks(client, 1)
        tcp_side.pass_time(9.9)
        assert tcp_side.has(client)
        tcp_side.pass_time(0.2)
        assert tcp_side.rest(client) == b""
        assert tcp_side.counted() == {"tcp_closed_idle": 1}


def test_tcp_message_must_become_whole() -> None:
    with TcpHarness() as tcp_side:
        client = tcp_side.client()
        for octet in framed(query(1))[:10]:
            tcp_side.deliver(client, bytes((octet,)))
            tcp_side.run_until_idle()
            tcp_side.pass_time(0.199)
        assert tcp_side.has(client)
        tcp_side.pass_time(0.02)
        assert tcp_side.rest(client) == b""
        assert tcp_side.counted() == {"tcp_closed_slow_message": 1}


def test_tcp_each_message_has_its_own_time() -> None:
    octets = framed(*map(query, range(5)))
    with TcpHarness() as tcp_side:
        client = tcp_side.client()
        for at in range(0, len(octets), 12):  # two thirds of a message
            tcp_side.deliver(client, octets[at : at + 12])
            tcp_side.run_until_idle()
            tcp_side.pass_time(1.5)
        assert len(tcp_side.receive(client, 5)) == 5
        assert tcp_side.counted() == {}


def test_tcp_server_that_was_late_itself_closes_nobody() -> None:
    """After a pause of this process, what came in time is in the kernel, unread."""
    with TcpHarness() as tcp_side:
        slow, idle = tcp_side.client(), tcp_side.client()
        tcp_side.deliver(slow, framed(query(1))[:5])
        tcp_side.run_until_idle()
        tcp_side.deliver(slow, framed(query(1))[5:])
        tcp_side.deliver(idle, framed(query(2)))
        tcp_side.pass_time(60)
        assert tcp_side.receive(slow, 1) == [query(1)[::-1]]
        assert tcp_side.receive(idle, 1) == [query(2)[::-1]]
        assert tcp_side.counted() == {}


# -- clients that do not read ---------------------------------------------------------------

LARGE = 60_000


def unsent(tcp_side: TcpHarness) -> int:
    """Octets that wait for clients in the server."""
    return sum(len(each.unsent) for each in tcp_side.server._connections.values())


def stalled(tcp_side: TcpHarness) -> socket.socket:
    """A client that asks, reads nothing, and has filled what the kernel holds for it."""
    client = tcp_side.client(receive_buffer=4096)
    tcp_side.send(client, framed(*map(query, range(500))))
    tcp_side.run_until_idle()
    assert unsent(tcp_side)
    return client


def test_tcp_client_that_does_not_read_is_reset() -> None:
    with TcpHarness(Echo(LARGE)) as tcp_side:
        client = stalled(tcp_side)
        tcp_side.pass_time(0.9)
        assert tcp_side.server
        tcp_side.pass_time(0.2)
        assert not tcp_side.server
        assert tcp_side.counted() == {"tcp_reset_unread": 1}
        with pytest.raises(ConnectionResetError):
            tcp_side.rest(client)


@pytest.mark.parametrize("size", [100, 1_000, 3_000, 10_000])
def test_tcp_client_is_reset_although_the_kernel_took_the_last_answer_whole(size: int) -> None:
    """Its next query waits for room then, and nothing of ours does."""
    with TcpHarness(Echo(size)) as tcp_side:
        client = tcp_side.client(receive_buffer=4096)
        while tcp_side.has(client) and not held_up(tcp_side):
            tcp_side.send(client, framed(*map(query, range(100))))
            tcp_side.run_until_idle()
        tcp_side.pass_time(0.9)
        assert tcp_side.has(client)
        tcp_side.pass_time(0.2)
        assert tcp_side.counted() == {"tcp_reset_unread": 1}


def held_up(tcp_side: TcpHarness) -> bool:
    """Whether the server waits for a client to read."""
    return any(each.waits_for_room for each in tcp_side.server._connections.values())


def test_tcp_client_that_does_not_read_is_held_at_the_limit() -> None:
    with TcpHarness(Echo(LARGE), limits(unsent=70_000)) as tcp_side:
        stalled(tcp_side)
        assert unsent(tcp_side) < 70_000 + LARGE
        assert len(tcp_side.hotpath.asked) < 500


def test_tcp_client_that_reads_slowly_gets_everything() -> None:
    with TcpHarness(Echo(LARGE)) as tcp_side:
        client = stalled(tcp_side)
        octets = 0
        while octets < 500 * (LARGE + 2):
            tcp_side.until_readable(client)
            octets += len(client.recv(1 << 18))
            tcp_side.run_until_idle()
            tcp_side.pass_time(0.01)
        assert tcp_side.counted() == {}
        tcp_side.asks(client, 1)


def read_a_little(tcp_side: TcpHarness, client: socket.socket) -> None:
    """Read until the server's kernel holds less, though not so little that it takes more."""
    before = in_kernel(tcp_side, client)
    while in_kernel(tcp_side, client) == before:
        client.recv(4096)


def test_tcp_client_that_reads_less_than_makes_room_is_not_reset_for_that() -> None:
    with TcpHarness(Echo(LARGE)) as tcp_side:
        client = stalled(tcp_side)
        waiting = unsent(tcp_side)
        for passed in (0.9, 0.9, DELIVERED_WITHIN_S - 1.8):
            tcp_side.pass_time(passed)
            read_a_little(tcp_side, client)
        assert unsent(tcp_side) == waiting
        assert tcp_side.has(client)


def test_tcp_client_that_reads_too_slowly_for_an_answer_is_reset() -> None:
    with TcpHarness(Echo(LARGE)) as tcp_side:
        client = stalled(tcp_side)
        tcp_side.pass_time(0.9)
        read_a_little(tcp_side, client)
        tcp_side.pass_time(0.9)
        read_a_little(tcp_side, client)
        tcp_side.pass_time(DELIVERED_WITHIN_S - 1.8 + 0.001)
        assert tcp_side.counted() == {"tcp_reset_late": 1}
        with pytest.raises(ConnectionResetError):
            tcp_side.rest(client)


def test_tcp_nothing_is_sent_by_a_worker_that_was_stopped_for_too_long() -> None:
    """There is room again, and the client would read it now."""
    with TcpHarness(Echo(LARGE)) as tcp_side:
        client = stalled(tcp_side)
        tcp_side.clock.now += DELIVERED_WITHIN_S + 0.001
        while tcp_side.has(client):
            assert client.recv(1 << 20)
            tcp_side.run_until_idle()
        with pytest.raises(ConnectionResetError):
            tcp_side.rest(client)
        assert tcp_side.counted() == {"tcp_reset_late": 1}


def test_tcp_answer_of_a_worker_that_is_stopped_while_it_answers_is_not_sent() -> None:
    with TcpHarness() as tcp_side:
        tcp_side.hotpath.silent = Stop(tcp_side)
        client = tcp_side.client()
        client.sendall(framed(query(1)))
        with pytest.raises(ConnectionResetError):
            tcp_side.rest(client)
        assert tcp_side.counted() == {"tcp_reset_late": 1}


class Stop(frozenset[bytes]):
    """What a hot path looks into when it answers, and is stopped then for too long."""

    def __new__(cls, _tcp_side: TcpHarness) -> Self:
        return super().__new__(cls)

    def __init__(self, tcp_side: TcpHarness) -> None:
        self._clock = tcp_side.clock

    def __contains__(self, packet: object) -> bool:
        self._clock.now += DELIVERED_WITHIN_S + 0.001
        return False


def test_tcp_client_that_asks_again_is_not_brief() -> None:
    """Each of its answers has a time of its own by which it must be delivered."""
    with TcpHarness() as tcp_side:
        client = tcp_side.client()
        tcp_side.asks(client, 1)
        tcp_side.asks(client, 2)
        assert not tcp_side.server._brief.count
        assert len(tcp_side.server) == 1


def test_tcp_answers_that_were_delivered_are_not_late() -> None:
    with TcpHarness() as tcp_side:
        client = tcp_side.client()
        tcp_side.asks(client, 1)
        until_acknowledged(served(tcp_side, client))
        tcp_side.pass_time(9)
        tcp_side.asks(client, 2)
        assert tcp_side.counted() == {}


@pytest.mark.parametrize("death", ["reset", "read"])
def test_tcp_connection_parts_when_its_last_answer_is_acknowledged(death: str) -> None:
    with TcpHarness(Echo(LARGE)) as tcp_side:
        client = tcp_side.client(receive_buffer=4096)
        tcp_side.deliver(client, framed(query(1)))
        client.shutdown(socket.SHUT_WR)
        tcp_side.until(lambda: tcp_side.hotpath.asked)
        tcp_side.run_until_idle()
        tcp_side.pass_time(0.1)
        assert tcp_side.has(client), "the answer is larger than what the client has room for"
        if death == "read":
            assert len(tcp_side.rest(client)) == LARGE + 2
        else:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        while tcp_side.server:
            tcp_side.pass_time(0)
        assert tcp_side.counted() == {}


def served(tcp_side: TcpHarness, client: socket.socket) -> socket.socket:
    """The server's end of the connection."""
    found = tcp_side.served(client)
    assert found
    return found


def in_kernel(tcp_side: TcpHarness, client: socket.socket) -> int:
    """Octets that the kernel of the server's side holds for ``client``."""
    return sockets.unacknowledged(served(tcp_side, client))


def test_tcp_client_that_reads_is_not_the_longest_idle() -> None:
    with TcpHarness(Echo(LARGE), limits(connections=2)) as tcp_side:
        reading = stalled(tcp_side)
        tcp_side.clock.now += 0.1
        asking = tcp_side.client()
        tcp_side.asks(asking, 1)
        tcp_side.pass_time(0.1)
        read_a_little(tcp_side, reading)
        tcp_side.pass_time(0.1)
        tcp_side.client()
        assert (tcp_side.has(reading), tcp_side.has(asking)) == (True, False)


def test_tcp_half_closed_client_that_reads_late_gets_its_answers() -> None:
    with TcpHarness(Echo(LARGE)) as tcp_side:
        client = stalled(tcp_side)
        client.shutdown(socket.SHUT_WR)
        assert len(unframed(tcp_side.rest(client))) == 500
        assert tcp_side.counted() == {}


# -- how many -------------------------------------------------------------------------------


def test_tcp_source_has_a_limit() -> None:
    with TcpHarness(limits=limits(per_source=2)) as tcp_side:
        first, second = tcp_side.client(), tcp_side.client()
        third = tcp_side.client()
        with pytest.raises(ConnectionResetError):
            third.recv(1)
        assert tcp_side.counted() == {"tcp_refused_source": 1}
        tcp_side.asks(first, 1)
        tcp_side.asks(second, 2)
        first.close()
        tcp_side.until(lambda: len(tcp_side.server) == 1)
        tcp_side.asks(tcp_side.client(), 3)
        assert tcp_side.count("tcp_accepted") == 3


def test_tcp_longest_idle_makes_room() -> None:
    with TcpHarness(limits=limits(connections=3)) as tcp_side:
        clients = [tcp_side.client() for _ in range(3)]
        tcp_side.clock.now += 1
        tcp_side.asks(clients[0], 1)
        fourth = tcp_side.client()
        assert [tcp_side.has(client) for client in clients] == [True, False, True]
        assert tcp_side.counted() == {"tcp_evicted": 1}
        tcp_side.asks(fourth, 2)
        tcp_side.asks(clients[0], 3)
        assert tcp_side.state.worker(0)[WorkerCells.TCP_OPEN] == 3


def test_tcp_octets_that_make_no_message_do_not_keep_a_place() -> None:
    with TcpHarness(limits=limits(connections=2)) as tcp_side:
        dripping, asking = tcp_side.client(), tcp_side.client()
        tcp_side.clock.now += 1
        tcp_side.asks(asking, 1)
        tcp_side.clock.now += 1
        tcp_side.deliver(dripping, b"\x00")
        tcp_side.run_until_idle()
        tcp_side.client()
        assert (tcp_side.has(dripping), tcp_side.has(asking)) == (False, True)


def test_tcp_limits_hold_for_the_node() -> None:
    """Two workers on one state vector: a source's limit is one, wherever it is served."""
    state = StateVector.create(2)
    with (
        TcpHarness(limits=limits(per_source=3), state=state) as one,
        TcpHarness(limits=limits(per_source=3), state=state, index=1) as other,
    ):
        first, second, third = one.client(), one.client(), other.client()
        other.client()
        assert other.counted() == {"tcp_refused_source": 1}
        one.client()
        assert one.counted() == {"tcp_refused_source": 1}
        assert one.has(first)
        assert one.has(second)
        assert other.has(third)


def test_tcp_total_holds_for_the_node() -> None:
    state = StateVector.create(2)
    with (
        TcpHarness(limits=limits(connections=2), state=state) as one,
        TcpHarness(limits=limits(connections=2), state=state, index=1) as other,
    ):
        first, second = one.client(), one.client()
        # Nobody of its own to close: it takes the first, and then one for one.
        third = other.client()
        fourth = other.client()
        assert (other.has(third), other.has(fourth)) == (False, True)
        assert other.counted() == {"tcp_evicted": 1}
        assert (one.has(first), one.has(second)) == (True, True)
        one.client()
        assert (one.has(first), one.has(second)) == (False, True)


# -- descriptors ----------------------------------------------------------------------------


class Exhausted(socket.socket):
    """A listener whose accept() fails as long as ``error`` is set."""

    error = 0
    failed = 0
    fails_from = 0
    accepted = 0

    def accept(self) -> tuple[socket.socket, object]:
        if self.error and self.fails_from <= self.accepted:
            self.failed += 1
            raise OSError(self.error, "as told")
        self.accepted += 1
        return super().accept()


def exhausted(tcp_side: TcpHarness) -> Exhausted:
    """Another listener of the server's, which accepts by Python's means."""
    listener = Exhausted()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    tcp_side.server.listen(listener)
    tcp_side.server._brief.stop()
    return listener


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_tcp_waits_with_accept_when_nothing_is_left(error: int) -> None:
    with TcpHarness() as tcp_side, socket.socket() as client:
        listener = exhausted(tcp_side)
        listener.error = error
        client.connect(listener.getsockname())
        tcp_side.until(lambda: tcp_side.server._listeners._paused_until)
        assert not select.select([tcp_side.server], [], [], 0)[0], "it would turn for nothing"
        listener.error = 0
        tcp_side.pass_time(turn.ACCEPT_PAUSE / 2)
        assert not select.select([tcp_side.server], [], [], 0)[0]
        tcp_side.pass_time(turn.ACCEPT_PAUSE)
        tcp_side.until(lambda: tcp_side.server)
        tcp_side.asks(client, 1)
        assert tcp_side.counted() == {}


def test_tcp_longest_idle_makes_room_for_a_descriptor() -> None:
    with TcpHarness() as tcp_side, socket.socket() as newcomer:
        clients = [tcp_side.client() for _ in range(2)]
        listener = exhausted(tcp_side)
        listener.error = errno.EMFILE
        newcomer.connect(listener.getsockname())
        tcp_side.until(lambda: listener.failed)
        assert [*map(tcp_side.has, clients)] == [False, True]
        assert tcp_side.counted() == {"tcp_evicted": 1}
        listener.error = 0
        tcp_side.until(lambda: len(tcp_side.server) == 2)
        tcp_side.asks(newcomer, 1)


def test_tcp_nobody_makes_room_for_nobody() -> None:
    """Without a free descriptor, accept() says so even when no connection waits."""
    with TcpHarness() as tcp_side, socket.socket() as newcomer:
        client = tcp_side.client()
        listener = exhausted(tcp_side)
        listener.error, listener.fails_from = errno.EMFILE, 1
        newcomer.connect(listener.getsockname())
        tcp_side.until(lambda: listener.failed)
        assert tcp_side.has(client)
        assert len(tcp_side.server) == 2
        assert tcp_side.server._listeners._paused_until is None


def test_tcp_longest_idle_makes_room_where_the_kernel_has_no_descriptor() -> None:
    with TcpHarness() as tcp_side, socket.socket() as newcomer:
        clients = [tcp_side.client() for _ in range(2)]
        newcomer.connect(tcp_side.address)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (first_free(), limits[1]))
        try:
            tcp_side.until(lambda: tcp_side.count("tcp_evicted"))
            tcp_side.until(lambda: tcp_side.has(newcomer))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert [*map(tcp_side.has, clients)] == [False, True]
        tcp_side.asks(newcomer, 1)


def first_free() -> int:
    """The descriptor that the next file would get."""
    with Path(os.devnull).open("rb") as file:
        return file.fileno()


def test_tcp_connections_leave_descriptors_to_what_goes_before_them() -> None:
    with TcpHarness() as tcp_side:
        first = tcp_side.client()
        tcp_side.until(lambda: len(tcp_side.server) == 1)
        highest = max(tcp_side.descriptors())
        tcp_side.server.descriptors = highest + 1
        for number in range(1, 6):
            newcomer = tcp_side.client()
            while tcp_side.counted().get("tcp_evicted", 0) < number:
                tcp_side.until(lambda: tcp_side.counted().get("tcp_evicted"))
            tcp_side.asks(newcomer, 1)
            assert max(tcp_side.descriptors()) <= highest, "the reserve is not eaten"
        assert not tcp_side.has(first)
        tcp_side.server.make_way()
        assert len(tcp_side.server) == 0


def test_tcp_connection_gone_before_accept_is_nothing() -> None:
    with TcpHarness() as tcp_side, socket.socket() as client:
        listener = exhausted(tcp_side)
        listener.error = errno.ECONNABORTED
        client.connect(listener.getsockname())
        tcp_side.until(lambda: listener.failed)
        listener.error = 0
        tcp_side.until(lambda: tcp_side.server)
        tcp_side.asks(client, 1)


# -- the end --------------------------------------------------------------------------------


def test_tcp_finish_answers_what_has_come_and_closes() -> None:
    with TcpHarness() as tcp_side, socket.socket() as newcomer, socket.socket() as late:
        idle, asking, halfway = (tcp_side.client() for _ in range(3))
        newcomer.connect(tcp_side.address)
        newcomer.sendall(framed(query(1)))
        until_acknowledged(newcomer)
        tcp_side.deliver(asking, framed(*map(query, range(100))))
        tcp_side.deliver(halfway, framed(query(7))[:5])
        for _ in tcp_side.server.finish():
            pass
        assert tcp_side.rest(idle) == b""
        assert len(unframed(tcp_side.rest(asking))) == 100
        assert tcp_side.rest(newcomer) == framed(query(1)[::-1])
        assert len(tcp_side.server) == 1
        halfway.sendall(framed(query(7))[5:])
        assert tcp_side.rest(halfway) == framed(query(7)[::-1])
        assert not tcp_side.server
        with pytest.raises(ConnectionRefusedError):
            late.connect(tcp_side.address)
