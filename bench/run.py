"""Runs one load generator to its end: on its cores, within its time."""

from __future__ import annotations

import subprocess

from bench.procs import pinned

GRACE_S = 8
"""Seconds beyond its time that a load generator may need to read its input and stop."""


class LoadError(Exception):
    """A load generator failed or said something that cannot be read."""


class Overdue(LoadError):
    """A load generator did not stop when its time was up: dnsperf does that now and then."""


def output_of(command: list[str], seconds: float, cores: tuple[int, ...]) -> str:
    """Run ``command``, which is to stop after ``seconds``, on ``cores``; return what it printed."""
    with pinned(*cores):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    name = command[0].rpartition("/")[2]
    try:
        output, _ = process.communicate(timeout=seconds + GRACE_S)
    except subprocess.TimeoutExpired:
        raise Overdue(f"{name} still ran {GRACE_S} s after its time was up") from None
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise LoadError(f"{name} exited with {process.returncode}: {output.strip()[-500:]}")
    return output
