"""Descriptors, and the want of them: how many this process may have, and errors that tell of it."""

from __future__ import annotations

import errno
import resource

WANT = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""What this process, or its machine, lacks: it says nothing about what was to be opened."""


def raise_limit() -> int:
    """Raise the limit of open files as far as this process may; return what it is then."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
