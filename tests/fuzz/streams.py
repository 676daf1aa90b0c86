"""Fuzz target: a TCP stream in pieces, pipelined, broken off: the answers to it, in order."""

from __future__ import annotations

import select
import socket
import struct
from contextlib import suppress
from functools import cache

from dnsd.hotpath import Client, HotPath, Transport
from dnsd.image.state import StateVector
from dnsd.serve import sockets
from dnsd.serve.quota import Quota
from dnsd.serve.sockets import ListenAddress
from dnsd.serve.spec import TcpLimits
from dnsd.serve.tcp import TcpServer
from tests import packets
from tests.fuzz import packets as twins
from tests.fuzz import zones
from tests.serving import framed

LIMITS = TcpLimits(unsent=1 << 14)
"""Small, so that answers wait for their reader often."""

CLIENT = Client(Transport.TCP, "127.0.0.1")
SHORTEST = 12
PIECES = 8
RESET = struct.pack("ii", 1, 0)
"""Closed like this, a connection leaves no port behind that waits."""


def fuzz_one(data: bytes) -> None:
    """The first octet picks a zone; then the lengths of eight pieces; the stream is the rest."""
    if len(data) <= PIECES:
        return
    kind = list(zones.images())[data[0] & 3]
    stream = data[1 + PIECES :]
    received = _served(kind, _pieces(stream, data[1 : 1 + PIECES]))
    expected, is_sound = _expected(kind, stream)
    # the reset behind a length that is none may overtake answers
    assert received == expected if is_sound else expected.startswith(received)


def _pieces(stream: bytes, lengths: bytes) -> list[bytes]:
    """Return ``stream`` cut after each of ``lengths``."""
    found, at = [], 0
    for length in lengths:
        found.append(stream[at : at + length])
        at += length
    return [piece for piece in (*found, stream[at:]) if piece]


def _expected(kind: str, stream: bytes) -> tuple[bytes, bool]:
    """What the readable twin answers, up to a length that is none, and whether there is no such."""
    path, answers = _path(kind, native=False), b""
    while len(stream) >= 2:
        length = int.from_bytes(stream[:2])
        if length < SHORTEST:
            return answers, False
        if len(stream) < 2 + length:
            break
        answer = path.answer(stream[2 : 2 + length], twins.NOW, CLIENT)
        answers += framed(answer) if answer is not None else b""
        stream = stream[2 + length :]
    return answers, True


def _served(kind: str, pieces: list[bytes]) -> bytes:
    """What a client gets that sends ``pieces``, then no more, and reads until the end."""
    server, address = _server(kind)
    received = bytearray()
    with socket.create_connection(address) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        with suppress(OSError):
            for piece in pieces:
                client.sendall(piece)
                _turn(server)
            client.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while octets := _received(client, server):
                received += octets
    _turn(server)
    server.sweep()  # it parts when everything is acknowledged
    assert not len(server), "the connection is not closed"
    return bytes(received)


def _received(client: socket.socket, server: TcpServer) -> bytes:
    """Turn the server until there is something to read, and read it."""
    while not select.select([client], [], [], 0)[0]:
        select.select([server.fileno(), client.fileno()], [], [])
        _turn(server)
    return client.recv(1 << 16)


def _turn(server: TcpServer) -> None:
    while select.select([server], [], [], 0)[0]:
        server.on_readable()


@cache
def _server(kind: str) -> tuple[TcpServer, tuple[str, int]]:
    state = StateVector.create(1)
    server = TcpServer(
        _path(kind, native=True), state.counters(0), Quota(state, 0, LIMITS), LIMITS, idle=1e9
    )
    listener = sockets.open_tcp(ListenAddress("127.0.0.1", 0), LIMITS.unsent)
    server.listen(listener)
    return server, listener.getsockname()[:2]


def _path(kind: str, *, native: bool) -> HotPath:
    """One of the twins, with settings that let no answer depend on the time."""
    return twins.twins(0, kind)[native][0]


def seeds() -> list[bytes]:
    """Where a search begins: whole streams, cut in all places, and lengths that are none."""
    asked = zones.questions()
    stream = framed(*asked[::16])
    long = framed(*[packets.query("big.example.", 16, packets.opt(payload=65535))] * 40)
    ends = (
        b"\x00\x00",
        b"\x00\x0b" + bytes(11),
        b"\x00\x0c" + bytes(12),
        b"\xff\xff" + bytes(300),
        b"\x00",
        framed(asked[0])[:-1],
    )
    cuts = (bytes(8), bytes((1,)) * 8, bytes((2, 12, 1, 40, 255, 255, 3, 9)), bytes((29,)) * 8)
    found = [bytes((kind,)) + cut + stream for kind in range(4) for cut in cuts]
    found += [
        bytes(1) + cut + framed(asked[1]) + end + framed(asked[2]) for cut in cuts for end in ends
    ]
    return [*found, bytes(9) + long, bytes((0,)) + bytes((200,)) * 8 + long + ends[0]]
