"""``python -m dnsd.xfrd``: the transfer process, started by the master."""

from __future__ import annotations

import signal
import sys

import msgspec
import uvloop

from dnsd.process import descriptors, instructions, lease, log, stderr
from dnsd.process.logline import Speaker
from dnsd.xfrd import spec
from dnsd.xfrd.confine import confine
from dnsd.xfrd.process import TransferProcess


def main() -> int:
    """Read the spec, work until told to stop, and return the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    log.begin(Speaker("transfers"))
    try:
        xfrd_spec = spec.decode(instructions.read())
    except msgspec.DecodeError as error:
        told = f"transfers: the master sent an invalid specification: {error}"
        log.say("start-failed", told, child="transfers")
        return 1
    waited = instructions.wait_for_word(xfrd_spec.prepared)
    if not waited or not lease.take(xfrd_spec.state_fd):
        return 0
    descriptors.raise_limit()
    process = TransferProcess(xfrd_spec)
    fault = confine()
    stderr.detach(log.dropped)  # starts a thread, which gets only the rights that are left
    if fault:
        log.say("confinement-incomplete", f"transfers: {fault}")
    uvloop.run(process.run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
