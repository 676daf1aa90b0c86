"""No turn of a worker's loop is long: hostile batches, in a time that only answers let pass."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.hotpath import Settings
from dnsd.metrics import counters
from dnsd.serve import sockets, turn
from dnsd.serve.sockets import ListenAddress
from dnsd.serve.udp import UdpSocket, WildcardUdpSocket
from tests.serving import PATIENCE, Clock, Echo, TcpHarness, framed, query, udp_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dnsd.hotpath.api import Client
    from dnsd.serve.connection import Connection

DEAR = 0.017
"""Seconds of a query that costs very much: eight of them are longer than all that is allowed."""


class Dear(Echo):
    """Answers in time: the costs of the queries, one after the other and over again."""

    def __init__(self, clock: Clock, *costs: float) -> None:
        super().__init__()
        self.clock = clock
        self.costs = costs

    def answer(self, packet: bytes, now: float, client: Client) -> bytes | None:
        self.clock.now += self.costs[len(self.asked) % len(self.costs)]
        return super().answer(packet, now, client)


class Loop:
    """Turns whatever has something to do, and notes how long each turn takes."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.turns: list[float] = []

    def turn(self, step: object) -> object:
        before = self.clock.now
        result = step()  # type: ignore[operator]
        self.turns.append(self.clock.now - before)
        return result


def test_all_that_a_turn_of_the_loop_allows_is_less_than_5_ms() -> None:
    for sockets_ in range(1, 100):
        udp_ = sockets_ * turn.share(sockets_)
        assert udp_ + turn.TCP_S + turn.SWEEP_S + turn.FOLLOW_S < 0.005
    assert turn.share(1) == turn.ONE_SOCKET_S


# -- UDP, in Python ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [UdpSocket, WildcardUdpSocket])
@given(costs=st.lists(st.sampled_from((0.00001, 0.0004, DEAR)), min_size=1, max_size=5))
def test_udp_turn_ends_with_the_packet_at_which_its_time_is_up(
    kind: type[UdpSocket], costs: list[float]
) -> None:
    clock = Clock()
    address = "0.0.0.0" if kind is WildcardUdpSocket else "127.0.0.1"
    sock = sockets.open_udp(ListenAddress(address, 0), 1 << 20)
    hotpath = Dear(clock, *costs)
    side = kind(sock, hotpath, counters.fresh(), 0.001, clock)
    loop = Loop(clock)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", sock.getsockname()[1]))
        for number in range(20):
            client.send(query(number))
        while len(hotpath.asked) < 20:
            assert select.select([sock], [], [], PATIENCE)[0]
            loop.turn(side.on_readable)
        assert [client.recv(100) for _ in range(20)] == [query(n)[::-1] for n in range(20)]
        side.close()
    assert max(loop.turns) < 0.001 + max(costs) + 1e-9


# -- UDP, in batches --------------------------------------------------------------------------


class Batches:
    """Sockets that a native hot path drains, with clients of theirs."""

    def __init__(self, sides: int = 1) -> None:
        native = pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")
        self.cells = counters.fresh()
        self.hotpath = native.NativeHotPath(Settings(version=b"1"), self.cells)
        self.sides = [
            udp_at(ListenAddress("127.0.0.1", 0), 1 << 20, self.hotpath, self.cells, 0.0)
            for _ in range(sides)
        ]
        self.clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(sides)]
        for side, client in zip(self.sides, self.clients, strict=True):
            client.settimeout(PATIENCE)
            client.connect(side.sock.getsockname())

    def close(self) -> None:
        for side in self.sides:
            if side.sock.fileno() != -1:
                side.close()
        for client in self.clients:
            client.close()

    def ask(self, packets: Sequence[bytes], which: int = 0) -> None:
        for packet in packets:
            self.clients[which].send(packet)
        assert select.select([self.sides[which].sock], [], [], PATIENCE)[0]

    def answered(self) -> int:
        return int(self.cells[counters.INDEX["responses_udp"]])


@pytest.fixture
def batches() -> Iterator[Batches]:
    batches = Batches(2)
    yield batches
    batches.close()


def chaos(number: int) -> bytes:
    """A query that the native twin hands to the readable one."""
    question = dns.message.make_query("version.bind", "TXT", "CH")
    question.id = number
    return question.to_wire()


PLAIN = [number.to_bytes(2, "big") + bytes(10) for number in range(20)]
RARE = [chaos(number) for number in range(20)]


@pytest.mark.parametrize(("packets", "most"), [(RARE, 1), (PLAIN, 4)])
def test_a_batch_is_left_when_time_is_up_and_taken_up_again(
    batches: Batches, packets: list[bytes], most: int
) -> None:
    """A turn of no time at all: one look at the clock ends it."""
    (side, _), (client, _) = batches.sides, batches.clients
    batches.ask(packets)
    while batches.answered() < len(packets):
        before = batches.answered()
        side.on_readable()
        assert 0 < batches.answered() - before <= most
        if select.select([side.sock], [], [], 0)[0] == []:
            assert side.owes or batches.answered() == len(packets), "nobody else would tell"
    assert [client.recv(512)[:2] for _ in packets] == [packet[:2] for packet in packets]
    assert not side.owes


