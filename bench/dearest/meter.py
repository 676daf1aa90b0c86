"""The CPU time of a packet: received, answered and sent by dnsd's own loop over a socket.

The seam that is measured is :class:`dnsd.hotpath.api.Draining`; only the kernel and the answer cost
anything there. The least of many turns, divided by that of a plain hit in between, hardly depends
on what else the machine does.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Self, cast

from bench.dearest.scenes import PLAIN, Scene
from bench.dearest.shapes import Asked, question
from bench.study.errors import StudyError
from dnsd import compile as compiler
from dnsd import hotpath
from dnsd.hotpath import Client, Draining, Settings, Transport
from dnsd.image.store import Image
from dnsd.metrics import counters
from dnsd.zone.findings import Severity
from dnsd.zone.load import load_text

if TYPE_CHECKING:
    from types import TracebackType

BATCH = 32
"""Packets of one turn: as many as a batch of dnsd's has."""
_BUFFER = 1 << 21
_TURN_S = 1.0
_SECRET = b"0123456789abcdef"
_OCTETS = 1232
"""What a plain packet may carry: a longer answer over TCP may cost as many times more."""


class Broken(StudyError):
    """The zone of a scene cannot be served."""


class Meter:
    """Measures packets put to the zone of one scene. Use as a context manager.

    Broken when the zone cannot be served, StudyError when there is no hot path that drains sockets.
    """

    def __init__(self, scene: Scene) -> None:
        loaded = load_text("example.", scene.text, scene.name)
        zone = loaded.zone
        if zone is None:
            error = next(one for one in loaded.findings if one.severity == Severity.ERROR)
            raise Broken(f"the zone of {scene.name} cannot be served: {error}")
        settings = Settings(udp_payload=_OCTETS, nsid=b"bench", cookie_secrets=(_SECRET,))
        self._path = hotpath.make(settings, counters.fresh())
        if not hasattr(self._path, "drain"):
            raise StudyError("only the native hot path can be measured: it was built without one")
        self._path.put_zone(zone.apex, Image(bytes(compiler.build(zone))))
        self._plain = question(PLAIN, "A").packet
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for each in self._sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            each.bind(("127.0.0.1", 0))
            each.setblocking(False)
        self._server, self._client = self._sockets
        self._client.connect(self._server.getsockname())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in self._sockets:
            each.close()

    def factor(self, asked: Asked, turns: int) -> float:
        """Return how many times as much CPU time ``asked`` costs as a plain hit."""
        least, plain = 1 << 62, 1 << 62
        for _ in range(turns):
            least = min(least, self._turn(asked.packet))
            plain = min(plain, self._turn(self._plain))
        return least / plain

    def plain(self, turns: int) -> float:
        """Return the microseconds of a plain hit."""
        return min(self._turn(self._plain) for _ in range(turns)) / BATCH / 1000

    def over_tcp(self, asked: Asked, turns: int) -> float:
        """Return the same for a query over TCP, by what the answer adds to a plain hit's cost.

        An answer that is as long as many packets may cost as much as they.
        """
        answered = self._path.answer(asked.packet, 0.0, Client(Transport.TCP, "127.0.0.1"))
        base = self._answering(self._plain, Transport.UDP, turns)
        extra = self._answering(asked.packet, Transport.TCP, turns) - base
        plain = min(self._turn(self._plain) for _ in range(turns)) / BATCH
        return (plain + extra) / plain / max(1.0, len(answered or b"") / _OCTETS)

    def _answering(self, packet: bytes, transport: Transport, turns: int) -> float:
        client, answer = Client(transport, "127.0.0.1"), self._path.answer
        least = 1 << 62
        for _ in range(turns):
            began = time.thread_time_ns()
            for _ in range(BATCH):
                answer(packet, 0.0, client)
            least = min(least, time.thread_time_ns() - began)
        return least / BATCH

    def _turn(self, packet: bytes) -> int:
        """Have a batch answered; return the nanoseconds of CPU time that it took."""
        for _ in range(BATCH):
            self._client.send(packet)
        draining = cast("Draining", self._path)
        began = time.thread_time_ns()
        draining.drain(self._server.fileno(), _TURN_S)
        spent = time.thread_time_ns() - began
        try:
            while True:
                self._client.recv(65535)
        except BlockingIOError:
            return spent
