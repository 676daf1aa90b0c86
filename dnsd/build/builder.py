"""A process that builds zones and ends: ``python -m dnsd.build.builder``.

Takes a job from each line of standard input, answers with a result on a line of standard
output. Its memory goes back to the system when it ends, which it does at the end of its input:
at once, even in the middle of a job, because then nobody waits for the result.
"""

from __future__ import annotations

import os
import sys
import threading
from queue import SimpleQueue

import msgspec

from dnsd.build.images import Job
from dnsd.build.pipeline import BuildResult, build_zone
from dnsd.process import stderr


def encode_job(job: Job) -> bytes:
    """Return the line for ``job``."""
    return msgspec.json.encode(job) + b"\n"


def decode_result(line: bytes) -> BuildResult:
    """Return the result in ``line``; msgspec.DecodeError when it holds none."""
    return msgspec.json.decode(line, type=BuildResult)


def main() -> None:
    """Build until there is no more input."""
    stderr.detach("dnsd: builder")
    jobs: SimpleQueue[Job] = SimpleQueue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    while True:
        result = build_zone(jobs.get())
        sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
        sys.stdout.buffer.flush()


def _read(jobs: SimpleQueue[Job]) -> None:
    for line in sys.stdin.buffer:
        jobs.put(msgspec.json.decode(line, type=Job))
    os._exit(0)


if __name__ == "__main__":
    main()
