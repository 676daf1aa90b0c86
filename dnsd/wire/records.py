"""Writes and reads resource records with compressed names (RFC 1035 §4.1.3, §4.1.4)."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from dnsd.wire import name as names
from dnsd.wire.rdata import COMPRESSIBLE, split_names

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIXED = Struct(">HHIH")
_POINTER = 0xC000
_IN = 1
_QNAME_AT = 12

QNAME = b""
"""Stands for the owner that is the query name itself, whatever it will be."""


class Record(NamedTuple):
    """One record; ``rdata`` is uncompressed, ``owner`` has its original spelling."""

    owner: bytes
    rtype: int
    ttl: int
    rdata: bytes


class Writer:
    """Writes records behind the question of a message; offsets count from the header.

    ``octets`` is what follows the question. ``pointers`` are the places in it that hold a
    compression pointer to anything but the query name. Nothing beyond ``limit`` is pointed to.
    """

    def __init__(self, qname: bytes, limit: int = 0x3FFF) -> None:
        self.octets = bytearray()
        self.pointers: list[int] = []
        self._start = _QNAME_AT + len(qname) + 4
        self._limit = limit
        self._places: dict[bytes, int] = {}
        at = _QNAME_AT
        for name in names.ancestors(names.lower(qname))[:-1]:
            self._places[name] = at
            at += 1 + name[0]

    def forget(self, name: bytes) -> None:
        """Make no more pointers to ``name`` (the query name, if it stands for many names)."""
        self._places.pop(names.lower(name), None)

    def add(self, owner: bytes, rtype: int, ttl: int, rdata: bytes) -> None:
        """Append a record of class IN; ``owner`` may be ``QNAME``."""
        octets = self.octets
        if owner == QNAME:
            octets += b"\xc0\x0c"
        else:
            self._name(owner)
        octets += _FIXED.pack(rtype, _IN, ttl, 0)
        begin = len(octets)
        before, inside, after = split_names(rtype, rdata)
        octets += before
        for name in inside:
            self._name(name)
        octets += after
        octets[begin - 2 : begin] = (len(octets) - begin).to_bytes(2, "big")

    def _name(self, name: bytes) -> None:
        octets = self.octets
        folded = names.lower(name)
        at = 0
        while length := name[at]:
            place = self._places.get(folded[at:])
            if place is not None:
                if place != _QNAME_AT:
                    self.pointers.append(len(octets))
                octets += (_POINTER | place).to_bytes(2, "big")
                return
            here = self._start + len(octets)
            if here <= self._limit:
                self._places[folded[at:]] = here
            octets += name[at : at + 1 + length]
            at += 1 + length
        octets.append(0)


def read(message: bytes, at: int, count: int) -> tuple[list[Record], int]:
    """Read ``count`` records of our own making from offset ``at``; return them and their end."""
    found = []
    for _ in range(count):
        record, at = _read_record(message, at, QNAME)
        found.append(record)
    return found, at


def reading(message: bytes, at: int, qname: bytes = QNAME) -> Iterator[Record]:
    """Read the records from offset ``at`` on, each when it is asked for.

    A pointer to the query name stands for ``qname``, if that is given.
    """
    while at < len(message):
        record, at = _read_record(message, at, qname)
        yield record


def _read_record(message: bytes, at: int, qname: bytes) -> tuple[Record, int]:
    owner, at = _read_name(message, at, qname)
    rtype, _, ttl, length = _FIXED.unpack_from(message, at)
    at += _FIXED.size
    rdata = _read_rdata(message, at, length, rtype, qname)
    return Record(owner, rtype, ttl, rdata), at + length


def _read_rdata(message: bytes, at: int, length: int, rtype: int, qname: bytes) -> bytes:
    if rtype not in COMPRESSIBLE:
        return message[at : at + length]
    skipped, count = COMPRESSIBLE[rtype]
    end = at + length
    parts = [message[at : at + skipped]]
    at += skipped
    for _ in range(count):
        name, at = _read_name(message, at, qname)
        parts.append(name)
    return b"".join(parts) + message[at:end]


def _read_name(message: bytes, at: int, qname: bytes) -> tuple[bytes, int]:
    """Return the uncompressed name at ``at`` and where the record goes on."""
    parts: list[bytes] = []
    begin, end = at, 0
    while length := message[at]:
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | message[at + 1]
            if target >= begin:
                raise ValueError("a compression pointer must point back")
            end = end or at + 2
            if target == _QNAME_AT and qname:
                return b"".join(parts) + qname, end
            begin = at = target
            continue
        parts.append(message[at : at + 1 + length])
        at += 1 + length
    return b"".join(parts) + names.ROOT, end or at + 1
