"""The rights of the transfer process, given up when it listens: it starts no program.

It opens connections and writes files, so it keeps that.
"""

from __future__ import annotations

import os

from dnsd.rights import capabilities, syscalls

_NEEDED = {"socket", "connect", "bind", "listen"}


def confine() -> str:
    """Give up the rest; return what the kernel cannot do, as a sentence, if there is any.

    For this thread: there must be no other yet. As root it stays what it is, as control does: the
    secrets may be readable to root alone.
    """
    capabilities.gain_no_more()
    if os.geteuid() != 0:
        capabilities.restrict(())
    return syscalls.refuse(syscalls.NEVER_NEEDED - _NEEDED)
