"""Hands everything but ordinary questions over to the transfer process, and sends its answers.

Nothing here blocks: packets for which that process has no room, and more than ``PER_SECOND``, are
dropped and counted. So neither its death nor a flood of such packets costs a worker more than
receiving them.
"""

from __future__ import annotations

import socket
from struct import Struct
from time import time
from typing import TYPE_CHECKING

import msgspec

from dnsd.hotpath.api import Client, Transport
from dnsd.metrics.counters import INDEX, RCODES
from dnsd.serve.sockets import since_boot
from dnsd.wire import handed
from dnsd.wire.delivery import SENT_WITHIN_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnsd.hotpath.api import HotPath
    from dnsd.metrics.counters import Counters
    from dnsd.process.packets import Packets
    from dnsd.wire.handed import HandedStream, Origin, Source

PER_SECOND = 2000
"""Packets that one worker hands over in a second, and at once, at most."""

MESSAGES = 16
"""Messages of the other process that are handled in one turn of the loop."""

_HANDED, _DROPPED = INDEX["handed_over"], INDEX["handed_over_dropped"]
_LATE, _BLOCKED = INDEX["drop_send_late"], INDEX["drop_send_blocked"]
_RESPONSES, _RCODE = INDEX["responses_udp"], INDEX["rcode_0"]

_CMSG = Struct("@nii")
_FAMILY = Struct("=H")
_IN = Struct(">2xH4s")
_IN6 = Struct(">2xHI16s")
_SCOPE = Struct("=I")


class HandOver:
    """The way to the transfer process by ``packets``.

    Its own answers leave from the UDP ``sockets``, in the order of what a worker listens on.
    """

    def __init__(
        self,
        packets: Packets,
        hotpath: HotPath,
        counters: Counters,
        sockets: Sequence[socket.socket],
        clock: Callable[[], float] = since_boot,
    ) -> None:
        self._packets = packets
        self._hotpath = hotpath
        self._counters = counters
        self._sockets = sockets
        self._places = {sock.fileno(): place for place, sock in enumerate(sockets)}
        self._clock = clock
        self._room = float(PER_SECOND)
        self._seen = clock()

    def fileno(self) -> int:
        """The descriptor that is readable when the other process has sent a message."""
        return self._packets.fileno()

    def datagram(self, fd: int, packet: bytes, source: Source, origin: Origin | None) -> None:
        """Hand over a ``packet`` that arrived at the socket ``fd``."""
        place = self._places[fd]
        one = handed.HandedDatagram(packet, place, source, origin, self._clock())
        self._hand(handed.encode(one))

    def raw(self, fd: int, packet: bytes, name: bytes, control: bytes) -> None:
        """Hand over a ``packet``, with source and control message in the kernel's form."""
        self.datagram(fd, packet, source_of(name), origin_of(control))

    def stream(self, fd: int, stream: HandedStream) -> bool:
        """Hand over a connection; in any case the caller must close it."""
        return self._hand(handed.encode(stream), fd)

    def _hand(self, message: bytes, fd: int | None = None) -> bool:
        now = self._clock()
        self._room = min(PER_SECOND, self._room + (now - self._seen) * PER_SECOND)
        self._seen = now
        try:
            done = self._room >= 1 and self._packets.send(message, fd)
        except OSError:
            done = False
        self._room -= done
        self._counters[_HANDED if done else _DROPPED] += 1
        return done

    def on_readable(self) -> None:
        """Send answers, and answer questions: a few of them."""
        for _ in range(MESSAGES):
            found = self._packets.receive()
            if found is None:
                return
            try:
                word = handed.to_worker(found[0])
            except msgspec.DecodeError:
                continue  # of an earlier version, before an update
            if isinstance(word, handed.WorkerReply):
                self._send(word)
            else:
                self._answer(word)

    def _answer(self, asked: handed.WorkerQuestion) -> None:
        composed = self._clock()
        client = Client(Transport(asked.transport), asked.address)
        response = self._hotpath.answer(asked.packet, time(), client) or None
        answer = handed.WorkerAnswer(asked.number, response, composed)
        if not self._packets.send(handed.encode(answer)):
            self._counters[_DROPPED] += 1

    def _send(self, reply: handed.WorkerReply) -> None:
        if self._clock() - reply.composed > SENT_WITHIN_S:
            self._counters[_LATE] += 1
            return
        sock, count = self._sockets[reply.place], self._counters
        ancillary = [] if reply.origin is None else [reply.origin]
        try:
            sock.sendmsg((reply.response,), ancillary, socket.MSG_DONTWAIT, reply.source)
        except OSError:
            count[_BLOCKED] += 1
            return
        count[_RESPONSES] += 1
        count[_RCODE + min(reply.response[3] & 0xF, RCODES - 1)] += 1


def source_of(name: bytes) -> Source:
    """Return the address in a sockaddr in Python's form."""
    if _FAMILY.unpack_from(name)[0] == socket.AF_INET:
        port, address = _IN.unpack_from(name)
        return socket.inet_ntop(socket.AF_INET, address), port
    port, flow, address = _IN6.unpack_from(name)
    (scope,) = _SCOPE.unpack_from(name, _IN6.size)
    return socket.inet_ntop(socket.AF_INET6, address), port, flow, scope


def origin_of(control: bytes) -> Origin | None:
    """Return the first control message in ``control``, None if it is empty."""
    if len(control) < _CMSG.size:
        return None
    length, level, kind = _CMSG.unpack_from(control)
    return level, kind, control[_CMSG.size : length]
