"""The load generator: one bounded run of dnsperf, pinned to a core, and what it reports."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.procs import pinned

if TYPE_CHECKING:
    from pathlib import Path

OUTSTANDING = 200
"""Queries in flight: they fit into a default socket buffer, so that none is lost in it."""
SOCKETS = 8
TIMEOUT_S = 1
GRACE_S = 20
"""Seconds beyond its time limit that dnsperf may need to read its input and stop."""


class LoadError(Exception):
    """dnsperf failed or said something that cannot be read."""


@dataclass(frozen=True, slots=True)
class Load:
    """How to ask: seconds, and queries a second at most (0: as fast as answers come)."""

    seconds: float
    rate: int = 0
    edns: bool = True


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


def command(load: Load, port: int, queries: Path) -> list[str]:
    """Return dnsperf's command line for ``load``."""
    line = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(queries)]
    line += ["-l", f"{load.seconds:g}", "-t", str(TIMEOUT_S), "-O", "suppress=timeouts,unexpected"]
    line += ["-q", str(OUTSTANDING), "-c", str(SOCKETS), "-T", "1"]
    line += ["-Q", str(load.rate)] if load.rate else []
    line += ["-e", "-b", "1024"] if load.edns else ["-b", "1024"]
    return line


def run(load: Load, port: int, queries: Path, core: int) -> Outcome:
    """Ask the server on ``port`` from ``core``; return when the time is up."""
    with pinned(core):
        process = subprocess.Popen(
            command(load, port, queries),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        output, _ = process.communicate(timeout=load.seconds + GRACE_S)
    except subprocess.TimeoutExpired:
        raise LoadError(f"dnsperf still ran {GRACE_S} s after its time was up") from None
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise LoadError(f"dnsperf exited with {process.returncode}: {output.strip()[-500:]}")
    return parse(output)


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
