"""Refuses system calls that a server of packets never needs (seccomp(2)).

A small filter of our own, in classic BPF: what is on the list fails with EPERM, all else is
allowed. The list is short because it is for what an intruder would do next (start a program, look
into other processes, open new sockets, ask rarely used parts of the kernel), and a list of all
that is allowed would break with the next library.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import TYPE_CHECKING

from dnsd.process import kernel

if TYPE_CHECKING:
    from collections.abc import Collection

NUMBERS = {
    # programs and processes; of clone, what makes no thread
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "clone": (56, 220),
    "clone3": (435, 435),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    # sockets: those that are open stay
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    # other views of the system
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    # parts of the kernel with a long history of faults
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "personality": (135, 92),
    # the machine
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
}
"""By name, the numbers on x86_64 and on aarch64 (<asm/unistd.h>); None: it has no such call."""

RINGS = frozenset({"io_uring_setup"})
NEVER_NEEDED = frozenset(NUMBERS) - {"io_uring_enter", "io_uring_register"}
"""All of them, except those for an existing io_uring, which an old kernel may need."""

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP = (317, 277)
_SET_MODE_FILTER = 1
_SPEC_ALLOW = 4
"""Some kernels would slow down memory accesses of a process with a filter."""

_CLONE_THREAD = 0x00010000
_X32 = 0x40000000

# struct seccomp_data: nr, arch, instruction pointer, arguments (little-endian)
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16

# <linux/bpf_common.h>, <linux/seccomp.h>
_LOAD, _RETURN, _IF_EQUAL, _IF_AT_LEAST, _IF_SET = 0x20, 0x06, 0x15, 0x35, 0x45
_ALLOW = 0x7FFF0000
_FAIL = 0x00050000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refuse(names: Collection[str]) -> str:
    """Refuse ``names`` to this thread from now on; return a sentence if that is not possible.

    It must have promised to gain no rights (:func:`dnsd.rights.capabilities.gain_no_more`).
    """
    machine = os.uname().machine
    if machine not in _AUDIT_ARCH or struct.calcsize("P") != 8:
        return f"system calls are not restricted: there is no list of them for {machine}"
    column = list(_AUDIT_ARCH).index(machine)
    code = b"".join(_filter(names, _AUDIT_ARCH[machine], column))
    program = _Program(len(code) // 8, code)
    try:
        kernel.syscall(_SECCOMP[column], _SET_MODE_FILTER, _SPEC_ALLOW, ctypes.byref(program))
    except OSError as error:
        return f"system calls are not restricted: {error.strerror}"
    return ""


def _filter(names: Collection[str], arch: int, column: int) -> list[bytes]:
    """Return the instructions of the filter; each check jumps over its own verdict."""
    code = [
        _instruction(_LOAD, _ARCH),
        *_unless(_IF_EQUAL, arch, errno.ENOSYS),  # calls in another ABI have other numbers
        _instruction(_LOAD, _NUMBER),
        *_when(_IF_AT_LEAST, _X32, errno.ENOSYS),
    ]
    for name in sorted(set(names) - {"clone"}):
        number = NUMBERS[name][column]
        if number is not None:
            # A filter cannot read the flags of clone3, in memory: libraries use clone then.
            code += _when(_IF_EQUAL, number, errno.ENOSYS if name == "clone3" else errno.EPERM)
    if "clone" in names:
        code += [
            _instruction(_IF_EQUAL, NUMBERS["clone"][column] or 0, 0, 3),
            _instruction(_LOAD, _FIRST_ARGUMENT),
            *_unless(_IF_SET, _CLONE_THREAD, errno.EPERM),
        ]
    return [*code, _instruction(_RETURN, _ALLOW)]


def _when(test: int, value: int, error: int) -> list[bytes]:
    return [_instruction(test, value, 0, 1), _instruction(_RETURN, _FAIL | error)]


def _unless(test: int, value: int, error: int) -> list[bytes]:
    return [_instruction(test, value, 1, 0), _instruction(_RETURN, _FAIL | error)]


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
