"""A strict reader of responses, of its own making: it takes nothing on trust.

dnspython forgives what a resolver may choke on (compressed names where RFC 3597 §4 forbids
them, for one), and so does whoever wrote the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

_HEADER = Struct(">6H")
_FIXED = Struct(">HHIH")

COMPRESSIBLE = frozenset((2, 5, 6, 12, 15))
"""NS, CNAME, SOA, PTR, MX: the types of RFC 1035 that dnsd may compress (RFC 3597 §4)."""

_NAMES_AT = {2: 0, 5: 0, 6: 0, 12: 0, 15: 2}
"""Where in the rdata of these types the first name stands."""


class WireError(AssertionError):
    """The octets are not a message as RFC 1035 §4 has it."""


class Record(NamedTuple):
    """One record; ``end`` is where it ends in the message."""

    section: int
    owner: bytes
    rtype: int
    rdata: bytes
    end: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message; ``sections`` counts records as the header does, ``records`` has them all."""

    ident: int
    flags: int
    counts: tuple[int, int, int, int]
    records: tuple[Record, ...]

    @property
    def truncated(self) -> bool:
        return bool(self.flags & 0x0200)

    @property
    def rcode(self) -> int:
        return self.flags & 0xF


def read(packet: bytes) -> Message:
    """Read the whole of ``packet``; WireError says what is wrong with it."""
    ident, flags, *counts = _HEADER.unpack_from(packet)
    at = _HEADER.size
    for _ in range(counts[0]):
        _, at = _name(packet, at)
        at += 4
    records: list[Record] = []
    for section in (1, 2, 3):
        for _ in range(counts[section]):
            records.append(_record(packet, at, section))
            at = records[-1].end
    if at != len(packet):
        raise WireError(f"{len(packet) - at} octets after the last record")
    return Message(ident, flags, (counts[0], counts[1], counts[2], counts[3]), tuple(records))


def _record(packet: bytes, at: int, section: int) -> Record:
    owner, at = _name(packet, at)
    rtype, _, _, length = _FIXED.unpack_from(packet, at)
    at += _FIXED.size
    end = at + length
    if end > len(packet):
        raise WireError("rdata past the end")
    if rtype in COMPRESSIBLE:
        _check_names(packet, at + _NAMES_AT[rtype], end, rtype)
    return Record(section, owner, rtype, packet[at:end], end)


def _check_names(packet: bytes, at: int, end: int, rtype: int) -> None:
    is_soa = rtype == 6
    for _ in range(1 + is_soa):
        _, at = _name(packet, at)
    if at + 20 * is_soa != end:
        raise WireError("rdata longer or shorter than its names")


def _name(packet: bytes, at: int) -> tuple[bytes, int]:
    """Return the name at ``at`` and where it ends; pointers may only point further back."""
    parts, end, earliest = b"", 0, at
    while length := packet[at]:
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | packet[at + 1]
            end = end or at + 2
            if not _HEADER.size <= target < earliest:
                raise WireError(f"a pointer at {at} to {target}: not back to a name")
            at = earliest = target
            continue
        if length > 63:
            raise WireError(f"label type {length:#x} at {at}")
        parts += packet[at : at + 1 + length]
        at += 1 + length
    if len(parts) > 254:
        raise WireError("a name of more than 255 octets")
    return parts + b"\x00", end or at + 1
