"""Reading of process trees and processors from /proc; pinning to a core. Starts nothing."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TICK = 1 / os.sysconf("SC_CLK_TCK")
"""Seconds of one unit of processor time in /proc."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a process tree in bytes.

    ``pss`` counts a shared page once, split among those that share it: the honest size.
    ``peak`` is the sum of each process's largest resident set, shared pages counted each time.
    """

    pss: int
    peak: int


@contextlib.contextmanager
def pinned(*cores: int) -> Iterator[None]:
    """Run the body, and everything it starts, on ``cores`` only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tree(root: int) -> list[int]:
    """Return ``root`` and all its descendants that are alive."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = parse_stat((entry / "stat").read_text())
                children.setdefault(stat.parent, []).append(int(entry.name))
    found = [root] if Path(f"/proc/{root}").exists() else []
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


@dataclass(frozen=True, slots=True)
class Stat:
    """What is used of /proc/PID/stat.

    The parent, and the user + system time of its ended children in seconds: a server may load
    its zones in a process that ends.
    """

    parent: int
    ended: float


def parse_stat(text: str) -> Stat:
    """Parse a /proc/PID/stat line (the command in it may hold spaces and parentheses)."""
    fields = text.rpartition(")")[2].split()
    return Stat(parent=int(fields[1]), ended=sum(map(int, fields[13:15])) * TICK)


def cpu_seconds(pids: list[int]) -> float:
    """Return the user + system time that ``pids`` and their ended children have used so far."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            ended = parse_stat(Path(f"/proc/{pid}/stat").read_text()).ended
            total += time.clock_gettime(cpu_clock(pid)) + ended
    return total


def cpu_clock(pid: int) -> int:
    """Return the clock of a process's CPU time, as clock_getcpuclockid(3) makes it.

    It counts nanoseconds where /proc counts hundredths of a second.
    """
    return ~pid << 3 | 2


def memory(pids: list[int]) -> Memory:
    """Return the memory of ``pids``; processes that have gone count nothing."""
    pss = peak = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            pss += kib_field(Path(f"/proc/{pid}/smaps_rollup").read_text(), "Pss")
            peak += kib_field(Path(f"/proc/{pid}/status").read_text(), "VmHWM")
    return Memory(pss, peak)


def kib_field(text: str, name: str) -> int:
    """Return the bytes of the line ``name: N kB`` in ``text``; 0 when there is none."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    return 0


def busy_seconds(cores: list[int]) -> float:
    """Return the time that ``cores`` have spent on anything but idling since boot."""
    return parse_busy(Path("/proc/stat").read_text(), cores)


def parse_busy(text: str, cores: list[int]) -> float:
    """Sum user, nice, system, irq, softirq and steal of ``cores`` from /proc/stat's text."""
    wanted = {f"cpu{core}" for core in cores}
    total = 0
    for line in text.splitlines():
        name, *fields = line.split()
        if name in wanted:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
            total += user + nice + system + irq + softirq + steal
    return total * TICK
