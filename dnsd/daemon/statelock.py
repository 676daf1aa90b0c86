"""The lock on the state directory: one dnsd holds it at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.errors import StateError
from dnsd.process.statedir import REFUSALS

if TYPE_CHECKING:
    from pathlib import Path

LOCK = "lock"


def lock(directory: Path) -> list[int]:
    """Return descriptors that hold ``directory`` until this process ends.

    StateError, with the pid, if another dnsd holds it. A full or read-only disk may have no room
    for a file: then the directory itself is held. One that is not there cannot be.
    """
    held = [one for one in (_directory(directory), _file(directory)) if one is not None]
    for handle in held:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            for one in held:
                os.close(one)
            raise StateError(
                f"another dnsd (pid {_holder(directory)}) uses the state directory {directory}: "
                "stop it, or give this one its own [server] state_directory or $STATE_DIRECTORY"
            ) from error
        except OSError:  # a file system that locks no directories
            pass
    for handle in held[1:]:
        with suppress(OSError):  # a full disk has no room for the pid
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
    return held


def _directory(directory: Path) -> int | None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(directory, flags)
    except OSError:
        return None


def _file(directory: Path) -> int | None:
    """Return the file that says which process holds it, None if the disk refuses it."""
    path = directory / LOCK
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno in REFUSALS or not directory.exists():
            return None
        raise StateError(f"cannot write {path}: {error.strerror}; change its owner") from error


def _holder(directory: Path) -> str:
    try:
        return (directory / LOCK).read_text(errors="replace")[:20].strip() or "unknown"
    except OSError:
        return "unknown"
