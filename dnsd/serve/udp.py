"""Queries over UDP: drains the socket, answers, sends, and never blocks.

Knows datagrams and addresses; what is in a datagram is the hot path's business. A hot path
that can drain a socket by itself does so in place of :meth:`UdpSocket.on_readable`; counting
what the kernel dropped and closing stay.
"""

from __future__ import annotations

import errno
import socket
from functools import partial
from struct import Struct
from time import time
from typing import TYPE_CHECKING, Any

from dnsd.hotpath.api import HAND_OVER, Client, Draining, Transport
from dnsd.metrics.counters import INDEX
from dnsd.serve import sockets
from dnsd.serve.sockets import since_boot
from dnsd.serve.turn import ONE_SOCKET_S
from dnsd.wire.delivery import SENT_WITHIN_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dnsd.hotpath.api import HotPath
    from dnsd.metrics.counters import Counters
    from dnsd.serve.handover import HandOver

_LARGEST = 65535
"""Octets of the largest datagram; a smaller buffer is not faster."""

_LAST_TURNS = 512
"""Turns that a socket gets before it closes: more than its queue, less than a flood."""

_UDP = Transport.UDP
_ERROR = INDEX["drop_send_error"]
_REFUSALS = {
    errno.EAGAIN: INDEX["drop_send_blocked"],
    **dict.fromkeys(
        (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN), INDEX["drop_send_no_route"]
    ),
    **dict.fromkeys((errno.EPERM, errno.EACCES), INDEX["drop_send_forbidden"]),
}
"""The counter of responses that the kernel did not take, by the number of its error."""

_QUEUE = INDEX["drop_receive_queue"]
_LATE = INDEX["drop_send_late"]

_Ancillary = list[tuple[int, int, bytes]]

_IN_PKTINFO = Struct("=I4s4s")
_IN6_PKTINFO = Struct("=16sI")
_ANCILLARY = socket.CMSG_SPACE(_IN6_PKTINFO.size)
_KNOWN_DESTINATIONS = 256

_SHORTEST_WAIT = Struct("@ll").pack(0, 1)
"""A struct timeval; the kernel makes a tick of its clock of it, 1 to 10 ms."""


class UdpSocket:
    """A socket bound to one address: answers leave from there by themselves.

    One of its turns takes ``turn`` seconds at most, by ``clock``.
    """

    def __init__(
        self,
        sock: socket.socket,
        hotpath: HotPath,
        counters: Counters,
        turn: float = ONE_SOCKET_S,
        clock: Callable[[], float] = since_boot,
    ) -> None:
        self.sock = sock
        self._turn_s = turn
        self._clock = clock
        self._answer: Callable[[bytes, float, Client], bytes | None] = hotpath.answer
        self._counters = counters
        self._drops = sockets.receive_drops(sock)
        self._transfers: HandOver | None = None

    def on_readable(self) -> bool:
        """Answer waiting queries for one turn; return False if none are left."""
        receive, send, answer = self.sock.recvfrom, self.sock.sendto, self._answer
        now, clock, tick = time(), self._clock, self._clock()
        until = tick + self._turn_s
        while True:
            try:
                packet, source = receive(_LARGEST)
            except OSError:
                return False
            response = answer(packet, now, Client(_UDP, source[0], source[1]))
            if response == HAND_OVER:
                self._hand_over(packet, source, None)
            elif response is not None:
                try:
                    if clock() - tick > SENT_WITHIN_S:
                        self._counters[_LATE] += 1
                    else:
                        send(response, source)
                except OSError as error:
                    self._not_sent(error)
            tick = clock()
            if tick >= until:
                return True

    def hand_over_to(self, transfers: HandOver) -> None:
        """Give ``transfers`` what is for that process."""
        self._transfers = transfers

    def _hand_over(self, packet: bytes, source: Any, origin: tuple[int, int, bytes] | None) -> None:
        if self._transfers is not None:
            self._transfers.datagram(self.sock.fileno(), packet, source, origin)

    def _not_sent(self, error: OSError) -> None:
        """Count a response that the kernel did not take; it is never tried again."""
        self._counters[_REFUSALS.get(error.errno or 0, _ERROR)] += 1

    def count_drops(self) -> None:
        """Count datagrams that the kernel has dropped since the last call: the queue was full."""
        drops = sockets.receive_drops(self.sock)
        self._counters[_QUEUE] += (drops - self._drops) & 0xFFFFFFFF
        self._drops = drops

    def forget_drops(self) -> None:
        """Count only what the kernel drops from now on: before, another worker counted it."""
        self._drops = sockets.receive_drops(self.sock)

    def linger(self, others: Sequence[int]) -> None:
        """Allow a turn to wait for more queries, as long as none of ``others`` is readable.

        To be called when the event loop has the socket: it makes sockets non-blocking.
        Answering in Python, a turn costs so much that waiting elsewhere makes no difference.
        """

    @property
    def owes(self) -> bool:
        """Whether it needs another turn even if nothing is readable."""
        return False

    def closing(self) -> Iterator[None]:
        """Answer what is waiting, then close: turn by turn."""
        for _ in range(_LAST_TURNS):
            if not self.on_readable():
                break
            yield
        while self.owes:
            self.on_readable()
            yield
        self.count_drops()
        self.sock.close()

    def close(self) -> None:
        """Answer what is waiting and close, however long it takes."""
        for _ in self.closing():
            pass


