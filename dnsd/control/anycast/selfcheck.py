"""The node asks itself: every VIP, over UDP and TCP, from where its clients' queries come in.

Knows sockets and time. Each query leaves from the VIP itself, so it can never reach another
node that announces the same address; each from a port of its own, so all workers get their turn.

A time-out is counted in time in which this process was awake. An answer that nobody has read
because the loop was busy, or the machine paused, is not the node's silence.
"""

from __future__ import annotations

import asyncio
import errno
import random
import socket
import time
from collections import deque
from typing import TYPE_CHECKING

from dnsd.announce.health import TRANSPORTS, CheckResult, Outcome
from dnsd.config.anycast import PORT
from dnsd.control.anycast import questions
from dnsd.control.anycast.questions import Turn

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from dnsd.config.anycast import Anycast
    from dnsd.control.anycast.questions import Question, Served

    Reply = bytes | OSError

MOST_IN_FLIGHT = 8
"""Queries to one VIP over one transport that may wait; while they do, no more are sent."""

KEPT = 10_000
"""Results that are kept for who takes them; if nobody does, the oldest go."""

JITTER = 0.1
"""Part of the interval by which it varies, so that nothing keeps in step with it."""

STEPS = 10
"""Parts of a time-out; one that took twice its time does not count."""

_LARGEST = 65535
_IP_BIND_ADDRESS_NO_PORT = 24  # Linux; Python has no name for it
_OWN_WANT = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""What this process lacks says nothing about the workers."""


class SelfCheck:
    """Asks for ever; :meth:`take` drains what came of it.

    ``served`` returns the origins of the zones that are served: with a quick ``in``, because it
    is called for each query. ConfigError if a configured question cannot be asked.
    """

    def __init__(self, config: Anycast, served: Served, *, port: int = PORT) -> None:
        configured = questions.read(config.query)
        self._interval = config.check.interval
        self._results: deque[CheckResult] = deque(maxlen=KEPT)
        self._lanes = [
            _Lane(vip, port, transport, config.check.timeout, Turn(configured, served))
            for vip in config.vips
            for transport in TRANSPORTS
        ]

    def take(self) -> tuple[CheckResult, ...]:
        """Return the results since the last time, in the order in which they came."""
        results = tuple(self._results)
        self._results.clear()
        return results

    async def run(self) -> None:
        """Ask on every VIP over every transport, each interval."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(self._keep_asking(lane, group))

    async def _keep_asking(self, lane: _Lane, group: asyncio.TaskGroup) -> None:
        await asyncio.sleep(random.uniform(0, self._interval))
        while True:
            if lane.in_flight < MOST_IN_FLIGHT and (question := lane.turn.next()):
                group.create_task(self._ask(lane, question))
            await asyncio.sleep(self._interval * random.uniform(1 - JITTER, 1 + JITTER))

    async def _ask(self, lane: _Lane, question: Question) -> None:
        lane.in_flight += 1
        try:
            result = await lane.ask(question)
        finally:
            lane.in_flight -= 1
        if result is None:
            return
        if result.outcome == Outcome.OK:
            lane.turn.answered(question)
        elif not lane.turn.counts(question):
            return  # a zone that has just been dropped
        self._results.append(result)


class _Lane:
    """One VIP over one transport, and whose turn it is there."""

    def __init__(self, vip: str, port: int, transport: str, timeout: float, turn: Turn) -> None:
        self.turn = turn
        self.in_flight = 0
        self._vip, self._port, self._transport = vip, port, transport
        self._timeout = timeout
        self._exchange = _over_tcp if transport == "tcp" else _over_udp

    async def ask(self, question: Question) -> CheckResult | None:
        """Ask and judge; None if it could not be asked for a reason of this process's own."""
        query = question.query()
        began = time.monotonic()
        reply = await within(self._timeout, self._exchange(self._vip, self._port, query.to_wire()))
        latency = time.monotonic() - began
        how = self._transport.upper()
        if isinstance(reply, bytes):
            fault = question.fault(query, reply)
            outcome = Outcome.WRONG if fault else Outcome.OK
            detail = fault and f"answered {question} over {how} {fault}"
        elif reply is not None and reply.errno in _OWN_WANT:
            return None
        else:
            outcome, detail = Outcome.SILENT, _silence(reply, str(question), how)
        return CheckResult(self._vip, self._transport, str(question), outcome, detail, latency)


async def within(limit: float, exchange: Coroutine[None, None, Reply]) -> Reply | None:
    """Return what ``exchange`` returns, None after ``limit`` seconds in which it could have.

    A loop that is late all the time gets three times as many steps, and no more.
    """
    task = asyncio.ensure_future(exchange)
    step = limit / STEPS
    left = limit
    try:
        for _ in range(3 * STEPS):
            began = time.monotonic()
            await asyncio.wait((task,), timeout=step)
            took = time.monotonic() - began
            if took < 2 * step:  # else the loop was not awake, and the answer may lie there
                left -= took
            if left <= 0 or task.done():
                break
    finally:
        if not task.done():
            task.cancel()
    return task.result() if task.done() else None


async def _over_udp(vip: str, port: int, packet: bytes) -> Reply:
    loop = asyncio.get_running_loop()
    try:
        with _socket(vip, socket.SOCK_DGRAM) as sock:
            await loop.sock_connect(sock, (vip, port))
            await loop.sock_sendall(sock, packet)
            while True:
                reply = await loop.sock_recv(sock, _LARGEST)
                if reply[:2] == packet[:2]:
                    return reply
    except OSError as error:
        return error


async def _over_tcp(vip: str, port: int, packet: bytes) -> Reply:
    loop = asyncio.get_running_loop()
    try:
        with _socket(vip, socket.SOCK_STREAM) as sock:
            await loop.sock_connect(sock, (vip, port))
            await loop.sock_sendall(sock, len(packet).to_bytes(2, "big") + packet)
            length = await _read(sock, 2)
            return await _read(sock, int.from_bytes(length, "big"))
    except OSError as error:
        return error


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


def _socket(vip: str, kind: socket.SocketKind) -> socket.socket:
    """Return a non-blocking socket whose own address is ``vip``; OSError if it is not here."""
    sock = socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET, kind)
    try:
        sock.setblocking(False)
        # The port is chosen at connect(): it need not differ from those of other destinations.
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((vip, 0))
    except OSError:
        sock.close()
        raise
    return sock


def _silence(error: OSError | None, question: str, how: str) -> str:
    """Return how there was no answer, as it follows the VIP in a sentence."""
    if error is None:
        return f"gave no answer over {how} to {question}"
    if isinstance(error, ConnectionRefusedError):
        return f"has nobody who listens on {how} for {question}"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return f"closed the connection over {how} without an answer to {question}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"is no address of this node, so it was not asked over {how} for {question}"
    return f"could not be asked over {how} for {question}: {error.strerror or error}"
