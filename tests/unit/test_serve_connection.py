"""A connection over a socket that gives and takes as a test says."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, cast

import pytest

from dnsd.hotpath.api import Client, Transport
from dnsd.serve.connection import BadLength, Connection
from tests.serving import framed, query

if TYPE_CHECKING:
    import socket


class Scripted:
    """Gives ``chunks`` (b"" is the end), and takes ``room`` octets."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = [*chunks]
        self.room = 0
        self.sent = b""

    def fileno(self) -> int:
        return 99

    def recv(self, _size: int) -> bytes:
        if not self.chunks:
            raise BlockingIOError
        return self.chunks.pop(0)

    def send(self, octets: bytes) -> int:
        if not self.room:
            raise BlockingIOError
        taken = bytes(octets[: self.room])
        self.sent += taken
        self.room -= len(taken)
        return len(taken)


def connection(sock: Scripted) -> Connection:
    return Connection(cast("socket.socket", sock), Client(Transport.TCP, "192.0.2.1"), 0, 0.0)


def test_connection_is_done_when_its_last_answer_is_sent() -> None:
    sock = Scripted(framed(query(1)), b"")
    side = connection(sock)
    side.receive()
    assert side.take(1.0) == query(1)
    side.put(b"answer", 1.0)
    side.receive()
    side.send(1.0)
    assert side.wants() == select.EPOLLOUT
    done = [side.is_done]
    for sock.room in (3, 100):
        side.send(1.0)
        done.append(side.is_done)
    assert done == [False, False, True]
    assert sock.sent == framed(b"answer")


def test_connection_takes_nothing_after_an_impossible_length() -> None:
    sock = Scripted(framed(query(1), b"short", query(2)), framed(query(3)))
    side = connection(sock)
    side.receive()
    assert side.take(1.0) == query(1)
    side.put(b"answer", 1.0)
    with pytest.raises(BadLength):
        side.take(1.0)
    side.receive()
    assert side.take(1.0) is None
    assert sock.chunks, "what follows is not read"
    sock.room = 100
    side.send(1.0)
    assert side.is_done


def test_connection_does_not_read_ahead_of_its_answers() -> None:
    """One chunk at a time: the rest waits in the kernel, and so in the peer."""
    sock = Scripted(framed(query(1), query(2)), framed(query(3)))
    side = connection(sock)
    side.receive()
    side.receive()
    assert len(sock.chunks) == 1
    assert side.take(1.0) == query(1)
    side.receive()
    assert len(sock.chunks) == 1
    assert side.take(1.0) == query(2)
    side.receive()
    assert not sock.chunks
