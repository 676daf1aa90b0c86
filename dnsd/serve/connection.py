"""One TCP connection: octets in, whole messages out, and answers on their way back.

Knows the framing of RFC 1035 §4.2.2 and its socket; limits and times are judged elsewhere.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from dnsd.serve import sockets

if TYPE_CHECKING:
    import socket

    from dnsd.hotpath.api import Client

_HEADER = 12
_PREFIX = 2
_CHUNK = 16384
"""Octets read at once: hundreds of queries, yet little to hold for each connection."""


class BadLength(Exception):
    """The peer announces a message too short to be one: nothing after it can be trusted."""


class Connection:
    """A peer, what it has sent and not been answered, and what it has not been sent yet.

    ``moved`` is when the peer last did something for itself: connected, finished a message,
    or was seen to take answers. ``begun`` is when the message that is not whole yet began.
    ``events`` is what its epoll watches for.
    """

    __slots__ = (
        "_ended",
        "_in_kernel",
        "_received",
        "begun",
        "client",
        "events",
        "fd",
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

    def put(self, response: bytes) -> None:
        """Queue ``response``; :meth:`send` sends it."""
        self.unsent += len(response).to_bytes(_PREFIX, "big") + response

    def send(self) -> None:
        """Send as much as the kernel takes; OSError when the connection is broken."""
        if not self.unsent:
            return
        try:
            taken = self.sock.send(self.unsent)
        except BlockingIOError:
            return
        del self.unsent[:taken]

    def look_for_progress(self, now: float) -> None:
        """See whether the peer has taken some of what the kernel holds for it.

        A slow peer takes long to make room for more, and yet reads all the time.
        """
        before = self._in_kernel
        self._in_kernel = sockets.unacknowledged(self.sock)
        if self._in_kernel < before:
            self.moved = now

    @property
    def is_quiet(self) -> bool:
        """Nothing has come that waits for an answer, and no answer waits to be sent."""
        return not self.unsent and not self._received

    @property
    def is_done(self) -> bool:
        """The peer will send no more, and has been sent everything."""
        return self._ended and not self.unsent and not self._is_whole

    @property
    def waits_for_room(self) -> bool:
        """An answer waits to be sent, or a whole message to be answered, until there is room."""
        return bool(self.unsent) or self._is_whole

    def wants(self) -> int:
        """Return the events after which there is something to do.

        A whole message that waits for its turn needs no event but room for its answer: a
        socket that can be written to is served again, after the others.
        """
        return select.EPOLLOUT if self.waits_for_room else select.EPOLLIN
