"""The zone that is asked: names with each TTL, and queries and answers as octets.

A name says its TTL, and lies right below the apex, so that no resolver asks for anything between.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from bench.zonegen import Expectation, Query

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ORIGIN = "ttl.example."
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")
_POINTER = 0xC0
HEADER = 12
_RECURSION_DESIRED = 0x0100


class Name(NamedTuple):
    """One name of the zone: its number among those of its TTL, and the TTL (whole seconds)."""

    number: int
    ttl: int

    def owner(self) -> str:
        """Return the relative owner name."""
        return f"n{self.number}-t{self.ttl}"


def write_zone(path: Path, ttls: Iterable[int], names: int) -> None:
    """Write the zone file: ``names`` names with each of ``ttls``."""
    lines = [f"$ORIGIN {ORIGIN}", "$TTL 3600", "@ SOA ns hostmaster 1 7200 900 1209600 300"]
    lines += ["@ NS ns", "ns A 192.0.2.1", f"proof A {_address(0)}"]
    lines += [
        f"{Name(number, ttl).owner()} {ttl} A {_address(number)}"
        for ttl in ttls
        for number in range(names)
    ]
    path.write_text("\n".join([*lines, ""]))


def _address(number: int) -> str:
    return f"192.0.2.{number % 250 + 2}"


def proof() -> Query:
    """Return the query by which the server shows that it has the zone; no measurement asks it."""
    expect = Expectation("NOERROR", authoritative=True, answer=_address(0))
    return Query(f"proof.{ORIGIN}", "A", expect)


def question(owner: str, *, recursion: bool) -> bytes:
    """Return a query for the address of ``owner`` (relative), with ID 0."""
    labels = [owner, *ORIGIN.rstrip(".").split(".")]
    name = b"".join(bytes([len(label)]) + label.encode("ascii") for label in labels) + b"\0"
    flags = _RECURSION_DESIRED if recursion else 0
    return struct.pack("!6H", 0, flags, 1, 0, 0, 0) + name + _QUESTION.pack(1, 1)


def asked(packet: bytes) -> Name | None:
    """Return which name with a TTL a query asks the address of; None if it asks something else."""
    if len(packet) <= HEADER or len(packet) < HEADER + 1 + packet[HEADER]:
        return None
    end = HEADER + 1 + packet[HEADER]
    number, dash, ttl = packet[HEADER + 1 : end].lower().partition(b"-t")
    if not dash or not number[1:].isdigit() or not ttl.isdigit():
        return None
    rest = packet.find(b"\0", end) + 1
    return Name(int(number[1:]), int(ttl)) if packet[rest : rest + 2] == b"\0\x01" else None


def answer_ttl(response: bytes, query: bytes) -> int | None:
    """Return the TTL of the first answer in a response to ``query``; None without an answer."""
    count = struct.unpack_from("!H", response, 6)[0] if len(response) >= HEADER else 0
    at = len(query)
    if not count or response[3] & 0x0F or len(response) < at + 2:
        return None
    at += 2 if response[at] >= _POINTER else response.index(b"\0", at) + 1 - at
    found: int = _RECORD.unpack_from(response, at)[2]
    return found
