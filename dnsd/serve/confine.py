"""Gives up a worker's rights once its sockets are bound: it only reads images, and answers.

The worker takes packets from everywhere. So it keeps no capability, starts no program, opens no
socket, writes no file, and reads only images and Python's own files.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dnsd
from dnsd.rights import capabilities, files, syscalls
from dnsd.rights.capabilities import Capability

if TYPE_CHECKING:
    from collections.abc import Iterable

_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/localtime", "/usr/share/zoneinfo")
"""Files that the C library may still load."""


def confine(served_from: Iterable[Path]) -> tuple[str, ...]:
    """Give up all rights but to read below ``served_from``; return what the kernel can't do.

    This holds for this thread and those that it starts, so there must be no other yet.
    """
    needed = (*served_from, *_python())
    capabilities.gain_no_more()
    capabilities.restrict(_last_resort(needed))
    found = (files.restrict([*needed, *map(Path, _SYSTEM)]), syscalls.refuse(syscalls.NEVER_NEEDED))
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


def _python() -> list[Path]:
    """Return the directories of modules: some are imported late, to report an error."""
    package = Path(dnsd.__file__).resolve().parent.parent
    found = {Path(part).resolve() for part in (sys.prefix, sys.base_prefix, *sys.path) if part}
    return [path for path in {*found, package} if path.exists()]
