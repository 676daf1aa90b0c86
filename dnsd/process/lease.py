"""The lease of what one process at a time may do: the kernel gives it, and takes it back.

It is a lock on memory that all who may ask for it have inherited. It ends with its holder, whatever
ends that, so no two ever have it, whichever masters have started them.
"""

from __future__ import annotations

import fcntl
import os
import select

PAUSE_S = 0.02
"""Between two attempts to have it."""


def take(fd: int, lifeline: int = 0) -> bool:
    """Wait for the lease of the memory ``fd``, and hold it until this process ends.

    False if there is nobody any more for whom to wait: what is at the other end of the pipe
    ``lifeline`` has gone.
    """
    # A description of our own: those who inherit one share its lock. It is never closed.
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
