"""Memory that master, control, builders and workers share, for what must not need a disk.

A memfd that the master creates and hands down by number, like the state vector: there is no
directory that may be full, or another user's. What is in it survives the end of every process
but the master, and ends with that, whatever ends it.

It grows by whole regions, each of which begins on a page; a freed one becomes a hole, and its
place is never used again. So no process needs to know what another one has put there.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import TYPE_CHECKING, NamedTuple

from dnsd.process.descriptors import write_all_at

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = mmap.ALLOCATIONGRANULARITY


class Region(NamedTuple):
    """Where something stands, in octets."""

    at: int
    size: int


def create(name: str) -> int:
    """Return the descriptor of new, empty memory; ``name`` is for listings of open files."""
    return os.memfd_create(f"dnsd-{name}", os.MFD_CLOEXEC)


def page_after(at: int) -> int:
    """Return the first page boundary at ``at`` or behind it."""
    return -(-at // PAGE) * PAGE


def punch(fd: int, at: int, end: int) -> None:
    """Give the whole pages between ``at`` and ``end`` back; what is read there is zero."""
    at, end = page_after(at), end // PAGE * PAGE
    if at < end:
        with mmap.mmap(fd, end - at, offset=at) as hole:
            hole.madvise(mmap.MADV_REMOVE)


class Memory:
    """Regions in the memory ``fd``; put by any process that has inherited it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def put(self, data: bytes | bytearray) -> Region:
        """Store ``data`` and return where it is; OSError if there is no memory left."""
        # A description of our own: processes that inherit one share its lock, too.
        own = os.open(f"/proc/self/fd/{self.fd}", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(own, fcntl.LOCK_EX)
            at = PAGE + page_after(os.fstat(own).st_size)  # 0 is nowhere
            try:
                write_all_at(own, data, at)
                # Whole pages, so that all of them can be given back.
                os.ftruncate(own, page_after(at + len(data)))
            except OSError:
                os.ftruncate(own, at)
                raise
            return Region(at, len(data))
        finally:
            os.close(own)

    def read(self, region: Region) -> bytes:
        """Return what stands in ``region``, shorter if that ends before."""
        return os.pread(self.fd, region.size, region.at)

    def view(self, region: Region) -> mmap.mmap:
        """Return ``region`` mapped; OSError or ValueError if it does not exist."""
        return mmap.mmap(self.fd, region.size, offset=region.at, access=mmap.ACCESS_READ)

    def free(self, region: Region) -> None:
        """Give ``region`` back; a process that has it mapped sees zeros from now on."""
        punch(self.fd, region.at, page_after(region.at + region.size))

    @property
    def end(self) -> int:
        """Where what is there now ends."""
        return os.fstat(self.fd).st_size

    def keep_only(self, regions: Iterable[Region], end: int) -> None:
        """Give back what is before ``end`` in none of ``regions``: the killed have left it."""
        at = 0
        for region in sorted(regions):
            punch(self.fd, at, region.at)
            at = region.at + region.size
        punch(self.fd, at, end)
