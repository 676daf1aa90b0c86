"""What the kernel reports about files in directories: inotify(7), a descriptor to read.

Knows the system calls and the layout of their events, nothing of zones. The kernel does
not see changes from other machines (NFS).
"""

from __future__ import annotations

import os
from contextlib import suppress
from errno import ENOMEM, ENOSPC
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from dnsd.process import kernel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MODIFY = 0x00000002
CLOSE_WRITE = 0x00000008
MOVED_FROM = 0x00000040
MOVED_TO = 0x00000080
DELETE = 0x00000200
OVERFLOW = 0x00004000
IGNORED = 0x00008000
"""The directory is no longer watched: it is gone, or not wanted any more."""

_ONLY_DIRECTORIES = 0x01000000
_WANTED = MODIFY | CLOSE_WRITE | MOVED_FROM | MOVED_TO | DELETE | _ONLY_DIRECTORIES

_TOO_MANY = frozenset((ENOSPC, ENOMEM))

_HEADER = Struct("iIII")
_BUFFER = 1 << 16


class Event(NamedTuple):
    """Something was done to ``path``; ``mask`` says what. After OVERFLOW it is empty."""

    path: str
    mask: int


class Inotify:
    """Watches directories, each for all files in it; OSError if the kernel has no more of them."""

    def __init__(self) -> None:
        self._fd = kernel.call("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)
        self._directories: dict[int, set[str]] = {}

    def fileno(self) -> int:
        """Return the descriptor that can be read when there are events."""
        return self._fd

    def close(self) -> None:
        """Stop watching."""
        os.close(self._fd)

    def follow(self, directories: Iterable[str]) -> None:
        """Watch exactly ``directories``, as far as they are there; OSError if that are too many.

        Each is asked for again: by now another one may have its name.
        """
        reached: dict[int, set[str]] = {}
        for directory in {*directories}:
            try:
                number = kernel.call("inotify_add_watch", self._fd, os.fsencode(directory), _WANTED)
            except OSError as error:
                if error.errno in _TOO_MANY:
                    raise
                continue
            # one directory may have several names
            reached.setdefault(number, set()).add(directory)
        for number in self._directories.keys() - reached.keys():
            with suppress(OSError):
                kernel.call("inotify_rm_watch", self._fd, number)
        # What was done to a directory before it is watched no more is yet to be read.
        self._directories |= reached

    def events(self) -> Iterator[Event]:
        """Yield what has happened since the last time."""
        with suppress(BlockingIOError):
            while octets := os.read(self._fd, _BUFFER):
                yield from self._parsed(octets)

    def _parsed(self, octets: bytes) -> Iterator[Event]:
        at = 0
        while at < len(octets):
            number, mask, _, length = _HEADER.unpack_from(octets, at)
            name = octets[at + _HEADER.size : at + _HEADER.size + length].rstrip(b"\0")
            at += _HEADER.size + length
            if mask & OVERFLOW:
                yield Event("", mask)
            elif mask & IGNORED:
                self._directories.pop(number, None)
            for directory in self._directories.get(number, ()):
                yield Event(f"{directory}/{os.fsdecode(name)}", mask)
