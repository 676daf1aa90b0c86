"""Netlink messages as octets: headers and attributes, packed and taken apart.

pyroute2 makes an object of each attribute, which takes longer than the kernel needs for the
message; a backend that dies wants hundreds of them at once. And it has neither nexthop objects nor
RTA_NH_ID.
"""

from __future__ import annotations

import os
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# <linux/netlink.h>
REQUEST = 0x01
MULTI = 0x02
ACK = 0x04
REPLACE = 0x100
DUMP = 0x300
CREATE = 0x400
APPEND = 0x800
ERROR = 2
DONE = 3
NESTED = 0x8000
_TYPE_MASK = 0x3FFF

HEADER = Struct("=IHHII")
ATTRIBUTE = Struct("=HH")
INT = Struct("=i")
U16 = Struct("=H")
U32 = Struct("=I")


class Message(NamedTuple):
    """A message of the kernel's."""

    kind: int
    flags: int
    sequence: int
    body: bytes

    @property
    def error(self) -> int:
        """The number of the error that it reports; 0 for none."""
        return -int(INT.unpack_from(self.body)[0]) if self.kind == ERROR else 0


def message(kind: int, flags: int, body: bytes) -> bytes:
    """Return one request."""
    return HEADER.pack(HEADER.size + len(body), kind, REQUEST | flags, 0, 0) + body


def numbered(request: bytes, sequence: int) -> bytes:
    """Return ``request`` with the number ``sequence``, which its answers have, too."""
    return request[:8] + U32.pack(sequence) + request[12:]


def attribute(kind: int, data: bytes) -> bytes:
    """Return one attribute, with the octets that follow it up to the next multiple of four."""
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(data), kind) + data + bytes(-len(data) % 4)


def nested(kind: int, *inner: bytes) -> bytes:
    """Return an attribute that holds others."""
    return attribute(kind | NESTED, b"".join(inner))


def text(kind: int, value: str) -> bytes:
    """Return an attribute that is a string with its NUL."""
    return attribute(kind, value.encode() + b"\0")


def split(data: bytes) -> Iterator[Message]:
    """Give each message in ``data``."""
    at = 0
    while at + HEADER.size <= len(data):
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, at)
        if length < HEADER.size:
            return
        yield Message(kind, flags, sequence, data[at + HEADER.size : at + length])
        at += (length + 3) & ~3


def attributes(data: bytes, skip: int = 0) -> Iterator[tuple[int, bytes]]:
    """Give each attribute behind the first ``skip`` octets, as its type and its data."""
    at = skip
    while at + ATTRIBUTE.size <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, at)
        if length < ATTRIBUTE.size:
            return
        yield kind & _TYPE_MASK, data[at + ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3


def reason(number: int) -> str:
    """Return what the kernel says by an error ``number``."""
    return os.strerror(number)