def test_what_is_left_of_one_socket_is_answered_there_in_another_ones_turn(
    batches: Batches,
) -> None:
    for which in (0, 1):
        batches.ask(RARE, which)
    batches.sides[0].on_readable()
    assert batches.sides[0].owes
    while batches.answered() < 2 * len(RARE):
        batches.sides[1].on_readable()
        if not batches.sides[1].owes:
            batches.sides[0].on_readable()
    for client in batches.clients:
        assert [client.recv(512)[:2] for _ in RARE] == [packet[:2] for packet in RARE]


def test_a_socket_that_closes_answers_what_was_left(batches: Batches) -> None:
    for which in (0, 1):
        batches.ask(RARE, which)
    batches.sides[0].on_readable()
    steps = 0
    for _ in batches.sides[1].closing():
        steps += 1
    for _ in batches.sides[0].closing():
        steps += 1
    assert steps >= 2 * len(RARE) - 2, "one packet is one step, when a turn is so short"
    for client in batches.clients:
        assert [client.recv(512)[:2] for _ in RARE] == [packet[:2] for packet in RARE]


# -- TCP --------------------------------------------------------------------------------------


class DearTcp(TcpHarness):
    """Connections whose queries cost ``costs``, and the loop that turns them."""

    def __init__(self, *costs: float) -> None:
        super().__init__()
        self.dear = Dear(self.clock, *costs)
        self.hotpath = self.server_answers(self.dear)
        self.loop = Loop(self.clock)

    def server_answers(self, hotpath: Dear) -> Dear:
        self.server._answer = hotpath.answer
        return hotpath

    def turn_all(self) -> None:
        while select.select([self.server], [], [], 0)[0]:
            self.loop.turn(self.server.on_readable)


@given(st.lists(st.sampled_from((0.00001, 0.0004, DEAR)), min_size=1, max_size=5))
def test_tcp_turn_ends_with_the_message_at_which_its_time_is_up(costs: list[float]) -> None:
    with DearTcp(*costs) as side:
        clients = [side.client() for _ in range(5)]
        for number, client in enumerate(clients):
            side.deliver(client, framed(*[query(number)] * 10))
        side.turn_all()
        assert len(side.dear.asked) == 50
        assert max(side.loop.turns) < turn.TCP_S + max(costs) + 1e-9


def test_tcp_goes_round_the_connections_however_dear_they_are() -> None:
    """Eight are told of at once, and only one is served in a turn: none may be left out."""
    with DearTcp(DEAR) as side:
        clients = [side.client() for _ in range(24)]
        for number, client in enumerate(clients):
            side.deliver(client, framed(*[query(number)] * 8))
        side.turn_all()
        order = [int.from_bytes(packet[:4], "big") for packet, _ in side.dear.asked]
        assert len(order) == 24 * 8
        for rounds in range(1, 9):
            so_far = order[: 24 * rounds]
            assert {so_far.count(number) for number in range(24)} <= set(
                range(rounds - 1, rounds + 2)
            )


def test_tcp_accepts_for_one_turn_at_a_time() -> None:
    with DearTcp(0.0) as side:
        waiting = [socket.socket() for _ in range(40)]
        for each in waiting:
            each.connect(side.address)
        admit = side.server._admit

        def dear_admit(sock: socket.socket, client: Client) -> None:
            side.clock.now += 0.0005
            admit(sock, client)

        side.server._admit = dear_admit  # type: ignore[method-assign]
        side.turn_all()
        assert len(side.server) == 40
        assert max(side.loop.turns) < turn.TCP_S + 0.0005 + 1e-9
        for each in waiting:
            each.close()


def test_sweep_that_finds_a_thousand_queries_serves_them_in_many_turns() -> None:
    """Connections at the idle limit that have asked a moment ago: all are answered, and kept."""
    with DearTcp(0.0001) as side:
        clients = [side.client() for _ in range(100)]
        side.clock.now += 9.9
        for number, client in enumerate(clients):
            side.deliver(client, framed(*[query(number)] * 8))
        side.clock.now += 0.2
        while not side.loop.turn(side.server.sweep):
            pass
        assert len(side.dear.asked) >= 500
        assert len(side.loop.turns) > 50
        assert max(side.loop.turns) < turn.SWEEP_S + 0.0001 + 1e-9
        side.turn_all()
        assert len(side.dear.asked) == 800
        assert len(side.server) == 100
        assert side.counted() == {}


def test_sweep_that_had_no_time_goes_on_where_it_was() -> None:
    with DearTcp(0.0) as side:
        clients = [side.client() for _ in range(30)]
        close = side.server._close

        def dear_close(connection: Connection, reason: int | None = None) -> None:
            side.clock.now += 0.0002
            close(connection, reason)

        side.server._close = dear_close  # type: ignore[method-assign]
        side.clock.now += 11
        while not side.loop.turn(side.server.sweep):
            pass
        assert not side.server
        assert side.counted() == {"tcp_closed_idle": len(clients)}
        assert max(side.loop.turns) < turn.SWEEP_S + 0.0002 + 1e-9


def test_tcp_finish_goes_step_by_step() -> None:
    with DearTcp(DEAR) as side:
        clients = [side.client() for _ in range(5)]
        for client in clients:
            side.deliver(client, framed(*[query(1)] * 3))
        steps = side.server.finish()
        while side.loop.turn(lambda: next(steps, steps)) is not steps:
            pass
        side.turn_all()
        assert len(side.dear.asked) == 15
        assert not side.server
        assert max(side.loop.turns) < turn.END_S + DEAR + 1e-9
