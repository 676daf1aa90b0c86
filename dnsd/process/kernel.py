"""System calls that Python does not offer, with errors as OSError."""

from __future__ import annotations

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)


def call(function: str, *arguments: object) -> int:
    """Return what a ``function`` of the C library returns: integers, octets, and ctypes."""
    result = int(getattr(_libc, function)(*arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def prctl(option: int, *arguments: int) -> int:
    """Change or query a property of this thread; return the result."""
    return call("prctl", option, *map(ctypes.c_ulong, (*arguments, 0, 0, 0, 0)[:4]))


def syscall(number: int, *arguments: object) -> int:
    """Return what the system call ``number`` returns: integers, and ctypes for pointers."""
    values = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return call("syscall", ctypes.c_long(number), *values)


def capget(header: ctypes.Structure, data: ctypes.Array[ctypes.c_uint32]) -> None:
    """Fill ``data`` with the capabilities of this thread."""
    call("capget", ctypes.byref(header), data)


def capset(header: ctypes.Structure, data: ctypes.Array[ctypes.c_uint32]) -> None:
    """Give this thread the capabilities in ``data``."""
    call("capset", ctypes.byref(header), data)
