"""A lease that only one process has at a time: the kernel grants it, and takes it back.

It is a lock on memory that all candidates have inherited. It ends when its holder ends, for
whatever reason, so two processes never have it, even under different masters.
"""

from __future__ import annotations

import fcntl
import os
import select

PAUSE_S = 0.02
"""Seconds between two attempts to get it."""


def take(fd: int, lifeline: int = 0) -> bool:
    """Wait for the lease of the memory ``fd``, and hold it until this process ends.

    Return False if waiting has become pointless: the other end of the pipe ``lifeline`` is closed.
    """
    # An open file of our own: processes that inherit one share its lock. It is never closed.
    own = os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)
    while True:
        try:
            fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if select.select([lifeline], [], [], PAUSE_S)[0] and not os.read(lifeline, 4096):
                os.close(own)
                return False
        else:
            return True
