"""A process that builds zones and ends: ``python -m dnsd.build.builder``.

Takes jobs from each line of standard input, answers with their results on a line of standard
output. Its memory goes back to the system when it ends, which it does at the end of its input:
at once, even in the middle of a job, because then no process waits for the results.
"""

from __future__ import annotations

import os
import sys
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

import msgspec

from dnsd.build.images import Job
from dnsd.build.pipeline import BuildResult, build_zones
from dnsd.process import log, stderr
from dnsd.process.logline import Speaker
from dnsd.process.start import imported

if TYPE_CHECKING:
    from collections.abc import Sequence


NEEDED = ("dnsd.zone.load", "dnsd.compile", "dnsd.build.contents", "dnsd.build.versions")
"""What each build takes, and who only asks for builds does not."""


def encode_jobs(jobs: Sequence[Job]) -> bytes:
    """Return the line for ``jobs``."""
    return msgspec.json.encode(jobs) + b"\n"


def decode_results(line: bytes) -> list[BuildResult]:
    """Return the results in ``line``; msgspec.DecodeError when it holds none."""
    return msgspec.json.decode(line, type=list[BuildResult])


def main() -> None:
    """Build until there is no more input."""
    log.begin(Speaker("builder"))
    stderr.detach(log.dropped)
    for module in NEEDED:
        imported(module)
    batches: SimpleQueue[list[Job]] = SimpleQueue()
    threading.Thread(target=_read, args=(batches,), daemon=True).start()
    while True:
        results = build_zones(batches.get())
        sys.stdout.buffer.write(msgspec.json.encode(results) + b"\n")
        sys.stdout.buffer.flush()


def _read(batches: SimpleQueue[list[Job]]) -> None:
    for line in sys.stdin.buffer:
        batches.put(msgspec.json.decode(line, type=list[Job]))
    os._exit(0)


if __name__ == "__main__":
    main()
