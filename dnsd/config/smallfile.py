"""Reads small files from directories where others may write: without blocking, up to a limit."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_OCTETS = 1 << 20
"""The largest policy or key file; usual ones have a few hundred octets."""


def read(path: Path) -> bytes:
    """Return the content of ``path``; OSError if it is not a regular file, or too large."""
    # Without O_NONBLOCK a named pipe in place of the file would hang its reader.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        octets = file.read(MOST_OCTETS + 1)
    if len(octets) > MOST_OCTETS:
        raise OSError(errno.EFBIG, f"it is larger than {MOST_OCTETS} octets")
    return octets
