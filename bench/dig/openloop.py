"""An open loop: each query has its time, and is asked then, whether others were answered or not.

A time that is counted from when a query was due leaves nothing out: while a server stalls,
queries fall due, and what they wait is the server's. Knows no sockets: a :class:`Way` asks.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SPIN_S = 0.0015
"""A timer of the event loop is up to a millisecond late: the last of a wait is spun away."""
POLL_S = 0.05
HEADSTART_S = 0.05


@dataclass(slots=True)
class Shot:
    """One query, all times in seconds of the loop's clock.

    It was ``due``, it was ``begun`` (what lies between is the asker's own lag), and ``done``;
    None: there was no answer. ``handshake`` of that was spent on a new connection.
    """

    due: float
    begun: float = 0.0
    handshake: float = 0.0
    done: float | None = None


class Way(Protocol):
    """Asks, without waiting."""

    def ask(self, packet: bytes, shot: Shot) -> None:
        """Send ``packet``; ``shot`` is told of what comes of it."""


async def fire(
    way: Way,
    packets: Sequence[bytes],
    dues: Sequence[float],
    patience: float,
    reach: Callable[[int], None] = lambda _: None,
) -> list[Shot]:
    """Ask each of ``packets`` when it is due (ascending, in seconds from now).

    Return when all are answered, or the last one's ``patience`` is over. What is answered after
    its patience counts as not answered.
    """
    loop = asyncio.get_running_loop()
    start = loop.time() + HEADSTART_S
    shots = [Shot(start + due) for due in dues]
    for number, (packet, shot) in enumerate(zip(packets, shots, strict=True)):
        await _until(shot.due)
        shot.begun = loop.time()
        way.ask(packet, shot)
        reach(number)
    while shots and loop.time() < shots[-1].due + patience:
        if all(shot.done is not None for shot in shots):
            break
        await asyncio.sleep(POLL_S)
    for shot in shots:
        if shot.done is not None and shot.done - shot.due > patience:
            shot.done = None
    return shots


async def _until(when: float) -> None:
    """Return at ``when``, or after what has arrived was read."""
    loop = asyncio.get_running_loop()
    if when - loop.time() > SPIN_S:
        await asyncio.sleep(when - loop.time() - SPIN_S)
    await asyncio.sleep(0)
    while loop.time() < when:
        await asyncio.sleep(0)


def steady(rate: float, seconds: float) -> list[float]:
    """Return when queries are due at ``rate`` a second."""
    return [number / rate for number in range(max(1, round(rate * seconds)))]
