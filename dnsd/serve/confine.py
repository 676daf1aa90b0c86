"""A worker's rights, given up when its sockets are bound: it reads images, and answers.

It is the process that takes packets from everywhere. So it keeps no capability, starts no program,
opens no socket, writes no file, and reads none but images and Python's own.
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
"""What the C library may still load."""


def confine(served_from: Iterable[Path]) -> tuple[str, ...]:
    """Give up all rights but to read below ``served_from``; return what the kernel can't, if any.

    For this thread: there must be no other yet.
    """
    needed = (*served_from, *_python())
    capabilities.gain_no_more()
    capabilities.restrict(_last_resort(needed))
    found = (files.restrict([*needed, *map(Path, _SYSTEM)]), syscalls.refuse(syscalls.NEVER_NEEDED))
    return tuple(sentence for sentence in found if sentence)


def renounce_rings() -> None:
    """Have the event loop do without io_uring: no filter sees what is asked for in a ring.

    To be called before there is a loop. A kernel without filters lets it have its ring.
    """
    capabilities.gain_no_more()
    syscalls.refuse(syscalls.RINGS)


def _last_resort(needed: Iterable[Path]) -> tuple[Capability, ...]:
    """Return what root keeps if ``needed`` lies where only others may look: in a user's home."""
    with capabilities.set_aside():
        reachable = all(os.access(path, os.R_OK, effective_ids=True) for path in needed)
    return () if reachable else (Capability.DAC_READ_SEARCH,)


def _python() -> list[Path]:
    """Return where modules come from: some are loaded late, to tell of an error."""
    package = Path(dnsd.__file__).resolve().parent.parent
    found = {Path(part).resolve() for part in (sys.prefix, sys.base_prefix, *sys.path) if part}
    return [path for path in {*found, package} if path.exists()]
