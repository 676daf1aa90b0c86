"""Files that a power cut leaves with the old content or the new one.

What is to be kept is put into memory first (:mod:`dnsd.image.keepsake`): a control process that
is started again goes on with that, full disk or not; only a restart of the node needs the disk.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.image.keepsake import Keepsake


_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW


def replace(path: Path, *data: bytes | memoryview) -> None:
    """Make ``data`` the content of ``path``; OSError if that cannot be, and nothing is changed.

    What it consists of is written one after the other.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with os.fdopen(os.open(temporary, _FLAGS, 0o600), "wb") as file:
            file.writelines(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):  # half a file would only make a full disk fuller
            temporary.unlink()
        raise
    # Only then a power cut cannot bring back what was there before.
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


class Durable:
    """The file ``path``; its last content is in ``keepsake``, too, if there is one."""

    def __init__(self, path: Path, keepsake: Keepsake | None = None) -> None:
        self.path = path
        self._keepsake = keepsake

    def read(self) -> bytes | None:
        """Return what was to be written last; None if nothing was, OSError if it is unknown."""
        kept = None if self._keepsake is None else self._keepsake.get()
        if kept is not None:
            return kept
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def keep(self, data: bytes) -> None:
        """Have a successor of this process read ``data``."""
        if self._keepsake is not None:
            self._keepsake.put(data)

    def write(self, data: bytes) -> None:
        """Make ``data`` the content; OSError if the disk refuses it: then a restart forgets it."""
        self.keep(data)
        replace(self.path, data)
