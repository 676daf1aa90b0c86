"""Names that are asked, as octets: each pair of a cache and a name is a name of its own.

A resolver is one cache. To stand for thousands of them it is asked for thousands of names:
``p17g2--www.example.com.`` is the name ``www.example.com.`` at the 17th pair of group 2. The way
to the server (:mod:`bench.ttl.way`) takes the mark off, so the server is asked for what it has.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

import dns.name
import dns.rdatatype

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
_MARK = re.compile(rb"p(\d{1,8})g(\d{1,3})--", re.IGNORECASE)
LABEL = 63


class RRset(NamedTuple):
    """What is asked for: an absolute name and a type's mnemonic."""

    name: str
    rtype: str = "A"


class Played(NamedTuple):
    """A pair of a cache and a name, by number among those of its group."""

    group: int
    pair: int

    def of(self, name: str) -> str:
        """Return the name that is asked in place of ``name``."""
        return f"p{self.pair}g{self.group}--{name}"


def fits(name: str) -> bool:
    """Return whether ``name`` has room for the largest mark."""
    return len(name.partition(".")[0]) + len("p12345678g123--") <= LABEL


def owner(number: int, ttl: int) -> str:
    """Return the name of a number and a TTL in the zone of :func:`write_zone`."""
    return f"n{number}-t{ttl}.{ORIGIN}"


def write_zone(path: Path, ttls: Iterable[int], names: int) -> None:
    """Write the zone file: ``names`` names with each of ``ttls``, right below the apex."""
    lines = [f"$ORIGIN {ORIGIN}", "$TTL 3600", "@ SOA ns hostmaster 1 7200 900 1209600 300"]
    lines += ["@ NS ns", "ns A 192.0.2.1", f"proof A {_address(0)}"]
    lines += [
        f"{owner(number, ttl)} {ttl} A {_address(number)}"
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


def question(asked: RRset) -> bytes:
    """Return a recursive query for ``asked``, with ID 0."""
    name = dns.name.from_text(asked.name).to_wire()
    assert name is not None
    kind = dns.rdatatype.from_text(asked.rtype)
    return struct.pack("!6H", 0, _RECURSION_DESIRED, 1, 0, 0, 0) + name + _QUESTION.pack(kind, 1)


def unmark(query: bytes) -> tuple[Played | None, bytes]:
    """Return which pair a query is of, and the query for the name itself.

    None, and the query as it stands, if its first label has no mark.
    """
    if len(query) <= HEADER:
        return None, query
    end = HEADER + 1 + query[HEADER]
    found = _MARK.match(query, HEADER + 1, end)
    if found is None:
        return None, query
    rest = query[found.end() : end]
    label = bytes([len(rest)]) + rest if rest else b""
    played = Played(int(found[2]), int(found[1]))
    return played, query[:HEADER] + label + query[end:]


def answer_ttl(response: bytes) -> int | None:
    """Return the least TTL of the answers in a response to one question; None without any."""
    if len(response) < HEADER or response[3] & 0x0F:
        return None
    count = struct.unpack_from("!H", response, 6)[0]
    at = _after_name(response, HEADER) + _QUESTION.size
    found: list[int] = []
    for _ in range(count):
        at = _after_name(response, at)
        _, _, ttl, length = _RECORD.unpack_from(response, at)
        at += _RECORD.size + length
        found.append(ttl)
    return min(found, default=None)


def _after_name(packet: bytes, at: int) -> int:
    """Return where the name at ``at`` ends."""
    while packet[at]:
        if packet[at] >= _POINTER:
            return at + 2
        at += packet[at] + 1
    return at + 1
