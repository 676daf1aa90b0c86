"""``python -m dnsd.serve``: a worker, started by the master."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import msgspec

from dnsd.errors import DnsdError
from dnsd.process import instructions, log, stderr
from dnsd.process.logline import Speaker
from dnsd.serve import spec
from dnsd.serve.confine import confine, renounce_rings
from dnsd.serve.worker import Worker

LINES_PER_SECOND = 10
"""The limit of log lines: queries may cause faults faster than anyone can read."""


def main() -> int:
    """Read the spec, serve, and return the exit status."""
    # The terminal's Ctrl-C and the operator's SIGHUP reach the whole process group; what
    # they mean for workers is for the master to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Until it serves there is nothing to finish.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        worker_spec = spec.decode(instructions.read())
    except msgspec.DecodeError as error:
        _speak("worker")
        log.say("start-failed", f"the master sent an invalid specification: {error}")
        return 1
    _speak(f"worker {worker_spec.index}")
    try:
        renounce_rings()
        worker = Worker(worker_spec)
    except DnsdError as error:
        log.say("start-failed", str(error))
        return 1
    # What is around the images: their directory may be deleted, and made again.
    faults = confine([_existing(Path(worker_spec.images).parent)])
    stderr.detach(log.dropped)  # a thread: it has the rights that are left
    for fault in faults:
        if worker_spec.index == 0:  # it is the same for all workers, so only one logs it
            log.say("confinement-incomplete", fault)
    worker.run()
    return 0


def _speak(who: str) -> None:
    log.begin(Speaker(who, f"dnsd {who}", tracebacks=False), log.Flood(LINES_PER_SECOND))


def _existing(directory: Path) -> Path:
    """Return ``directory``, or its nearest existing parent: a full disk may lack it."""
    return next(path for path in (directory, *directory.parents) if path.is_dir())


if __name__ == "__main__":
    sys.exit(main())
