"""Gives up what a recorder has no use for: it starts no program, and opens no socket."""

from __future__ import annotations

import os

from dnsd.rights import capabilities, syscalls


def confine(needed: frozenset[str]) -> str:
    """Keep only the system calls ``needed`` of those that are rarely; return what cannot be done.

    A process of root's stays root: the file may be in a directory that only root can write to.
    """
    capabilities.gain_no_more()
    if os.geteuid() != 0:
        capabilities.restrict(())
    return syscalls.refuse(syscalls.NEVER_NEEDED - needed)