class WildcardUdpSocket(UdpSocket):
    """A socket bound to all addresses: each answer leaves from the address that was asked."""

    def __init__(
        self,
        sock: socket.socket,
        hotpath: HotPath,
        counters: Counters,
        turn: float = ONE_SOCKET_S,
        clock: Callable[[], float] = since_boot,
    ) -> None:
        super().__init__(sock, hotpath, counters, turn, clock)
        self._origins: dict[bytes, _Ancillary] = {}

    def on_readable(self) -> bool:
        """Do as :meth:`UdpSocket.on_readable` does, with the destination as the source."""
        receive, send, answer = self.sock.recvmsg, self.sock.sendmsg, self._answer
        origins = self._origins
        now, clock, tick = time(), self._clock, self._clock()
        until = tick + self._turn_s
        while True:
            try:
                packet, ancillary, _flags, source = receive(_LARGEST, _ANCILLARY)
            except OSError:
                return False
            response = answer(packet, now, Client(_UDP, source[0], source[1]))
            if response == HAND_OVER:
                self._hand_over(packet, source, self._origin(ancillary)[0])
            elif response is not None:
                try:
                    info = ancillary[0][2]
                    origin = origins.get(info) or self._origin(ancillary)
                    if clock() - tick > SENT_WITHIN_S:
                        self._counters[_LATE] += 1
                    else:
                        send((response,), origin, 0, source)
                except OSError as error:
                    self._not_sent(error)
            tick = clock()
            if tick >= until:
                return True

    def _origin(self, ancillary: _Ancillary) -> _Ancillary:
        """Return the control message that sends a response from the address in ``ancillary``."""
        if len(self._origins) >= _KNOWN_DESTINATIONS:
            self._origins.clear()
        level, kind, info = ancillary[0]
        # Interface 0: the routing table decides where the response leaves, not the query.
        if level == socket.IPPROTO_IP:
            destination = _IN_PKTINFO.unpack(info)[2]
            origin = _IN_PKTINFO.pack(0, destination, bytes(4))
        else:
            origin = _IN6_PKTINFO.pack(_IN6_PKTINFO.unpack(info)[0], 0)
        self._origins[info] = [(level, kind, origin)]
        return self._origins[info]


class DrainedUdpSocket(UdpSocket):
    """A socket, wildcard or not, that the hot path drains by itself."""

    def __init__(
        self,
        sock: socket.socket,
        hotpath: Draining,
        counters: Counters,
        turn: float = ONE_SOCKET_S,
    ) -> None:
        self.sock = sock
        self._turn_s = turn
        self._counters = counters
        self._drops = sockets.receive_drops(sock)
        self._hotpath = hotpath
        self._turn: Callable[[], bool] = partial(hotpath.drain, sock.fileno(), turn)

    @property
    def owes(self) -> bool:
        """See :meth:`UdpSocket.owes`; it may be packets of another of the worker's sockets."""
        return self._hotpath.owes

    def on_readable(self) -> bool:
        """Do as :meth:`UdpSocket.on_readable` does, in batches of datagrams."""
        return self._turn()

    def hand_over_to(self, transfers: HandOver) -> None:
        """See :meth:`UdpSocket.hand_over_to`."""
        self._hotpath.hand_over_to(transfers.raw)

    def linger(self, others: Sequence[int]) -> None:
        """See :meth:`UdpSocket.linger`."""
        self.sock.setblocking(True)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _SHORTEST_WAIT)
        self._turn = self._hotpath.lingering(self.sock.fileno(), others, self._turn_s)

    def closing(self) -> Iterator[None]:
        """See :meth:`UdpSocket.closing`."""
        self._turn = partial(self._hotpath.drain, self.sock.fileno(), self._turn_s)
        return super().closing()


def serve(
    place: sockets.ListenAddress,
    sock: socket.socket,
    hotpath: HotPath,
    counters: Counters,
    turn: float = ONE_SOCKET_S,
) -> UdpSocket:
    """Return ``sock``, which is bound at ``place``, as one that answers from ``hotpath``.

    ``turn`` is how many seconds of a turn of the loop it may take.
    """
    if isinstance(hotpath, Draining):
        return DrainedUdpSocket(sock, hotpath, counters, turn)
    kind = WildcardUdpSocket if place.is_wildcard else UdpSocket
    return kind(sock, hotpath, counters, turn)
