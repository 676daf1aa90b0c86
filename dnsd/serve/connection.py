"""One TCP connection: octets in, whole messages out, and answers on their way back.

Knows the framing of RFC 1035 §4.2.2 and its socket; the limits are enforced elsewhere.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from typing import TYPE_CHECKING

from dnsd.serve import sockets
from dnsd.wire.delivery import DELIVERED_WITHIN_S
from dnsd.wire.handed import HandedStream

if TYPE_CHECKING:
    from dnsd.hotpath.api import Client

_HEADER = 12
_PREFIX = 2
_MOST_MOVED = 1 << 16
"""Octets that fit into a message to another worker, with room to spare."""
_CHUNK = 16384
"""Octets read at once: hundreds of queries, yet little to hold for each connection."""


class BadLength(Exception):
    """The client announces a message too short to be one: nothing after it can be trusted."""


class Late(Exception):
    """Answers have waited too long: they must no longer be delivered."""


class ForTransfers(Exception):
    """The ``message`` is for the transfer process, and with it the connection."""

    def __init__(self, message: bytes) -> None:
        super().__init__()
        self.message = message


class Connection:
    """A client, its queries that are not answered yet, and answers that are not sent yet.

    Each answer is delivered within DELIVERED_WITHIN_S, or the connection is reset.

    ``moved`` is when the client last acted: connected, finished a message, or took answers.
    ``begun`` is when the incomplete message began. ``events`` is what its epoll watches for.
    """

    __slots__ = (
        "_composed",
        "_ended",
        "_in_kernel",
        "_put",
        "_received",
        "begun",
        "client",
        "events",
        "fd",
        "is_parting",
        "moved",
        "sock",
        "source",
        "unsent",
    )

    def __init__(self, sock: socket.socket, client: Client, source: int, now: float) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.client = client
        self.source = source
        self.moved = now
        self.begun: float | None = None
        self.events = select.EPOLLIN
        self.unsent = bytearray()
        self._received = bytearray()
        self._ended = False
        self._in_kernel = 0
        self._put = 0
        # Of the answers that may not have been delivered: when they were composed, and
        # which octet of the stream is behind them.
        self._composed: deque[tuple[float, int]] = deque()
        self.is_parting = False

    @property
    def _is_whole(self) -> bool:
        """Whether a whole message has been received (or the length of an impossible one)."""
        received = self._received
        if len(received) < _PREFIX:
            return False
        length = received[0] << 8 | received[1]
        return length < _HEADER or len(received) >= _PREFIX + length

    def receive(self) -> None:
        """Read from the socket, unless a whole message is there already."""
        if self._ended or self._is_whole:
            return
        try:
            chunk = self.sock.recv(_CHUNK)
        except BlockingIOError:
            return
        self._received += chunk
        self._ended = not chunk

    def take(self, now: float) -> bytes | None:
        """Return the next message if it is whole; BadLength when it cannot be one."""
        received = self._received
        if not self._is_whole:
            if not received:
                self.begun = None
            elif self.begun is None:
                self.begun = now
            return None
        length = received[0] << 8 | received[1]
        if length < _HEADER:
            received.clear()
            self._ended = True
            raise BadLength
        message = bytes(received[_PREFIX : _PREFIX + length])
        del received[: _PREFIX + length]
        self.moved = now
        self.begun = None
        return message

    def put(self, response: bytes, composed: float) -> None:
        """Queue ``response``, which was ``composed`` then; :meth:`send` sends it."""
        self.unsent += len(response).to_bytes(_PREFIX, "big") + response
        self._put += _PREFIX + len(response)
        if self._composed and self._composed[-1][0] == composed:
            self._composed.pop()
        self._composed.append((composed, self._put))

    def send(self, now: float) -> None:
        """Send as much as the kernel takes.

        OSError if the connection is broken, Late if it is too late for the waiting answers.
        """
        if not self.unsent:
            return
        if self.is_late(now):
            raise Late
        try:
            taken = self.sock.send(self.unsent)
        except BlockingIOError:
            return
        del self.unsent[:taken]

    def look_for_progress(self, now: float) -> None:
        """Check whether the client has taken some of the octets in the kernel.

        A slow client takes long to make room for more, although it reads all the time.
        """
        before = self._in_kernel
        self._in_kernel = sockets.unacknowledged(self.sock)
        if self._in_kernel < before:
            self.moved = now

    def is_late(self, now: float) -> bool:
        """Whether an answer has not been delivered in time."""
        if not self._composed or now - self._composed[0][0] <= DELIVERED_WITHIN_S:
            return False
        return not self.is_delivered() and now - self._composed[0][0] > DELIVERED_WITHIN_S

    def is_delivered(self) -> bool:
        """Whether the client has acknowledged every answer."""
        if self._composed:
            acknowledged = self._put - len(self.unsent) - sockets.unacknowledged(self.sock)
            while self._composed and self._composed[0][1] <= acknowledged:
                self._composed.popleft()
        return not self._composed

    def hand_over(self, message: bytes, now: float) -> HandedStream:
        """Return what another process needs to continue the connection, from ``message`` on.

        Nothing more is sent here.
        """
        framed = len(message).to_bytes(_PREFIX, "big") + message
        composed = None if self.is_delivered() else self._composed[0][0]
        handed = HandedStream(
            framed + self._received, bytes(self.unsent), self.client.address, composed, now
        )
        self.unsent.clear()
        return handed

    def bequest(self, now: float) -> HandedStream:
        """Return what another worker needs to go on with the connection, as it is ``now``."""
        composed = None if self.is_delivered() else self._composed[0][0]
        return HandedStream(
            bytes(self._received), bytes(self.unsent), self.client.address, composed, now
        )

    def resume(self, left: HandedStream) -> None:
        """Go on where another worker was: with what it has ``left``."""
        self._received += left.received
        self.unsent += left.unsent
        if left.composed is not None:
            self._put = len(self.unsent) + sockets.unacknowledged(self.sock)
            self._composed.append((left.composed, self._put))

    @property
    def may_move(self) -> bool:
        """Whether another worker can go on with it: it is not ending, and there is room for it."""
        return not self.is_parting and len(self._received) + len(self.unsent) <= _MOST_MOVED

    def part(self) -> None:
        """Send a FIN; the client has still to acknowledge the rest."""
        self.is_parting = True
        self._put += 1  # the FIN counts as an octet (RFC 9293 §3.4)
        self.sock.shutdown(socket.SHUT_WR)

    @property
    def is_quiet(self) -> bool:
        """Whether no query waits for an answer, and no answer waits to be sent."""
        return not self.unsent and not self._received

    @property
    def is_done(self) -> bool:
        """Whether the client has ended its side, and everything was sent."""
        return self._ended and not self.unsent and not self._is_whole

    @property
    def waits_for_room(self) -> bool:
        """Whether an answer waits to be sent, or a message to be answered, until there is room."""
        return bool(self.unsent) or self._is_whole

    def wants(self) -> int:
        """Return the epoll events after which there is something to do.

        A whole message that waits for its turn needs no event but room for its answer: a
        socket that can be written to is served again, after the others.
        """
        return select.EPOLLOUT if self.waits_for_room else select.EPOLLIN
