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
from dnsd.recorder.confine import confine
from dnsd.recorder.linefile import LineFile, LinesDown
from dnsd.recorder.pump import CHUNK, LOOK_S, Pump

if TYPE_CHECKING:
    from dnsd.recorder.pump import Sink
    from dnsd.recorder.spec import RecorderSpec

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
    if fault := confine(frozenset()):
        log.say("confinement-incomplete", f"recorder: {fault}")
    stderr.detach(log.dropped)
    os.set_blocking(1, False)
    _record(told, vector)
    return 0


def _record(told: RecorderSpec, vector: StateVector) -> None:
    sink: Sink = LinesDown(told.sink, LineFile(Path(told.sink.file), told.sink.size))
    workers = map(vector.tapped, range(told.seats))
    pump = Pump(workers, told.one_in, sink, lambda: time.time_ns() - time.monotonic_ns())
    due = time.monotonic()
    busy = True
    while not select.select([0], [], [], 0 if busy else IDLE_S)[0]:
        busy = pump.turn()
        if time.monotonic() >= due:
            due = time.monotonic() + LOOK_S
            sink.look()
            _tell(pump)
    for _ in range(RING // CHUNK):
        pump.turn()
    sink.close()
    _tell(pump)


def _tell(pump: Pump) -> None:
    """Report to control; one that is busy or has gone is not waited for."""
    with suppress(OSError):
        os.write(1, spec.encode_report(pump.report()))


if __name__ == "__main__":
    sys.exit(main())
