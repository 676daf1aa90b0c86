"""A connection to each backend that is kept and never used: it ends when the service does.

A check finds out with its next interval. The kernel of a backend whose process dies closes the
process' connections at once; so the end of this one is a reason to check now. It says nothing by
itself: many services close a connection that is idle.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from dnsd.process.exchange import Peer, open_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CONNECT_S = 2.0
SHORTEST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""Between two connections to one service; one that closes idle ones soon is asked seldom."""
LONG_S = 5.0
"""A connection that was kept for so long was not closed for being idle."""


class Place(NamedTuple):
    """A service that takes connections."""

    address: str
    port: int


class Lifelines:
    """Keeps the connections; ``ended`` is told of one that has ended, in the loop."""

    def __init__(self, ended: Callable[[Place], object]) -> None:
        self._ended = ended
        self._tasks: dict[Place, asyncio.Task[None]] = {}

    def keep(self, places: Iterable[Place]) -> None:
        """Keep a connection to each of these, and to no others."""
        wanted = set(places)
        for place in self._tasks.keys() - wanted:
            self._tasks.pop(place).cancel()
        for place in wanted - self._tasks.keys():
            self._tasks[place] = asyncio.create_task(self._hold(place))

    def close(self) -> None:
        """Let all of them go."""
        self.keep(())

    async def _hold(self, place: Place) -> None:
        pause = SHORTEST_PAUSE_S
        while True:
            began = time.monotonic()
            if await self._once(place):
                self._ended(place)
            is_long = time.monotonic() - began >= LONG_S
            pause = SHORTEST_PAUSE_S if is_long else min(2 * pause, LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def _once(self, place: Place) -> bool:
        """Connect and wait for the end; return whether there was a connection."""
        loop = asyncio.get_running_loop()
        connected = False
        # Whatever goes wrong with it is for checks to judge.
        peer = Peer(place.address, place.port)
        with (
            suppress(OSError, TimeoutError),
            open_socket(peer, socket.SOCK_STREAM) as sock,
        ):
            async with asyncio.timeout(CONNECT_S):
                await loop.sock_connect(sock, tuple(place))
            connected = True
            while await loop.sock_recv(sock, 4096):
                pass
        return connected
