"""The state directory: made, private, and held by one dnsd at a time."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from dnsd.errors import StateError
from dnsd.image.journal import IMAGES

if TYPE_CHECKING:
    from pathlib import Path

LOCK = "lock"


def prepare(directory: Path) -> None:
    """Make ``directory`` and what belongs into it, for its owner only; StateError if not."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        (directory / IMAGES).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"cannot use the state directory {directory}: {error.strerror}; "
            "change its owner, or set [server] state_directory or $STATE_DIRECTORY"
        ) from error


def lock(directory: Path) -> int:
    """Return a descriptor that holds ``directory`` until this process ends.

    StateError, with the pid, if another dnsd holds it.
    """
    path = directory / LOCK
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror}; change its owner") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(handle, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise StateError(
            f"another dnsd (pid {holder}) uses the state directory {directory}: stop it, "
            "or give this one its own [server] state_directory or $STATE_DIRECTORY"
        ) from error
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())
    return handle
