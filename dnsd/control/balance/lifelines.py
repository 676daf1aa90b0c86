"""A connection to each backend that is kept and never used: it ends when the service does.

A check finds out with its next interval. The kernel of a backend whose process dies closes the
process' connections at once; so the end of this one is a reason to check now. It says nothing by
itself: many services close a connection that is idle.

A service over UDP alone has no connection to keep, but its process often listens on TCP, too, as a
DNS server does; where it does not, a connection is only tried now and then.

There is to be a connection whenever a service is up. So another one is made as soon as one has
ended, and as soon as a check succeeds where none could be made. Only a service that lives, and
again and again closes a new connection at once, is left alone for a while.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from dnsd.process.exchange import ServerAddress, open_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CONNECT_S = 2.0
SHORT_S = 1.0
"""A connection that ends sooner, and often, costs more than a check would."""
FREE = 3
"""So many short connections in a row are no habit yet: a service may be restarted in this way."""
SHORTEST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
"""Between two connections to a service with that habit."""
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
"""A firewall on the way may forget a connection, and a machine that was switched off has."""


class TcpService(NamedTuple):
    """A service that takes connections."""

    address: str
    port: int


class Habit:
    """What a service does with idle connections. Pure: told what happens, it says how to pace."""

    def __init__(self) -> None:
        self._short = 0

    def pause(self, lived: float) -> float:
        """Return how long to wait after a connection that has lived for so many seconds."""
        self._short = self._short + 1 if lived < SHORT_S else 0
        if self._short <= FREE:
            return 0.0
        doublings = min(self._short - FREE - 1, 10)  # enough for the longest pause
        return min(SHORTEST_PAUSE_S * 2.0**doublings, LONGEST_PAUSE_S)

    def forget(self) -> None:
        """Take it that the connections ended because the service did."""
        self._short = 0


class Lifelines:
    """Keeps the connections; ``ended`` is told in the loop of one that has ended or failed."""

    def __init__(self, ended: Callable[[TcpService], object]) -> None:
        self._ended = ended
        self._lines: dict[TcpService, _Line] = {}
        self._tasks: dict[TcpService, asyncio.Task[None]] = {}

    def keep(self, places: Iterable[TcpService]) -> None:
        """Keep a connection to each of these, and to no others."""
        wanted = set(places)
        for place in self._lines.keys() - wanted:
            del self._lines[place]
            self._tasks.pop(place).cancel()
        for place in wanted - self._lines.keys():
            line = self._lines[place] = _Line(place, partial(self._ended, place))
            self._tasks[place] = asyncio.create_task(line.hold())

    def checked(self, place: TcpService, *, ok: bool) -> None:
        """Note what is known of a place: one that serves again gets a new connection at once.

        An old one may be half open, if the machine was away.
        """
        line = self._lines.get(place)
        if line is None:
            return
        line.up = ok
        was_down, line.down = line.down, not ok
        if not ok:
            line.habit.forget()
        elif was_down:
            self._tasks.pop(place).cancel()
            self._tasks[place] = asyncio.create_task(line.hold())

    def close(self) -> None:
        """Let all of them go."""
        self.keep(())


class _Line:
    """The connection to one place."""

    def __init__(self, place: TcpService, ended: Callable[[], object]) -> None:
        self._place = place
        self._ended = ended
        self.habit = Habit()
        self.down = False
        """Whether the next check that succeeds is a reason to connect."""
        self.up = False
        """Whether the last check has succeeded."""

    async def hold(self) -> None:
        while True:
            lived = await self._once()
            if lived is None:
                # A check that succeeds ends this pause, unless the last one has done so: then the
                # service is gone just now, which the next check finds, or takes no connections.
                self.down = self.down or not self.up
                pause = LONGEST_PAUSE_S
            else:
                pause = self.habit.pause(lived)
            self._ended()
            await asyncio.sleep(pause)

    async def _once(self) -> float | None:
        """Connect and wait for the end; return after how many seconds it came (None: no way)."""
        loop = asyncio.get_running_loop()
        began = None
        peer = ServerAddress(self._place.address, self._place.port)
        with (
            suppress(OSError, TimeoutError),
            open_socket(peer, socket.SOCK_STREAM) as sock,
        ):
            for level, option, value in _KEEPALIVE:
                sock.setsockopt(level, option, value)
            async with asyncio.timeout(CONNECT_S):
                await loop.sock_connect(sock, tuple(self._place))
            began = loop.time()
            while await loop.sock_recv(sock, 4096):
                pass
        return None if began is None else loop.time() - began
