"""Whether the machine has something else to do: figures that are measured then mislead.

Before a study the processors are watched for a second; over the whole study, what the
hypervisor takes (steal) is.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.study.results import About

WATCHED_S = 1.0
MOST_USED = 0.25
"""Share of all processors that other programs may use before a study."""
MOST_STOLEN = 0.02
MOST_LOAD = 1.0
"""Load average for each core."""
STAT = Path("/proc/stat")
OLD_LOAD = "load average at the end"
"""What studies of the first version say of the load: it includes their own."""


class Ticks(NamedTuple):
    """Time of all processors since the start of the machine, in ticks."""

    used: int
    stolen: int
    total: int

    def since(self, before: Ticks) -> Shares:
        """Return the shares between ``before`` and now."""
        total = max(1, self.total - before.total)
        return Shares((self.used - before.used) / total, (self.stolen - before.stolen) / total)


class Shares(NamedTuple):
    """Shares of the time of all processors."""

    used: float
    stolen: float


def ticks(stat: str) -> Ticks:
    """Read the first line of /proc/stat: user nice system idle iowait irq softirq steal."""
    values = [int(word) for word in stat.partition("\n")[0].split()[1:9]]
    user, nice, system, idle, wait, irq, softirq, steal = values
    used = user + nice + system + irq + softirq
    return Ticks(used, steal, used + idle + wait + steal)


def now() -> Ticks:
    """Return the ticks until now."""
    return ticks(STAT.read_text())


def before() -> list[str]:
    """Watch the machine for a second; return why it is busy, a sentence each."""
    start = now()
    time.sleep(WATCHED_S)
    return reasons(now().since(start), os.getloadavg()[0], os.cpu_count() or 1)


def reasons(shares: Shares, load: float, cores: int) -> list[str]:
    """Return why a machine is busy."""
    found = []
    if load > MOST_LOAD * cores:
        found.append(f"the load average is {load:.1f} on {cores} cores")
    if shares.used > MOST_USED:
        found.append(f"other programs use {shares.used:.0%} of the processors")
    return [*found, *stolen(shares)]


def stolen(shares: Shares) -> list[str]:
    """Return whether the hypervisor takes too much."""
    if shares.stolen <= MOST_STOLEN:
        return []
    return [f"the hypervisor takes {shares.stolen:.0%} of the processors (steal)"]


def told(about: About) -> str:
    """Return the sentence that marks results of a busy machine, or ""."""
    found: Sequence[str] = about.busy
    load = about.machine.get(OLD_LOAD)
    cores = int(about.machine.get("cores", "1"))
    if not found and load is not None and float(load) > 2 * MOST_LOAD * cores:
        found = [f"the load average was {load} on {cores} cores at the end"]
    return f"Measured on a busy machine: {'; '.join(found)}." if found else ""
