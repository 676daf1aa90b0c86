"""When the native hot path waits in the kernel for more datagrams, and when it must not.

The socket of these tests has no SO_RCVTIMEO: a turn that waits ends by a signal, or never.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from dnsd.hotpath import Settings
from dnsd.metrics import counters
from dnsd.serve import sockets
from dnsd.serve.sockets import ListenAddress
from dnsd.serve.turn import ONE_SOCKET_S
from tests.serving import PATIENCE, udp_at

if TYPE_CHECKING:
    from collections.abc import Iterator

native = pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")

QUICK = 64
"""Datagrams at once: more than it takes for the hot path to think that the next is near."""

HEADER_ONLY = bytes(12)
"""A query without a question: answered, from no zone."""


class Lingering:
    """A blocking socket at which queries wait to be answered by a hot path of its own."""

    def __init__(self) -> None:
        self.cells = counters.fresh()
        self.hotpath = native.NativeHotPath(Settings(), self.cells)
        self.sock = sockets.open_udp(ListenAddress("127.0.0.1", 0), 1 << 20)
        self.sock.setblocking(True)
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.settimeout(PATIENCE)
        self.client.connect(self.sock.getsockname())

    def close(self) -> None:
        self.sock.close()
        self.client.close()

    def ask(self, number: int) -> None:
        for _ in range(number):
            self.client.send(HEADER_ONLY)
        assert select.select([self.sock], [], [], PATIENCE)[0]

    def answered(self) -> int:
        return int(self.cells[counters.INDEX["responses_udp"]])


@pytest.fixture
def waiting() -> Iterator[Lingering]:
    waiting = Lingering()
    yield waiting
    waiting.close()


@contextmanager
def interrupted() -> Iterator[list[int]]:
    """Interrupt system calls of this process now and then; yield the signals that have come."""
    came: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: came.append(number))
    command = f"while sleep 0.1; do kill -USR1 {os.getpid()}; done"
    bell = subprocess.Popen(["sh", "-c", command])
    try:
        yield came
    finally:
        bell.kill()
        bell.wait()
        signal.signal(signal.SIGUSR1, before)


def test_lingering_waits_while_datagrams_come_quickly(waiting: Lingering) -> None:
    waited = 0
    with interrupted() as came:
        # A batch that took too long to come or to answer is not waited after, so one is not enough.
        for _ in range(20):
            turn = waiting.hotpath.lingering(waiting.sock.fileno(), [], ONE_SOCKET_S)
            waiting.ask(QUICK)
            turn()
            waiting.ask(QUICK)
            came.clear()
            turn()
            waited += bool(came)
    assert waited > 5
    assert waiting.answered() == 40 * QUICK


def test_lingering_answers_few_datagrams_and_returns(waiting: Lingering) -> None:
    turn = waiting.hotpath.lingering(waiting.sock.fileno(), [], ONE_SOCKET_S)
    for number in range(1, 10):
        waiting.ask(1)
        assert turn() is False
        assert waiting.answered() == number


def test_lingering_does_not_wait_when_others_have_something(waiting: Lingering) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as quiet:
        reader, writer = os.pipe()
        os.write(writer, b"x")
        turn = waiting.hotpath.lingering(
            waiting.sock.fileno(), [quiet.fileno(), reader], ONE_SOCKET_S
        )
        for number in range(1, 10):
            waiting.ask(QUICK)
            while waiting.answered() < number * QUICK:
                turn()
        os.close(reader)
        os.close(writer)
    assert waiting.answered() == 9 * QUICK


def test_lingering_ends_with_the_sockets_own_timeout() -> None:
    """What a worker does with its socket: no signal is needed then."""
    cells = counters.fresh()
    side = udp_at(
        ListenAddress("127.0.0.1", 0), 1 << 20, native.NativeHotPath(Settings(), cells), cells
    )
    side.linger([])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect(side.sock.getsockname())
        for _ in range(3 * QUICK):
            client.send(HEADER_ONLY)
        for _ in range(3 * QUICK):
            side.on_readable()
        for _ in range(3 * QUICK):
            assert len(client.recv(100)) == 12
        client.send(HEADER_ONLY)
        assert select.select([side.sock], [], [], PATIENCE)[0]
        side.close()
        assert len(client.recv(100)) == 12
