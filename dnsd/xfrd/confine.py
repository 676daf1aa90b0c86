"""Gives up the transfer process's rights once it listens: it starts no program.

It keeps the rights to open connections and to write files.
"""

from __future__ import annotations

import os

from dnsd.rights import capabilities, syscalls

_NEEDED = {"socket", "connect", "bind", "listen"}


def confine() -> str:
    """Give up the other rights; return as a sentence what this kernel cannot do, or nothing.

    This holds for this thread and those that it starts, so there must be no other yet. A process
    of root's stays root, as control does: the secrets may be readable only to root.
    """
    capabilities.gain_no_more()
    if os.geteuid() != 0:
        capabilities.restrict(())
    return syscalls.refuse(syscalls.NEVER_NEEDED - _NEEDED)
