"""Restricts a process to some directories, to read or write: no other file (landlock(7)).

Open descriptors stay open. An older kernel restricts only the kinds of access that it knows.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING

import dnsd
from dnsd.process import kernel

if TYPE_CHECKING:
    from collections.abc import Iterable

SYSTEM = tuple(
    map(
        Path,
        ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/localtime", "/usr/share/zoneinfo"),
    )
)
"""Files that the C library may still load."""

# The same on every machine.
_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1

# <linux/landlock.h>: how many kinds of access each version of the interface knows.
_FILE_KINDS = {1: 13, 2: 14, 3: 15, 4: 15}
_LATEST_FILE_KINDS = 16
_READ_FILE = 1 << 2
_READ_DIRECTORY = 1 << 3
_WRITE_FILE, _REMOVE_FILE, _MAKE_FILE = 1 << 1, 1 << 5, 1 << 8
_READ = _READ_FILE | _READ_DIRECTORY
_WRITE = _WRITE_FILE | _REMOVE_FILE | _MAKE_FILE
"""To write files, to begin and to rename them; a rule for a file has the first only."""
_OF_FILES = _READ_FILE | _WRITE_FILE
_TCP = 0b11
"""Binding and connecting, from version 4 on."""
_SCOPES = 0b11
"""Abstract unix sockets and signals of others, from version 6 on."""

_ATTRIBUTES = Struct("QQQ")
_SIZES = {1: 8, 2: 8, 3: 8, 4: 16, 5: 16}
_RULE = Struct("=Qi")


def restrict(readable: Iterable[Path], writable: Iterable[Path] = ()) -> str:
    """Restrict this thread to reading below ``readable``, and to writing files in ``writable``.

    Return a sentence if that is not possible. The thread must have promised to gain no rights.
    """
    try:
        version = kernel.syscall(_CREATE, None, 0, _ASK_VERSION)
        ruleset = kernel.syscall(_CREATE, *_attributes(version), 0)
        try:
            for path in readable:
                _allow(ruleset, path, _READ)
            for path in writable:
                _allow(ruleset, path, _WRITE)
            kernel.syscall(_RESTRICT, ruleset, 0)
        finally:
            os.close(ruleset)
    except OSError as error:
        return f"files are not restricted: the kernel has no Landlock ({error.strerror})"
    return ""


def _attributes(version: int) -> tuple[bytes, int]:
    """Return the kinds of access to restrict: all that the kernel knows."""
    files = (1 << _FILE_KINDS.get(version, _LATEST_FILE_KINDS)) - 1
    size = _SIZES.get(version, _ATTRIBUTES.size)
    return _ATTRIBUTES.pack(files, _TCP, _SCOPES)[:size], size


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """Allow ``rights`` to what is below ``path``, if it exists."""
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        is_directory = stat.S_ISDIR(os.fstat(opened).st_mode)
        allowed = rights if is_directory else rights & _OF_FILES
        rule = ctypes.create_string_buffer(_RULE.pack(allowed, opened))
        kernel.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(opened)


def of_python() -> list[Path]:
    """Return the directories of modules: some are imported late, to report an error."""
    package = Path(dnsd.__file__).resolve().parent.parent
    found = {Path(part).resolve() for part in (sys.prefix, sys.base_prefix, *sys.path) if part}
    return [path for path in {*found, package} if path.exists()]
