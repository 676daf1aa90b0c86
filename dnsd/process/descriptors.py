"""Descriptors, and the want of them: how many this process may have, and errors that tell of it."""

from __future__ import annotations

import errno
import os
import resource

WANT = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""What this process, or its machine, lacks: it says nothing about what was to be opened."""


STANDARD = range(3)


def fill_standard() -> None:
    """Have standard input, output and error lead nowhere where they are closed.

    Else what is opened next would be one of them (shared memory, a socket), and the log would be
    written into it. So before anything is opened; children inherit them.
    """
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:
            # The lowest number is free, as those before it are open.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def raise_limit() -> int:
    """Raise the limit of open files as far as this process may; return what it is then."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
