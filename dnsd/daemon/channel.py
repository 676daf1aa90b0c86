"""What an old and a new master tell each other: JSON messages, each with at most one descriptor.

The two may be of different versions, so keys are only ever added. Nothing here waits: what the
socket has no room for is sent with the next :meth:`Channel.flush`.
"""

from __future__ import annotations

import os
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from dnsd.process.packets import Packets

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "DNSD_PREDECESSOR"
"""The environment variable in which a new master finds the descriptor of its channel."""


class Offer(msgspec.Struct, frozen=True, tag="offer", kw_only=True):
    """Old: what this node is; its descriptors follow.

    ``layout`` says how shared memory is laid out. Of the state vector's ``seats`` some are
    ``taken``. ``run`` and ``started`` are those in control's spec. With ``check`` the new master
    only says whether it could take over.
    """

    layout: str
    seats: int
    taken: tuple[int, ...]
    run: int
    started: int
    directory: str
    admin_socket: str
    interface: str
    check: bool


class Passed(msgspec.Struct, frozen=True, tag="passed"):
    """Old: the descriptor sent with this message is the one called ``name``."""

    name: str


class BoundAt(msgspec.Struct, frozen=True, tag="bound"):
    """Old: the descriptor sent with this message is a worker's socket that listens there."""

    address: str
    port: int
    is_tcp: bool


class OfferEnds(msgspec.Struct, frozen=True, tag="offer-ends"):
    """Old: everything has been sent."""


class Prepared(msgspec.Struct, frozen=True, tag="prepared"):
    """New: everything that can be tried without taking anything over works."""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """New: I cannot take over, for this reason, and I end."""

    why: str


class Yours(msgspec.Struct, frozen=True, tag="yours"):
    """Old: control and transfers have ended; from now on they are yours."""


class Heir(msgspec.Struct, frozen=True, tag="heir"):
    """New: one of my workers takes connections by the descriptor sent with this message."""


class Serving(msgspec.Struct, frozen=True, tag="serving"):
    """New: my workers answer; end yours."""


class Farewell(msgspec.Struct, frozen=True, tag="farewell"):
    """Old: my workers have ended, and so do I."""


Word = Offer | Passed | BoundAt | OfferEnds | Prepared | Refused | Yours | Heir | Serving | Farewell

_decoder = msgspec.json.Decoder(Word)


class Channel:
    """One end of the channel, with the descriptor ``fd``."""

    def __init__(self, fd: int) -> None:
        self._packets = Packets(fd)
        self._unsent: deque[tuple[bytes, int | None]] = deque()

    def fileno(self) -> int:
        """The descriptor that becomes readable when the other end sends something, or closes."""
        return self._packets.fileno()

    @property
    def is_over(self) -> bool:
        """Whether the other end has closed, and everything it sent has been read."""
        return self._packets.is_over

    def say(self, word: Word, fd: int | None = None) -> None:
        """Send ``word``; ``fd`` is closed once it has been sent."""
        self._unsent.append((msgspec.json.encode(word), fd))
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as the socket has room."""
        while self._unsent:
            message, fd = self._unsent[0]
            try:
                if not self._packets.send(message, fd):
                    return
            except OSError:
                pass  # the other has gone
            self._unsent.popleft()
            if fd is not None:
                os.close(fd)

    def hear(self) -> Iterator[tuple[Word, int]]:
        """Yield the messages that have come, each with its descriptor (-1: none)."""
        while found := self._packets.receive():
            message, fd = found
            try:
                word = _decoder.decode(message)
            except msgspec.DecodeError:  # of a later version, which can do without
                if fd is not None:
                    os.close(fd)
                continue
            yield word, -1 if fd is None else fd

    def close(self) -> None:
        """Close this end, and drop what could not be sent."""
        for _, fd in self._unsent:
            if fd is not None:
                with suppress(OSError):
                    os.close(fd)
        self._unsent.clear()
        self._packets.close()


def waited(seconds: float, pause: float = 0.01) -> Iterator[None]:
    """Yield again and again, for so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
        time.sleep(pause)
