"""Connections of those who fetch zones: slow ones get all of it, and each one is closed."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import socket
import struct
import sys
import termios
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dns.message
import pytest

from dnsd.config import TransfersConfig
from dnsd.transfer import ipc
from dnsd.wire.delivery import USER_TIMEOUT_S
from dnsd.wire.handed import HandedStream
from dnsd.xfrd import streams
from dnsd.xfrd.knowledge import Knowledge
from dnsd.xfrd.requests import SeenRequest, TransferRequests
from dnsd.xfrd.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.xfrd.requests import Respond

SIZE = 60_000
MESSAGES = 12


class GivingMuch:
    """Streams that answer a transfer with many messages; ``client`` has asked for one."""

    def __init__(self, stall: float = 10.0) -> None:
        known = Knowledge()
        known.take(ipc.TransferSettings(transfers=TransfersConfig(outgoing_stall=stall)))
        known.whole.set()
        self.requests = TransferRequests(known, {})
        self.requests.transfer = self.transfer
        self.streams = Streams(known, self.requests)
        self.message = dns.message.make_query("a.example.", "AXFR", use_edns=False).to_wire()

    def transfer(self, _seen: SeenRequest) -> Iterator[bytes]:
        """Yield much."""
        for _ in range(MESSAGES):
            yield bytes(SIZE)

    def take(
        self, server: socket.socket, behind: bytes = b"", answer: Respond | None = None
    ) -> None:
        """Hand over the connection; ``answer`` answers what is no transfer."""
        received = len(self.message).to_bytes(2, "big") + self.message + behind
        handed = HandedStream(received, b"", "127.0.0.1", None, 0.0)
        self.streams.take(handed, server, answer or _no_question)

    async def ended(self) -> None:
        """Wait until nothing is served any more."""
        while len(self.streams):
            await asyncio.sleep(0.01)


async def _no_question(_seen: SeenRequest) -> bytes | None:
    raise AssertionError


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield a client that has room for little, and its server, as a worker accepts one."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        timeout = round(USER_TIMEOUT_S * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        client.setblocking(False)
        yield client, server


async def _read(client: socket.socket, pause: float) -> int:
    """Read slowly to the end; return how many octets there were."""
    loop, found = asyncio.get_running_loop(), 0
    while chunk := await loop.sock_recv(client, 32768):
        found += len(chunk)
        await asyncio.sleep(pause)
    return found


WHOLE = MESSAGES * (SIZE + 2)


@pytest.mark.parametrize("behind", [b"", b"\x00\x00"])
def test_whoever_sends_no_more_gets_all_that_was_asked_for(behind: bytes) -> None:
    async def work() -> None:
        giving = GivingMuch()
        with pair() as (client, server):
            giving.take(server, behind)
            if not behind:
                client.shutdown(socket.SHUT_WR)
            assert await _read(client, 0.002) == WHOLE
            await giving.ended()

    asyncio.run(asyncio.wait_for(work(), 60))


def test_whoever_reads_slowly_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is in the kernel soon, and is read in ten times the time of an idle client."""
    monkeypatch.setattr(streams, "IDLE_S", 0.2)
    monkeypatch.setattr(streams, "LOOK_S", 0.02)

    async def work() -> None:
        giving = GivingMuch()
        with pair() as (client, server):
            giving.take(server)
            found, loop = 0, asyncio.get_running_loop()
            while found < WHOLE:
                chunk = await loop.sock_recv(client, 4096)
                assert chunk
                found += len(chunk)
                await asyncio.sleep(0.01)
            with pytest.raises(ConnectionResetError):  # idle at last
                await loop.sock_recv(client, 1)
            assert giving.requests.counts == {"transfers": 1}

    asyncio.run(asyncio.wait_for(work(), 60))


def test_the_kernel_waits_as_long_as_the_limit_says() -> None:
    async def work() -> None:
        giving = GivingMuch(stall=7.0)
        with pair() as (_, server):
            other = server.dup()
            giving.take(server)
            while other.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) != 7000:
                await asyncio.sleep(0.001)
            # Nor does it hold back what a worker's answers need not.
            assert other.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == streams.UNSENT
            other.close()

    asyncio.run(asyncio.wait_for(work(), 10))


QUESTION = dns.message.make_query("a.example.", "SOA", use_edns=False).to_wire()


def test_a_question_behind_a_transfer_is_answered_when_that_has_come() -> None:
    """And the kernel waits for it no longer than for any other answer."""
    asked: list[int] = []

    async def work() -> None:
        giving = GivingMuch(stall=7.0)
        with pair() as (client, server), server.dup() as other:

            async def answer(_seen: SeenRequest) -> bytes:
                left = fcntl.ioctl(other, termios.TIOCOUTQ, bytes(4))
                asked.append(int.from_bytes(left, sys.byteorder))
                asked.append(other.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
                return b"an answer"

            giving.take(server, len(QUESTION).to_bytes(2, "big") + QUESTION, answer)
            found = 0
            while found < WHOLE + 2 + len(b"an answer"):
                found += len(await asyncio.get_running_loop().sock_recv(client, 32768))
                await asyncio.sleep(0.001)
            assert asked == [0, USER_TIMEOUT_S * 1000]
            client.close()
            await giving.ended()

    asyncio.run(asyncio.wait_for(work(), 30))


def test_an_answer_that_is_not_taken_in_time_is_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "DELIVERED_WITHIN_S", 0.1)

    async def answer(_seen: SeenRequest) -> bytes:
        return bytes(SIZE)

    async def work() -> None:
        giving = GivingMuch()
        giving.message = QUESTION
        with pair() as (client, server):
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            giving.take(server, b"", answer)
            await giving.ended()
            with pytest.raises(ConnectionResetError):
                await _read(client, 0)

    asyncio.run(asyncio.wait_for(work(), 30))


@pytest.mark.parametrize("behind", [b"", b"\x00\x00"])
def test_whoever_reads_nothing_is_reset(behind: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that has ended its side, or can send nothing more that is read."""
    monkeypatch.setattr(streams, "HIGH_WATER", 2 * WHOLE)

    async def work() -> None:
        giving = GivingMuch(stall=0.2)
        with pair() as (client, server):
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, WHOLE // 4)
            began = time.monotonic()
            giving.take(server, behind)
            await giving.ended()
            assert time.monotonic() - began < 20
            with pytest.raises(ConnectionResetError):
                await _read(client, 0)

    asyncio.run(asyncio.wait_for(work(), 30))


def test_a_fault_of_our_own_closes_the_connection() -> None:
    async def work() -> None:
        giving = GivingMuch()
        giving.requests.transfer = lambda _seen: iter((bytes(1 << 16),))
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        with pair() as (client, server):
            giving.take(server)
            with pytest.raises(ConnectionResetError):
                await _read(client, 0)

    asyncio.run(asyncio.wait_for(work(), 10))


def test_a_client_that_is_gone_is_no_fault_of_our_own() -> None:
    """It resets the connection while it is answered."""

    async def work() -> None:
        giving, faults = GivingMuch(), []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        with pair() as (client, server):

            def gone(_seen: SeenRequest) -> Iterator[bytes]:
                linger = struct.pack("ii", 1, 0)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                client.close()
                for _ in range(MESSAGES):
                    yield bytes(SIZE)

            giving.requests.transfer = gone
            giving.take(server, giving.message * 3)
            await giving.ended()
        gc.collect()
        await asyncio.sleep(0)
        assert not faults

    asyncio.run(asyncio.wait_for(work(), 10))
