"""Our own load generators, C programs built when they are needed, and what they report.

dnsperf asks as fast as answers come and gives no percentiles; these do what it cannot.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.run import LoadError, output_of

if TYPE_CHECKING:
    import signal

SOURCES = Path(__file__).parent
NAMES = ("udp", "tcp")
OUTSTANDING = 200
"""Queries in flight at most: they fit into a default socket buffer, so none is lost in it."""
RCODES = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}


@dataclass(frozen=True, slots=True)
class Figures:
    """What one window of a load was like; times in µs."""

    seconds: float
    sent: int
    received: int
    lost: int
    p50: float
    p99: float
    p999: float
    max: float
    rcodes: dict[str, int]

    @property
    def qps(self) -> float:
        """Answers a second."""
        return self.received / self.seconds

    @property
    def loss(self) -> float:
        """Share of the queries without an answer."""
        return self.lost / max(self.sent, 1)


@dataclass(frozen=True, slots=True)
class Trigger:
    """What is to happen in the middle of a load, and how many seconds the effect may take.

    The file ``new`` replaces ``old``, and the signal ``number`` is sent to ``pid``.
    """

    pid: int
    number: signal.Signals
    limit: float
    new: Path
    old: Path


@dataclass(frozen=True, slots=True)
class Askers:
    """The programs, built in ``directory``, and the cores they run on."""

    directory: Path
    cores: tuple[int, ...]

    def build(self) -> None:
        """Compile both programs."""
        if shutil.which("cc") is None:
            raise LoadError("no C compiler (cc) to build the load generators with")
        for name in NAMES:
            binary, source = self.directory / name, SOURCES / f"{name}.c"
            subprocess.run(["cc", "-O2", "-o", str(binary), str(source)], check=True, timeout=60)

    def udp(self, port: int, queries: Path, seconds: float, rate: int, outstanding: int) -> Figures:
        """Ask over UDP at ``rate`` queries a second (0: ``outstanding`` always in flight)."""
        line: list[object] = [port, queries, seconds, rate, outstanding]
        return parse(self._run("udp", line, seconds))[0]

    def udp_with(
        self, port: int, queries: Path, seconds: float, rate: int, trigger: Trigger
    ) -> tuple[Figures, Figures, float]:
        """Ask over UDP, send the signal after ``seconds``, and go on until the answer changes.

        Return the figures before and from the signal on, and the seconds until the new answer.
        """
        line: list[object] = [port, queries, seconds, rate, OUTSTANDING]
        line += [trigger.pid, int(trigger.number), trigger.limit, trigger.new, trigger.old]
        output = self._run("udp", line, seconds + trigger.limit)
        before, during = parse(output)
        return before, during, float(output.rpartition("changed=")[2])

    def tcp(self, port: int, queries: Path, seconds: float, connections: int) -> Figures:
        """Ask each query on a TCP connection of its own."""
        return parse(self._run("tcp", [port, queries, seconds, connections], seconds))[0]

    def _run(self, name: str, arguments: list[object], seconds: float) -> str:
        command = [str(self.directory / name), *map(str, arguments)]
        return output_of(command, seconds, self.cores)


def parse(output: str) -> list[Figures]:
    """Parse the lines of figures, one for each window of the load."""
    lines = [line for line in output.splitlines() if "received=" in line]
    if not lines:
        raise LoadError(f"the load generator reported nothing: {output.strip()[-500:]}")
    return [_figures(dict(item.split("=") for item in line.split())) for line in lines]


def _figures(items: dict[str, str]) -> Figures:
    counts = {number: int(items[f"rcode{number}"]) for number in range(16)}
    return Figures(
        seconds=float(items["seconds"]),
        sent=int(items["sent"]),
        received=int(items["received"]),
        lost=int(items["lost"]),
        p50=float(items["p50"]),
        p99=float(items["p99"]),
        p999=float(items["p999"]),
        max=float(items.get("max", items["p999"])),
        rcodes={RCODES.get(number, f"RCODE{number}"): n for number, n in counts.items() if n},
    )
