"""One server under overload: its capacity, then more than that, and who asks meanwhile."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.exception
import dns.message
import dns.query

from bench import procs, verify, wire, zonegen
from bench.asker import OUTSTANDING, Askers
from bench.overload.study import Row
from bench.peers.base import Setup
from bench.server import Server, ServerError
from bench.zonegen import Mix, ZonePlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.asker import Figures
    from bench.peers import Peer

ASKED = 20_000
"""Different queries."""
WAITING = (OUTSTANDING, 5 * OUTSTANDING)
"""Queries in flight where the capacity is measured: with few of them a server waits for more."""
MOST = 900_000
"""Queries that may wait for an answer at once: as many as the load generator can tell apart."""
CHECK_S = 0.1
"""Seconds between two checks over TCP."""
STATUS_S = 1.0
"""Seconds between two questions for the status: its answer takes dnsd's share of the core, too."""
PATIENCE_S = 2.0
SETTLE_S = 1.0
"""Seconds after its first answer in which a server may still be busy with its start."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long each load lasts, how much the overload is, on which cores.

    The server shares its core with so many ``others`` that want all of it: what it can answer is
    less then, and the load generator can ask a multiple of it.
    """

    names: int
    seconds: float
    factor: float
    others: int
    server_core: int
    load_core: int


@dataclass(slots=True)
class Checks:
    """What came of asking over TCP, and of asking for the status, while the load lasted."""

    made: int = 0
    answered: int = 0
    worst: float = 0.0
    status: float | None = None
    status_due: float = 0.0

    def check(self, port: int, query: dns.message.Message) -> None:
        """Ask once over TCP."""
        began = time.monotonic()
        self.made += 1
        try:
            dns.query.tcp(query, "127.0.0.1", PATIENCE_S, port)
        except (dns.exception.DNSException, OSError, EOFError):
            pass
        else:
            self.answered += 1
        self.worst = max(self.worst, time.monotonic() - began)

    def ask_status(self, directory: Path) -> None:
        """Ask dnsd's control for its status when it is time, without starting a command."""
        began = time.monotonic()
        if began < self.status_due:
            return
        self.status_due = began + STATUS_S
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(PATIENCE_S)
            admin.connect(str(directory / "admin.sock"))
            admin.sendall(b'{"command": "status"}\n')
            if not admin.recv(1):
                raise ServerError("dnsd's admin socket closes without an answer")
        self.status = max(self.status or 0.0, time.monotonic() - began)


class Ground:
    """The zone, the queries and the load generator, in ``directory``."""

    def __init__(self, plan: Plan, directory: Path) -> None:
        self.plan = plan
        self.directory = directory
        self._zone = ZonePlan(plan.names)
        self._askers = Askers(directory, (plan.load_core,))
        self._zone.write(directory / "zone")
        wire.write(
            directory / "messages",
            zonegen.ORIGIN,
            list(self._zone.queries(Mix.EXACT, ASKED)),
            edns=True,
        )
        self._askers.build()

    def measure(self, peer: Peer, say: Callable[[str], None]) -> Row:
        """Start ``peer``, load it, and return what it did."""
        place = self.directory / peer.name
        place.mkdir()
        setup = Setup(place, zonegen.ORIGIN, self.directory / "zone", verify.free_port())
        with Server(peer, setup, (self.plan.server_core,)) as server, ExitStack() as others:
            server.wait(self._zone.proof())
            for _ in range(self.plan.others):
                others.enter_context(_busy(self.plan.server_core))
            time.sleep(SETTLE_S)
            first = self._capacity(setup.port)
            say(f"{peer.name} answers {first:,.0f} queries a second")
            before = set(server.pids())
            checks = Checks()
            with ThreadPoolExecutor(1) as pool:
                rate = round(first * self.plan.factor)
                say(f"{peer.name} is asked {rate:,} a second")
                load = pool.submit(self._ask, setup.port, rate, MOST)
                while not load.done():
                    self._look(server, checks)
                    time.sleep(CHECK_S)
                figures = load.result()
            gone = before - set(server.pids())
            # Once more: other programs on this machine take their share now and then.
            capacity = max(first, self._capacity(setup.port))
            say(f"{peer.name} answered {figures.qps:,.0f} of them, and can answer {capacity:,.0f}")
            return _row(peer.name, capacity, figures, checks, gone)

    def _capacity(self, port: int) -> float:
        """Return how many queries a second are answered when some always wait."""
        return max(self._ask(port, 0, waiting).qps for waiting in WAITING)

    def _ask(self, port: int, rate: int, outstanding: int) -> Figures:
        messages = self.directory / "messages"
        return self._askers.udp(port, messages, self.plan.seconds, rate, outstanding)

    def _look(self, server: Server, checks: Checks) -> None:
        proof = self._zone.proof()
        checks.check(server.setup.port, dns.message.make_query(proof.name, proof.type))
        if server.peer.name == "dnsd":
            checks.ask_status(server.setup.directory)


@contextmanager
def _busy(core: int) -> Iterator[None]:
    """Keep ``core`` busy while the body runs.

    In a session of its own: Linux gives sessions equal shares, not processes.
    """
    with procs.pinned(core):
        process = subprocess.Popen(
            [sys.executable, "-c", "while True: pass"], start_new_session=True
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _row(name: str, capacity: float, figures: Figures, checks: Checks, gone: set[int]) -> Row:
    return Row(
        server=name,
        capacity=capacity,
        asked=figures.sent / figures.seconds / capacity,
        answered=figures.qps / capacity,
        p50=figures.p50,
        p99=figures.p99,
        checks=checks.made,
        checked=checks.answered,
        check_ms=checks.worst * 1000,
        status_ms=None if checks.status is None else checks.status * 1000,
        replaced=len(gone),
    )
