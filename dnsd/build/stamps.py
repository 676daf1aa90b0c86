"""Stamps of files: what tells, without reading it, that a file is still the same.

A stamp is taken from ``stat``; the only I/O here is that.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TICK_NS = 20_000_000
"""Coarser than the clock of any file system dnsd is likely to meet (HZ=100: 10 ms)."""


class Stamp(NamedTuple):
    """Modification time in nanoseconds, size in octets, inode."""

    mtime_ns: int
    size: int
    inode: int


Stamps = dict[str, Stamp | None]
"""Stamps by path; None: there is no such file."""


def stamp(path: str) -> Stamp | None:
    """Return the stamp of the file or directory at ``path``, None if there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 -- ten thousand of them, twice a second
    except OSError:
        return None
    return Stamp(status.st_mtime_ns, status.st_size, status.st_ino)


def observe(paths: Iterable[str]) -> Stamps:
    """Return the stamps of ``paths``."""
    return {path: stamp(path) for path in paths}


def doubtful(stamps: Mapping[str, Stamp | None], began_ns: int, ended_ns: int) -> Stamps:
    """Return ``stamps`` with those spoilt that cannot be relied on.

    The files were read between the POSIX times ``began_ns`` and ``ended_ns``. A file changed
    within the same tick of the file system's clock may change again without getting another
    stamp. A spoilt stamp equals no other, so such a file is looked at once more. (One
    from the future is no sign of that, but of another machine's clock.)
    """
    return {
        path: one._replace(mtime_ns=0) if one and _within(one, began_ns, ended_ns) else one
        for path, one in stamps.items()
    }


def _within(one: Stamp, began_ns: int, ended_ns: int) -> bool:
    return began_ns - TICK_NS < one.mtime_ns <= ended_ns
