"""Asks the VIPs in turn, once a millisecond, and writes down who answered each query.

It runs as a process of its own in a client's namespace and imports no more than it must. What
it finds lies in a file of fixed size (:mod:`bench.lab.ring`), readable while it is written.

For each VIP it has several sockets: a server spreads sources over its workers, and one silent
worker must neither hide nor look like all of them.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

from bench.lab import question
from bench.lab.ring import Ring

SOCKETS = 8
PRIORITY = -10
"""A client is a machine of its own in truth, which no server can starve."""


class Prober:
    """Sends and receives. ``sites``: the answers that are known, by their number from 1 on."""

    def __init__(self, ring: Ring, vips: list[str], sites: list[str]) -> None:
        self._ring = ring
        self._targets = [(vip, question.PORT) for vip in vips]
        self._sites = {name.encode(): number for number, name in enumerate(sites, 1)}
        self._families = [
            [_socket(socket.AF_INET6 if ":" in vip else socket.AF_INET) for _ in range(SOCKETS)]
            for vip in vips
        ]
        self._sockets = [sock for family in self._families for sock in family]

    def send(self) -> None:
        """Ask the VIP whose turn it is."""
        number = self._ring.count
        turn, which = number % len(self._targets), number // len(self._targets) % SOCKETS
        self._ring.sent(time.monotonic_ns(), turn)
        try:
            self._families[turn][which].sendto(question.query(number & 0xFFFF), self._targets[turn])
        except OSError:
            return  # no route, for example: nobody answers, and that is written already

    def receive(self, seconds: float) -> None:
        """Wait at most ``seconds`` for answers and write down those that have come."""
        for sock in select.select(self._sockets, [], [], seconds)[0]:
            try:
                response = sock.recv(512)
            except OSError:
                continue
            site = self._sites.get(question.answerer(response), 0)
            self._ring.answered(question.message_id(response), site, time.monotonic_ns())


def _socket(family: socket.AddressFamily) -> socket.socket:
    # Not connected: an ICMP error about one query must not become the failure of the next.
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setblocking(False)
    return sock


def run(prober: Prober, interval_ns: int) -> None:
    """Ask once in ``interval_ns`` for ever; what a busy machine has missed is not made up for."""
    due = time.monotonic_ns()
    while True:
        late = time.monotonic_ns() - due
        if late < 0:
            prober.receive(-late / 1e9)
            continue
        prober.send()
        due += interval_ns * (1 + late // interval_ns)


def main() -> None:
    """``python -m bench.lab.prober RING QUERIES-PER-SECOND VIP,… SITE,…``."""
    path, rate, vips, sites = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    gc.disable()
    os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    with Ring.writable(Path(path)) as ring:
        run(Prober(ring, vips.split(","), sites.split(",")), 10**9 // int(rate))


if __name__ == "__main__":
    main()
