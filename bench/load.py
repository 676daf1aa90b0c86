"""The load generator: one bounded run of dnsperf, pinned to a core, and what it reports."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.asker import OUTSTANDING
from bench.run import LoadError, output_of

if TYPE_CHECKING:
    from pathlib import Path

SOCKETS = 8
TIMEOUT_S = 1


@dataclass(frozen=True, slots=True)
class Load:
    """How to ask: seconds, and queries a second at most (0: as fast as answers come).

    ``dnssec`` sets the DO bit, ``transport`` is "udp" or "tcp", from so many ``sockets``.
    """

    seconds: float
    rate: int = 0
    edns: bool = True
    dnssec: bool = False
    transport: str = "udp"
    sockets: int = SOCKETS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of dnsperf found. ``rcodes`` counts responses by rcode."""

    sent: int
    completed: int
    lost: int
    seconds: float
    latency: float
    rcodes: dict[str, int]

    @property
    def qps(self) -> float:
        """Answers a second."""
        return self.completed / self.seconds


def command(load: Load, port: int, queries: Path, address: str = "127.0.0.1") -> list[str]:
    """Return dnsperf's command line for ``load``."""
    line = ["dnsperf", "-s", address, "-p", str(port), "-d", str(queries)]
    line += ["-l", f"{load.seconds:g}", "-t", str(TIMEOUT_S), "-O", "suppress=timeouts,unexpected"]
    line += ["-q", str(OUTSTANDING), "-c", str(load.sockets), "-T", "1", "-b", "1024"]
    line += ["-m", load.transport]
    line += ["-Q", str(load.rate)] if load.rate else []
    line += ["-e"] if load.edns else []
    line += ["-D"] if load.dnssec else []
    return line


def run(load: Load, port: int, queries: Path, cores: tuple[int, ...]) -> Outcome:
    """Ask the server on ``port`` from ``cores``; return when the time is up."""
    return parse(output_of(command(load, port, queries), load.seconds, cores))


def parse(output: str) -> Outcome:
    """Parse dnsperf's closing statistics."""
    return Outcome(
        sent=int(_number(output, "Queries sent")),
        completed=int(_number(output, "Queries completed")),
        lost=int(_number(output, "Queries lost")),
        seconds=_number(output, r"Run time \(s\)"),
        latency=_number(output, r"Average Latency \(s\)"),
        rcodes=_rcodes(output),
    )


def _number(output: str, label: str) -> float:
    match = re.search(rf"^\s*{label}:\s+([0-9.]+)", output, re.MULTILINE)
    if not match:
        raise LoadError(f"dnsperf did not report {label!r}: {output.strip()[-500:]}")
    return float(match[1])


def _rcodes(output: str) -> dict[str, int]:
    line = re.search(r"^\s*Response codes:\s+(.*)$", output, re.MULTILINE)
    if not line:
        return {}
    return {name: int(count) for name, count in re.findall(r"(\w+) (\d+) \(", line[1])}
