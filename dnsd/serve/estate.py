"""A worker's part in handing the node on: it passes on its sockets, and gives or takes connections.

Sockets and connections are passed on, never closed and made again, so nothing that waits in one of
them is lost. Nothing here waits: what there is no room for is tried again.
"""

from __future__ import annotations

import socket
from collections import deque
from time import time
from typing import TYPE_CHECKING

import msgspec

from dnsd.hotpath.api import Client, Transport
from dnsd.process import reins
from dnsd.process.packets import Packets
from dnsd.wire import handed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dnsd.hotpath.api import HotPath
    from dnsd.process.reins import FromReined
    from dnsd.serve.spec import PassedSocket
    from dnsd.serve.tcp import TcpServer

AGAIN_S = 0.005
"""Seconds until what had no room is sent again."""
CONNECTIONS = 16
"""Connections that are taken over in one turn of the loop."""

_OWN = Client(Transport.TCP, "127.0.0.1")


class Reins:
    """The worker's end of its socket to the master, ``packets``; it listens on ``sockets``.

    ``later`` runs a function after so many seconds. ``heir`` takes the worker's TCP connections
    when it ends; None: they are closed.
    """

    def __init__(
        self,
        packets: Packets,
        hotpath: HotPath,
        sockets: Sequence[PassedSocket],
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self.heir: Packets | None = None
        self._packets = packets
        self._hotpath = hotpath
        self._sockets = sockets
        self._later = later
        self._unsent: deque[tuple[FromReined, int | None]] = deque()

    def fileno(self) -> int:
        """The descriptor that becomes readable when the master sends something."""
        return self._packets.fileno()

    def on_readable(self) -> None:
        """Carry out the master's messages."""
        while found := self._packets.receive():
            message, fd = found
            self._obey(reins.to_worker(message), fd)
        self._send()

    def _obey(self, word: reins.ToReined, fd: int | None) -> None:
        match word:
            case reins.SendSockets():
                for one in self._sockets:
                    said = reins.ListeningSocket(one.address, one.port, one.is_tcp)
                    self._unsent.append((said, one.fd))
                self._unsent.append((reins.AllSockets(), None))
            case reins.TakeHeir():
                self.heir = None if fd is None else Packets(fd)
            case reins.AskYourself():
                answer = self._hotpath.answer(word.packet, time(), _OWN) or b""
                self._unsent.append((reins.OwnAnswer(answer), None))

    def _send(self) -> None:
        while self._unsent:
            word, fd = self._unsent[0]
            if not self._packets.send(reins.encode(word), fd):
                self._later(AGAIN_S, self._send)
                return
            self._unsent.popleft()


def bequeath(tcp: TcpServer, heir: Packets, clock: Callable[[], float]) -> Iterator[None]:
    """Have ``tcp`` accept nothing more, and give its connections to another worker by ``heir``.

    Connections that it cannot take are finished here. It goes step by step: the caller looks at the
    clock in between.
    """
    tcp.leave_listeners()
    yield from tcp.take_over()
    for connection in tcp.connections:
        while tcp.has(connection) and connection.may_move:
            stream = connection.bequest(clock())
            try:
                done = heir.send(handed.encode(stream), connection.fd)
            except OSError:
                break  # it is gone
            if done:
                tcp.forget(connection)
            yield
    yield from tcp.finish()


class Bequest:
    """Takes over, for ``tcp``, connections of workers that end; they come by ``fd``."""

    def __init__(self, fd: int, tcp: TcpServer) -> None:
        self._packets = Packets(fd)
        self._tcp = tcp

    def fileno(self) -> int:
        """The descriptor that becomes readable when a connection comes."""
        return self._packets.fileno()

    def on_readable(self) -> bool:
        """Take over some connections; return False if no more can come."""
        for _ in range(CONNECTIONS):
            found = self._packets.receive()
            if found is None:
                break
            message, fd = found
            if fd is None:
                continue
            sock = socket.socket(fileno=fd)
            try:
                word = handed.from_worker(message)
            except msgspec.DecodeError:  # of a version that says it otherwise
                sock.close()
                continue
            if isinstance(word, handed.HandedStream):
                self._tcp.adopt(sock, word)
        return not self._packets.is_over
