"""Gives up a worker's rights once its sockets are bound: it only reads images, and answers.

The worker takes packets from everywhere. So it keeps no capability, starts no program, opens no
socket, writes no file, and reads only images and Python's own files.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dnsd.rights import capabilities, files, syscalls
from dnsd.rights.capabilities import Capability

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def confine(served_from: Iterable[Path]) -> tuple[str, ...]:
    """Give up all rights but to read below ``served_from``; return what the kernel can't do.

    This holds for this thread and those that it starts, so there must be no other yet.
    """
    needed = (*served_from, *files.of_python())
    capabilities.gain_no_more()
    capabilities.restrict(_last_resort(needed))
    found = (files.restrict([*needed, *files.SYSTEM]), syscalls.refuse(syscalls.NEVER_NEEDED))
    return tuple(sentence for sentence in found if sentence)


def renounce_rings() -> None:
    """Keep the event loop from using io_uring: a filter does not see requests in a ring.

    To be called before there is a loop. On a kernel without filters the loop may use its ring.
    """
    capabilities.gain_no_more()
    syscalls.refuse(syscalls.RINGS)


def _last_resort(needed: Iterable[Path]) -> tuple[Capability, ...]:
    """Return the capabilities that root keeps if ``needed`` is in a directory closed to root."""
    with capabilities.set_aside():
        reachable = all(os.access(path, os.R_OK, effective_ids=True) for path in needed)
    return () if reachable else (Capability.DAC_READ_SEARCH,)
