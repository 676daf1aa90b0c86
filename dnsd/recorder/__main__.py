"""``python -m dnsd.recorder``: a recorder, started by control."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dnsd.image.state import StateVector
from dnsd.image.tap import RING
from dnsd.process import instructions, log, stderr
from dnsd.process.logline import Speaker
from dnsd.recorder import spec
from dnsd.recorder.confine import confine_to_directory, confine_to_sockets
from dnsd.recorder.pump import CHUNK, LOOK_S, Pump
from dnsd.recorder.sinks import sink_of
from dnsd.recorder.spec import RecorderReport
from dnsd.rights import capabilities

if TYPE_CHECKING:
    from dnsd.recorder.spec import RecorderSpec

NICE = 19
"""On a machine that is busy, workers answer first: what is lost here is a sample."""
IDLE_S = 0.01
"""Seconds to wait when the rings are empty: they hold some 8,000 queries each."""


def main() -> int:
    """Read the spec, write down queries until standard input ends, and return the status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    log.begin(Speaker("recorder"))
    try:
        told = spec.decode(instructions.read())
    except msgspec.DecodeError as error:
        log.say("start-failed", f"recorder: the order cannot be read: {error}", child="recorder")
        return 1
    vector = StateVector(told.state_fd, told.seats)
    log.follow(vector.log_level)
    os.set_blocking(1, False)
    with suppress(OSError):  # a filter of the service's may refuse it
        os.nice(NICE)
    home = Home(told.sink.file)
    if not home.is_there():
        _tell(RecorderReport(0, 0, f"there is no directory {home.path}"))
        return 1
    capabilities.gain_no_more()
    faults = confine_to_directory(home.path) if told.sink.file else confine_to_sockets()
    for fault in faults:
        log.say("confinement-incomplete", f"recorder: {fault}")
    stderr.detach(log.dropped)
    return _record(told, vector, home)


class Home:
    """The directory of the ``file`` that is written, if there is one.

    A process that is confined to it cannot write to one that takes its place: it must end.
    """

    def __init__(self, file: str) -> None:
        self.path = Path(file).parent
        self._found = self._now() if file else None
        self._is_needed = bool(file)

    def _now(self) -> tuple[int, int] | None:
        with suppress(OSError):
            status = self.path.stat()
            return status.st_dev, status.st_ino
        return None

    def is_there(self) -> bool:
        """Return whether it is the one that was there at first."""
        return not self._is_needed or (self._found is not None and self._now() == self._found)


def _record(told: RecorderSpec, vector: StateVector, home: Home) -> int:
    sink = sink_of(told.sink)
    workers = map(vector.tapped, range(told.seats))
    pump = Pump(workers, told.one_in, sink, lambda: time.time_ns() - time.monotonic_ns())
    due = time.monotonic()
    busy = True
    while not select.select([0], [], [], 0 if busy else IDLE_S)[0]:
        busy = pump.turn()
        if time.monotonic() < due:
            continue
        due = time.monotonic() + LOOK_S
        sink.look()
        _tell(pump.report())
        if not home.is_there():
            return 1
    for _ in range(RING // CHUNK):
        pump.turn()
    sink.close()
    _tell(pump.report())
    return 0


def _tell(report: RecorderReport) -> None:
    """Report to control; one that is busy or has gone is not waited for."""
    with suppress(OSError):
        os.write(1, spec.encode_report(report))


if __name__ == "__main__":
    sys.exit(main())
