"""What remains of a master that no service manager watches: its process, for whatever started it.

A terminal, a script or a container waits for that process, and sends it signals. The keeper
forwards them to the master that controls the node (each hands the node on to the next), and ends
with that master, with the same exit status. It holds nothing of the node.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

from dnsd.image.state import StateVector
from dnsd.process import kernel, spawn

VARIABLE = "DNSD_KEPT"
"""The environment variable that marks masters with a keeper."""

_PR_SET_CHILD_SUBREAPER = 36
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_HEARD = (*_PASSED_ON, signal.SIGCHLD)
CHANGE_S = 5.0
"""Seconds that the next master may take to say that it controls the node."""

LOOK_S = 1.0
"""Seconds between two looks at who controls the node."""


def become(vector: StateVector) -> None:
    """Become the keeper of the master that controls the node of ``vector``; never returns."""
    os.set_inheritable(vector.fd, True)
    # Before the other master can end: this process becomes the parent of its children.
    kernel.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    command = [*spawn.command("dnsd.daemon.keeper"), str(vector.fd), str(vector.workers)]
    os.execve(command[0], command, spawn.environment())


def main() -> int:
    """Keep until the last master has ended; return its exit status."""
    vector = StateVector(*map(int, sys.argv[-2:]))
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    ended: dict[int, int] = {}
    waiting: list[int] = []
    stop, told = 0, 0
    while True:
        ended.update(_reaped())
        leader = vector.leader
        if leader in ended:
            leader = _next(vector, leader)
            if leader in ended:
                return ended[leader]
        # A master that has just handed the node on no longer obeys signals, so see who leads.
        # A new master may have been killed with the signal: then the old one must stop.
        if stop and told != leader and not waiting:
            waiting.append(stop)
        while waiting:
            number = waiting.pop(0)
            stop, told = (stop, told) if number == signal.SIGHUP else (number, leader)
            with suppress(ProcessLookupError):
                os.kill(leader, number)
        heard = signal.sigtimedwait(_HEARD, LOOK_S)
        if heard is not None and heard.si_signo in _PASSED_ON:
            waiting.append(heard.si_signo)


def _next(vector: StateVector, leader: int) -> int:
    """Return the master that controls the node now that this one has ended; or this one."""
    until = time.monotonic() + CHANGE_S
    while vector.leader == leader and time.monotonic() < until and _has_children():
        time.sleep(0.02)
    return vector.leader


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _reaped() -> dict[int, int]:
    """Return the exit statuses of the children that have ended."""
    found = {}
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            found[ended[0]] = abs(os.waitstatus_to_exitcode(ended[1]))
    except ChildProcessError:
        pass
    return found


if __name__ == "__main__":
    sys.exit(main())
