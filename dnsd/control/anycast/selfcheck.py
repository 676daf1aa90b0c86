"""The node asks itself: every VIP, over UDP and TCP, from where its clients' queries come in.

Knows sockets and time. Each query leaves from the VIP itself, so it can never reach another
node that announces the same address; each from a port of its own, so all workers get their turn.

An answer that waits because this process is busy is not the node's silence.
"""

from __future__ import annotations

import asyncio
import errno
import random
import time
from collections import deque
from typing import TYPE_CHECKING

from dnsd.announce.health import TRANSPORTS
from dnsd.announce.observation import CheckResult, SelfCheckOutcome
from dnsd.config.anycast import PORT
from dnsd.control.anycast import questions
from dnsd.control.anycast.questions import Turn
from dnsd.process import descriptors
from dnsd.process.exchange import ServerAddress, over_tcp, over_udp, within

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from dnsd.checks.question import DnsQuestion
    from dnsd.config.anycast import Anycast
    from dnsd.control.anycast.questions import Served

    Reply = bytes | OSError
    Exchange = Callable[[ServerAddress, bytes], Coroutine[None, None, bytes]]

MOST_IN_FLIGHT = 8
"""Queries to one VIP over one transport that may wait; while they do, no more are sent."""

KEPT = 10_000
"""Results that are kept until they are taken; beyond that, the oldest go."""

NOT_THE_NODE = descriptors.WANT | {errno.EADDRNOTAVAIL}
"""What is no silence of the node's. A VIP that is not there cannot be asked: the look at the
addresses finds out, and puts it back."""

AS_CONFIGURED = 10
"""VIPs that are asked as often as configured. More of them are each asked less often, so that they
together take no more queries in a second: each costs control about a millisecond. The same workers
answer all of them, and their own silence is noticed without asking."""

JITTER = 0.1
"""Part of the interval by which it varies, so that nothing keeps in step with it."""


class SelfCheck:
    """Asks for ever; :meth:`take` drains what came of it.

    ``served`` returns the origins of the zones that are served: with a quick ``in``, because it
    is called for each query. ConfigError if a configured question cannot be asked.
    """

    def __init__(self, config: Anycast, served: Served, *, port: int = PORT) -> None:
        configured = questions.read(config.query)
        self._interval = interval_of(config)
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

    async def _ask(self, lane: _Lane, question: DnsQuestion) -> None:
        lane.in_flight += 1
        try:
            result = await lane.ask(question)
        finally:
            lane.in_flight -= 1
        if result is None:
            return
        if result.outcome == SelfCheckOutcome.OK:
            lane.turn.answered(question)
        elif not lane.turn.counts(question):
            return  # a zone that has just been dropped
        self._results.append(result)


def interval_of(config: Anycast) -> float:
    """Return after how many seconds each VIP is asked again over each transport."""
    return config.check.interval * max(1.0, len(config.vips) / AS_CONFIGURED)


class _Lane:
    """One VIP over one transport, and whose turn it is there."""

    def __init__(self, vip: str, port: int, transport: str, timeout: float, turn: Turn) -> None:
        self.turn = turn
        self.in_flight = 0
        self._vip, self._transport = vip, transport
        self._peer = ServerAddress(vip, port, source=vip)
        self._timeout = timeout
        self._over = over_tcp if transport == "tcp" else over_udp

    async def ask(self, question: DnsQuestion) -> CheckResult | None:
        """Ask and judge; None if it could not be asked for a reason of this process's own."""
        query = question.query()
        began = time.monotonic()
        reply = await within(self._timeout, _reply(self._over, self._peer, query.to_wire()))
        latency = time.monotonic() - began
        how = self._transport.upper()
        if isinstance(reply, bytes):
            fault = question.fault(query, reply)
            outcome = SelfCheckOutcome.WRONG if fault else SelfCheckOutcome.OK
            detail = fault and f"answered {question} over {how} {fault}"
        elif reply is not None and reply.errno in NOT_THE_NODE:
            return None
        else:
            outcome, detail = SelfCheckOutcome.SILENT, _silence(reply, str(question), how)
        return CheckResult(self._vip, self._transport, str(question), outcome, detail, latency)


async def _reply(over: Exchange, peer: ServerAddress, packet: bytes) -> Reply:
    try:
        return await over(peer, packet)
    except OSError as error:
        return error


def _silence(error: OSError | None, question: str, how: str) -> str:
    """Return how there was no answer, as it follows the VIP in a sentence."""
    if error is None:
        return f"did not answer {question} over {how}"
    if isinstance(error, ConnectionRefusedError):
        return f"refused {question} over {how}: nothing listens there"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return f"closed the connection over {how} without an answer to {question}"
    return f"could not be queried over {how} for {question}: {error.strerror or error}"
