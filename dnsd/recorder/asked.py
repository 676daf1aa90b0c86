"""What a query from the tap asks for, as text; whatever its octets, the text can be printed."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from dnsd.metrics.mnemonics import QTYPE_NAMES
from dnsd.wire import opt, query
from dnsd.wire.name import to_text
from dnsd.wire.query import Malformed

_CLASSES = {1: "IN", 3: "CH", 4: "HS", 255: "ANY"}
_OPCODES = {0: "QUERY", 4: "NOTIFY", 5: "UPDATE"}
_TC = 0x0200

NONE = "-"
"""In place of what a query does not have."""


class Asked(NamedTuple):
    """The question of a query and what comes with it.

    ``flags`` are letters: R recursion desired, C checking disabled, E EDNS, D DNSSEC OK, K cookie,
    S signed (TSIG).
    """

    name: str
    rtype: str
    rclass: str
    opcode: str
    flags: str


def asked(packet: bytes) -> Asked:
    """Return what ``packet`` asks for, as far as it is well formed; it has a header."""
    found = query.begin(packet)
    with suppress(Malformed):
        query.parse(packet, found)
    opcode = _OPCODES.get(found.opcode, f"OPCODE{found.opcode}")
    flags = _flags(found)
    if not found.question:
        return Asked(NONE, NONE, NONE, opcode, flags)
    rtype = QTYPE_NAMES.get(found.qtype) or f"TYPE{found.qtype}"
    rclass = _CLASSES.get(found.qclass) or f"CLASS{found.qclass}"
    return Asked(to_text(found.qname), rtype, rclass, opcode, flags)


def _flags(found: query.Query) -> str:
    edns = found.edns
    letters = (
        ("R", found.flags & query.RD),
        ("C", found.flags & query.CD),
        ("E", edns is not None),
        ("D", edns is not None and edns.flags & opt.DO),
        ("K", edns is not None and edns.cookie is not None),
        ("S", found.tsig),
    )
    return "".join(letter for letter, is_so in letters if is_so) or NONE


def is_truncated(response: bytes) -> bool:
    """Return whether a ``response`` tells the client to come again over TCP."""
    return len(response) >= query.HEADER.size and bool(int.from_bytes(response[2:4]) & _TC)
