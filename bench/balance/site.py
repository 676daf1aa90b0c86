"""The site of the study: two directors, three backends, another city, and a client full of work.

It is that of the tests (:mod:`tests.director`), with HTTP and a real dnsd on each backend. The next
city is a machine that the router has a worse route to.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.balance.loads import Event
from bench.lab.question import PORT as DNS
from tests.director import BACKENDS, PORT, VIPS, Backend, DirectorSite
from tests.support import COMMAND, until, zone

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.netspace import Space

ROOT = Path(__file__).parents[2]
FAR = "far"
"""The next city."""
IDLE_S = 3.0
"""Kept connections ask each second; on a busy machine, in the second after it."""
WEIGHTS = {"a": 1, "b": 2, "c": 1}

_DNS = """\
[server]
listen = [{listen}]
workers = 1
server_id = "{name}"
state_directory = "{directory}/state"
[rate_limit]
per_second = 0
[zones]
directory = "{directory}/zones"
"""


class Site(DirectorSite):
    """Directors that are made, not started; backends serve once it is built."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, 2, ports=[PORT, DNS], idle=f"{IDLE_S:g}s")
        for director in self.directors:
            director.configure(WEIGHTS)
        self.backends[FAR] = Backend(self, 14, FAR)
        for vip, gateway in zip(VIPS, ("10.0.0.14", "fd00::14"), strict=True):
            self.router.ip(f"route add {vip} via {gateway} metric 5000")
        self._dns: dict[str, subprocess.Popen[bytes]] = {}
        for name, backend in self.backends.items():
            backend.module = "bench.balance.host"
            self._write(name, backend.number)

    def _write(self, name: str, number: int) -> None:
        directory = self.directory / f"dns-{name}"
        (directory / "zones").mkdir(parents=True)
        (directory / "zones/example.com.zone").write_text(zone(1, "www A 192.0.2.1"))
        own = [VIPS[0], f"[{VIPS[1]}]", f"10.0.0.{number}", f"[fd00::{number}]"]
        listen = ", ".join(f'"{address}:{DNS}"' for address in own)
        text = _DNS.format(listen=listen, name=name, directory=directory)
        (directory / "dnsd.toml").write_text(text)

    def build(self) -> None:
        """Start all but the directors."""
        super().build()
        for name in self.backends:
            self._start_dns(name)

    def start(self, name: str) -> None:
        """Start a backend."""
        self._start_dns(name)
        self.backends[name].start()

    def _start_dns(self, name: str) -> None:
        directory = self.directory / f"dns-{name}"
        (directory / "log").touch()
        before = (directory / "log").read_text().count("dnsd: ready on")
        with (directory / "log").open("ab") as log:
            self._dns[name] = self.backends[name].space(
                lambda: subprocess.Popen(
                    [*COMMAND, "serve", "--config", str(directory / "dnsd.toml")],
                    cwd=ROOT,
                    stderr=log,
                    start_new_session=True,
                )
            )
        log_ = directory / "log"
        until(lambda: log_.read_text().count("dnsd: ready on") > before, f"dnsd on {name}")

    def kill(self, name: str) -> float:
        """Kill all that a backend runs, and return when."""
        began = time.monotonic()
        self.backends[name].kill()
        os.killpg(self._dns[name].pid, signal.SIGKILL)
        self._dns[name].wait()
        return began

    def end(self) -> None:
        """End all that runs."""
        for name, process in self._dns.items():
            if process.poll() is None:
                self.kill(name)
        super().end()

    def updates(self) -> int:
        """Return how many BGP updates the router has had from directors so far."""
        said = self.birdc("show", "protocols", "all")
        return sum(map(int, re.findall(r"Import (?:updates|withdraws):\s+(\d+)", said)))


class Lines:
    """The lines that a program writes in a namespace, each with the time when it came."""

    def __init__(self, space: Space, *command: str) -> None:
        self.found: list[tuple[float, str]] = []
        self._process = space(
            lambda: subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
            )
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.found.append((time.monotonic(), line.strip()))

    def write(self, line: str) -> None:
        """Give it a line."""
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


class Client:
    """The loads, seen from outside; all times are monotonic seconds."""

    def __init__(self, site: Site) -> None:
        self._lines = Lines(
            site.client, sys.executable, "-m", "bench.balance.loads", str(PORT), *VIPS
        )

    def events(self) -> list[Event]:
        """Return all that has happened so far."""
        return [Event.read(line) for _, line in [*self._lines.found]]

    def since(self, began: float, *loads: str) -> list[Event]:
        """Return what has happened to flows of these loads from ``began`` on."""
        return [one for one in self.events() if one.began >= began and one.load in loads]

    def lost(self, began: float) -> list[Event]:
        """Return the kept connections and downloads that broke from ``began`` on."""
        return [one for one in self.since(began, "kept", "long") if one.outcome == "lost"]

    def failed(self, began: float) -> list[Event]:
        """Return the new flows from ``began`` on that failed."""
        found = self.since(began, "fresh", "udp", "tcp")
        return [one for one in found if one.outcome == "lost"]

    def first(self, began: float, is_it: Callable[[Event], bool]) -> float:
        """Wait for a new connection after ``began`` of which ``is_it`` is true; return when."""

        def look() -> float:
            found = [one.began for one in self.since(began, "fresh") if is_it(one)]
            return min(found, default=0.0)

        return float(until(look))

    def release(self, name: str) -> None:
        """Have the kept flows that lead to a backend end in good order."""
        self._lines.write(f"release {name}")

    def end(self) -> None:
        """End the loads."""
        self._lines.end()


def at_home(event: Event) -> bool:
    """Return whether a backend of this city has answered."""
    return event.backend in BACKENDS
