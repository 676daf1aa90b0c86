"""Capabilities of this process (capabilities(7)): which it keeps, and passes to its children.

They belong to threads, so :func:`gain_no_more`, which comes first, requires a single thread.
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from dnsd.process import kernel

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

LOWEST_FREE_PORT = 1024
"""Ports below need NET_BIND_SERVICE, unless net.ipv4.ip_unprivileged_port_start is lower."""

_VERSION = 0x20080522
_HIGHEST = 63

# <linux/prctl.h>
_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_AMBIENT_RAISE = 2
_AMBIENT_CLEAR_ALL = 4


class Capability(IntEnum):
    """The capabilities that dnsd uses (<linux/capability.h>)."""

    DAC_READ_SEARCH = 2
    NET_BIND_SERVICE = 10
    NET_ADMIN = 12
    NET_RAW = 13
    SYS_NICE = 23


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def gain_no_more() -> None:
    """Let no program that is executed from now on gain any right (PR_SET_NO_NEW_PRIVS).

    RuntimeError if this process has several threads: whatever rights are given up belong to the
    thread that does so, and to those that it starts, and the others would keep them.
    """
    with suppress(FileNotFoundError):  # without /proc threads cannot be counted
        if len(list(Path("/proc/self/task").iterdir())) > 1:
            raise RuntimeError("rights must be given up before there are several threads")
    kernel.prctl(_PR_SET_NO_NEW_PRIVS, 1)


def permitted() -> frozenset[int]:
    """Return the capabilities of this thread."""
    data = (ctypes.c_uint32 * 6)()
    kernel.capget(_Header(_VERSION, 0), data)
    mask = data[1] | data[4] << 32
    return frozenset(number for number in range(_HIGHEST + 1) if mask >> number & 1)


def restrict(wanted: Collection[int]) -> None:
    """Keep only those of ``wanted`` that this thread has; child programs get none.

    That holds for root, too, whose programs have what the bounding set leaves: it is emptied, if
    this thread may do so (it has SETPCAP).
    """
    kept = permitted() & frozenset(wanted)
    _empty_bounding_set()
    kernel.prctl(_PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL)
    _set(kept, effective=kept, inheritable=())


def _empty_bounding_set() -> None:
    for number in range(_HIGHEST + 1):
        # EINVAL: the kernel does not know the capability; EPERM: this thread may not change it.
        with suppress(OSError):
            if kernel.prctl(_PR_CAPBSET_READ, number):
                kernel.prctl(_PR_CAPBSET_DROP, number)


@contextmanager
def set_aside() -> Iterator[None]:
    """Drop them for a moment, to try what is possible without them."""
    kept = permitted()
    _set(kept, effective=(), inheritable=())
    try:
        yield
    finally:
        _set(kept, effective=kept, inheritable=())


def prepare_change_of_user(wanted: Collection[int]) -> None:
    """Let root keep its capabilities when it becomes another user, and pass on some of them.

    From now on only ``wanted`` can be passed on.
    """
    kept = permitted()
    _set(kept, effective=kept, inheritable=wanted)
    _empty_bounding_set()
    kernel.prctl(_PR_SET_KEEPCAPS, 1)


def hand_on(wanted: Collection[int]) -> None:
    """Keep only ``wanted``, and pass it to child programs (ambient capabilities).

    OSError if this thread does not have them, or has not prepared for it.
    """
    _set(wanted, effective=wanted, inheritable=wanted)
    for number in wanted:
        kernel.prctl(_PR_CAP_AMBIENT, _AMBIENT_RAISE, number)


def _set(kept: Collection[int], effective: Collection[int], inheritable: Collection[int]) -> None:
    masks = [sum(1 << number for number in each) for each in (effective, kept, inheritable)]
    words = [mask >> shift & 0xFFFFFFFF for shift in (0, 32) for mask in masks]
    kernel.capset(_Header(_VERSION, 0), (ctypes.c_uint32 * 6)(*words))
