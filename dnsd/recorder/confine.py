"""Gives up what a recorder has no use for: it writes in one directory, or to one socket.

It starts no program, and binds no socket.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dnsd.rights import capabilities, files, syscalls

if TYPE_CHECKING:
    from pathlib import Path

_CONNECTS = frozenset({"socket", "connect"})


def confine_to_directory(directory: Path) -> list[str]:
    """Give up all but writing files in ``directory``; return what the kernel cannot do."""
    return _confine(files.restrict([*files.of_python(), *files.SYSTEM], [directory]), frozenset())


def confine_to_sockets() -> list[str]:
    """Give up all but connecting to sockets; return what the kernel cannot do."""
    return _confine(files.restrict([*files.of_python(), *files.SYSTEM]), _CONNECTS)


def _confine(lacking: str, needed: frozenset[str]) -> list[str]:
    # A process of root's stays root: the file may be where only root can write.
    if os.geteuid() != 0:
        capabilities.restrict(())
    return [*filter(None, (lacking, syscalls.refuse(syscalls.NEVER_NEEDED - needed)))]
