"""Descriptors: how many this process may have, the errors of a shortage, and whole writes."""

from __future__ import annotations

import errno
import os
import resource
from typing import TYPE_CHECKING

from dnsd.errors import WantError

if TYPE_CHECKING:
    from collections.abc import Callable

WANT = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""This process or its machine lacks something: the file or socket itself may be in order."""

STANDARD = range(3)


def fill_standard() -> None:
    """Open standard input, output and error on /dev/null where they are closed.

    Else the next file that is opened (shared memory, a socket) would become one of them, and the
    log would be written into it. So call it before anything is opened; children inherit them.
    """
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:
            # The lowest number is free, as those before it are open.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def excuse(error: OSError, what: str) -> None:
    """Raise WantError if it is no fault of ``what`` that it cannot be read."""
    if error.errno in WANT:
        raise WantError(f"cannot read {what}: {error.strerror}") from error


def raise_limit() -> int:
    """Raise the limit of open files as far as this process may; return the new limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def write_all(fd: int, octets: bytes) -> None:
    """Write all of ``octets``, in one piece if the descriptor accepts that."""
    _repeat(octets, lambda left, _: os.write(fd, left))


def write_all_at(fd: int, octets: bytes | bytearray, at: int) -> None:
    """Write all of ``octets`` from the offset ``at`` on; OSError if there is no room."""
    _repeat(octets, lambda left, done: os.pwrite(fd, left, at + done))


def _repeat(octets: bytes | bytearray, write: Callable[[memoryview, int], int]) -> None:
    """Call ``write`` with what is left, and how much is written, until nothing is left."""
    done = 0
    with memoryview(octets) as view:
        while done < len(view):
            with view[done:] as left:
                done += write(left, done)
