"""Record files: a version on disk, read by mapping it.

After a power cut the file has the old or the new content; its checksum is verified before anything
in it is used.
"""

from __future__ import annotations

import mmap
import os
import zlib
from struct import Struct
from struct import error as StructError  # noqa: N812 -- it is a class
from typing import TYPE_CHECKING

from dnsd.errors import VersionError
from dnsd.process import durablefile
from dnsd.versions._stored import records
from dnsd.versions.marks import RECORDS
from dnsd.versions.version import ZoneVersion, from_stored, soa_size

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.versions.version import Octets
    from dnsd.wire.records import Record

_SUM = Struct(">8sI")
"""Magic, and the CRC-32 of all that follows."""
_MOST_HEAD = 2048
"""Octets that head and SOA have at most: an owner, two names and some numbers."""
_HEAD = Struct(">IQQB")
"""Serial, number of records, octets of records, octets of the apex, which comes next."""


def write(path: Path, version: ZoneVersion) -> None:
    """Make ``version`` the content of ``path``; on OSError nothing is changed."""
    durablefile.replace(path, _head_of(version), version.octets)


def put(path: Path, version: ZoneVersion) -> None:
    """Do the same without waiting for the disk: after a power cut the file may be missing."""
    durablefile.put(path, _head_of(version), version.octets)


def _head_of(version: ZoneVersion) -> bytes:
    head = _HEAD.pack(version.serial, version.count, len(version.octets), len(version.apex))
    head += version.apex
    checksum = zlib.crc32(version.octets, zlib.crc32(head))
    return _SUM.pack(RECORDS, checksum) + head


def read(path: Path) -> ZoneVersion:
    """Return the version in the file ``path``, which is mapped, not read.

    VersionError if it is not a record file, or damaged; OSError if it cannot be read.
    """
    return parse(_mapped(path), str(path))


def known(path: Path) -> ZoneVersion:
    """Return the version in the file ``path``, of which it is known that it is a sound one."""
    data = _mapped(path)
    try:
        _, count, _, apex_size = _HEAD.unpack_from(data, _SUM.size)
    except StructError as error:
        raise VersionError(f"{path} is no record file: {error}") from None
    start = _SUM.size + _HEAD.size
    apex, octets = bytes(data[start : start + apex_size]), data[start + apex_size :]
    return from_stored(apex, octets, count)


def _mapped(path: Path) -> memoryview:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(handle).st_size
        # A mapping can't be empty; and no record file is.
        data = mmap.mmap(handle, size, prot=mmap.PROT_READ) if size else b""
    finally:
        os.close(handle)
    return memoryview(data)


def soa(path: Path) -> Record:
    """Return the SOA record in the file ``path``, of which no more is read or checked.

    VersionError when there is none, OSError when it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(_MOST_HEAD)
    start = _SUM.size + _HEAD.size
    if len(data) < start or data[: len(RECORDS)] != RECORDS:
        raise VersionError(f"{path} is no record file of this dnsd: transfer the zone again")
    octets = data[start + data[start - 1] :]
    try:
        return next(records(octets[: soa_size(octets)]))
    except (ValueError, IndexError, StopIteration):
        raise VersionError(f"{path} has no SOA record") from None


def parse(data: Octets, name: str) -> ZoneVersion:
    """Return the version in ``data``, which is the content of a file called ``name``.

    VersionError if it is not a record file, or damaged.
    """
    start = _SUM.size + _HEAD.size
    if len(data) < start or bytes(data[: len(RECORDS)]) != RECORDS:
        raise VersionError(f"{name} is not a record file of this dnsd: transfer the zone again")
    _, checksum = _SUM.unpack_from(data)
    if zlib.crc32(data[_SUM.size :]) != checksum:
        raise VersionError(f"{name} is damaged (checksum): transfer the zone again")
    _, count, size, apex_size = _HEAD.unpack_from(data, _SUM.size)
    apex = bytes(data[start : start + apex_size])
    octets = data[start + apex_size :]
    version = from_stored(apex, octets)
    if (version.count, len(octets)) != (count, size):
        raise VersionError(f"{name} is damaged (number of records): transfer the zone again")
    return version
