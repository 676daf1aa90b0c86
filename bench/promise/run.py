"""Kills, and for how long caches could lead users to the machine that died.

Each name is asked again and again, as if a cache had just forgotten it. An answer that holds the
dead machine leads there until its TTL is over: the last such moment, after the kill, is what a
failure is felt for.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import dns.message
import dns.rdatatype

from bench.peers.dnsd import COMMAND, PATHS
from bench.promise.machines import WELL
from bench.promise.site import promised
from bench.promise.study import Row
from bench.running import Running
from bench.study.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from bench.promise.site import Site

    Say = Callable[[str], object]

ASK_S = 0.2
"""Each name is asked so often: what is measured may be shorter than what is true by so much."""
PATIENCE_S = 300.0
ANSWER_S = 1.0

Answers = dict[str, tuple[frozenset[str], int]]


class Machines:
    """The process of the machines."""

    def __init__(self, site: Site) -> None:
        line = [sys.executable, "-m", "bench.promise.machines", str(site.port), *site.addresses]
        self._process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def become(self, address: str, state: str) -> float:
        """Have a machine be so, and return when (monotonic seconds): not before it is."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        began = time.monotonic()
        self._process.stdin.write(f"{address} {state}\n")
        self._process.stdin.flush()
        if self._process.stdout.readline() != "done\n":
            raise StudyError(f"the machines do not obey: {address} {state}")
        return began

    def stop(self) -> None:
        """End them, and close the pipes."""
        with self._process as process:
            process.terminate()


class Asker:
    """Asks for all names of a site at once."""

    def __init__(self, site: Site) -> None:
        self._owners = site.owners()
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.connect(("127.0.0.1", site.dns_port))
        self._sock.settimeout(ANSWER_S)
        self._asked = 0

    def ask(self) -> Answers:
        """Return the addresses and the TTL of each name."""
        waiting = {}
        for owner in self._owners:
            self._asked = (self._asked + 1) % 65536
            waiting[self._asked] = owner
            self._sock.send(dns.message.make_query(owner, "A", id=self._asked).to_wire())
        found: Answers = {}
        while waiting:
            response = dns.message.from_wire(self._sock.recv(4096))
            owner = waiting.pop(response.id, "")
            for rrset in response.answer if owner else ():
                found[owner] = frozenset(str(rdata) for rdata in rrset), rrset.ttl
        return found

    def wait(self, ready: Callable[[Answers], bool], what: str) -> None:
        """Ask until the answers are ``ready``."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                if ready(self.ask()):
                    return
            except OSError:
                pass
            time.sleep(ASK_S)
        raise StudyError(f"after {PATIENCE_S:g} s still waiting until {what}")

    def felt(self, address: str, killed: float) -> list[float]:
        """Return for how long each name led to ``address``, which was ``killed`` then."""
        leads = dict.fromkeys(self._owners, killed)
        while True:
            answers = self.ask()
            now = time.monotonic()
            for owner, (addresses, ttl) in answers.items():
                if address in addresses:
                    leads[owner] = max(leads[owner], now + ttl)
            if not any(address in addresses for addresses, _ in answers.values()):
                return [until - killed for until in leads.values()]
            if now - killed > PATIENCE_S:
                raise StudyError(f"{address} is never taken out")
            time.sleep(ASK_S)

    def close(self) -> None:
        """Ask no more."""
        self._sock.close()


def play(site: Site, ways: Iterable[str], kills: int, directory: Path, say: Say) -> list[Row]:
    """Kill machines of ``site`` in each of ``ways``, so many times, and return what was felt."""
    config = site.write(directory)
    promise = promised(config)
    rows = []
    with ExitStack() as stack:
        machines = Machines(site)
        stack.callback(machines.stop)
        environment = os.environ | {"PYTHONPATH": PATHS}
        node = Running([*COMMAND, "serve", "--config", str(config)], directory, environment)
        stack.callback(node.stop)
        asker = Asker(site)
        stack.callback(asker.close)
        chance = random.Random(site.names)

        def all_well(answers: Answers) -> bool:
            return all(one == (frozenset(site.addresses), site.ttl) for one in answers.values())

        for way in ways:
            felt: list[float] = []
            for number in range(kills):
                asker.wait(all_well, "all names lead to all machines")
                time.sleep(chance.uniform(0, 1))
                address = site.addresses[number % len(site.addresses)]
                felt += asker.felt(address, machines.become(address, way))
                machines.become(address, WELL)
                say(f"{way} {number + 1} of {kills}: {max(felt[-site.names :]):.1f} s")
            rows.append(Row.of(site, way, kills, promise, felt))
    return rows
