"""One query to a server over UDP or TCP, with a time-out that excludes this process's own delays.

Knows sockets and time, and nothing of what is in the packets.

A time-out counts only time in which this process was awake. If an answer was not read because the
loop was busy, or the machine paused, the server was not silent.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

STEPS = 10
"""Steps of a time-out; a step that took twice its time does not count."""

_LARGEST = 65535
_IP_BIND_ADDRESS_NO_PORT = 24  # Linux; Python has no name for it

_T = TypeVar("_T")


class ServerAddress(NamedTuple):
    """A server, and the local address to ask it from; None: the kernel chooses."""

    address: str
    port: int
    source: str | None = None


async def ended_within(limit: float, task: asyncio.Future[_T]) -> bool:
    """Return whether ``task`` ends within ``limit`` seconds in which the loop was awake.

    A loop that is always late gets three times as many steps at most.
    """
    step = limit / STEPS
    left = limit
    for _ in range(3 * STEPS):
        began = time.monotonic()
        await asyncio.wait((task,), timeout=step)
        took = time.monotonic() - began
        if took < 2 * step:  # else the loop was not awake, and the answer may be waiting
            left -= took
        if left <= 0 or task.done():
            break
    return task.done()


async def within(limit: float, exchange: Coroutine[Any, Any, _T]) -> _T | None:
    """Return the result of ``exchange``, or None after ``limit`` seconds, counted as above."""
    task = asyncio.ensure_future(exchange)
    try:
        return task.result() if await ended_within(limit, task) else None
    finally:
        task.cancel()


async def over_udp(peer: ServerAddress, packet: bytes) -> bytes:
    """Return the response to the query ``packet``: the first one with its ID."""
    loop = asyncio.get_running_loop()
    with open_socket(peer, socket.SOCK_DGRAM) as sock:
        await loop.sock_connect(sock, (peer.address, peer.port))
        await loop.sock_sendall(sock, packet)
        while True:
            reply = await loop.sock_recv(sock, _LARGEST)
            if reply[:2] == packet[:2]:
                return reply


async def over_tcp(peer: ServerAddress, packet: bytes) -> bytes:
    """Return the response to the query ``packet``; ConnectionResetError if there is none."""
    loop = asyncio.get_running_loop()
    with open_socket(peer, socket.SOCK_STREAM) as sock:
        await loop.sock_connect(sock, (peer.address, peer.port))
        await loop.sock_sendall(sock, len(packet).to_bytes(2, "big") + packet)
        length = await _read(sock, 2)
        return await _read(sock, int.from_bytes(length, "big"))


def open_socket(peer: ServerAddress, kind: socket.SocketKind) -> socket.socket:
    """Return a non-blocking socket for ``peer``; OSError if its source is not a local address."""
    sock = socket.socket(socket.AF_INET6 if ":" in peer.address else socket.AF_INET, kind)
    try:
        sock.setblocking(False)
        if peer.source is not None:
            # The port is chosen at connect(): it need not differ from those of others.
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((peer.source, 0))
    except OSError:
        sock.close()
        raise
    return sock


async def _read(sock: socket.socket, size: int) -> bytes:
    """Return exactly ``size`` octets; ConnectionResetError if the stream ends before."""
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < size:
        more = await loop.sock_recv(sock, size - len(data))
        if not more:
            raise ConnectionResetError(errno.ECONNRESET, "the stream has ended")
        data += more
    return data
