"""Queries as messages; in a file for the askers that are not dnsperf, each after its length."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bench.zonegen import Query

TYPES = {"A": 1, "SOA": 6, "TXT": 16}
UDP_SIZE = 1232
_OPT = struct.Struct("!BHHBBHH")
_DO = 0x8000


def message(name: str, rrtype: str, ident: int = 0, *, edns: bool, dnssec: bool = False) -> bytes:
    """Return a query for the absolute name ``name``, which holds no escapes; ``ident`` is its ID.

    With ``dnssec`` (and ``edns``) it asks for signatures and proofs.
    """
    labels = name.rstrip(".").encode("ascii").split(b".")
    owner = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    header = struct.pack("!6H", ident, 0, 1, 0, 0, int(edns))
    opt = _OPT.pack(0, 41, UDP_SIZE, 0, 0, _DO if dnssec else 0, 0) if edns else b""
    return header + owner + struct.pack("!HH", TYPES[rrtype], 1) + opt


def write(path: Path, origin: str, queries: Iterable[Query], *, edns: bool) -> None:
    """Write the query for ``origin``'s SOA, which shows a change of the zone, and ``queries``."""
    wanted = [(origin, "SOA"), *((query.name, query.type) for query in queries)]
    with path.open("wb") as file:
        for name, rrtype in wanted:
            encoded = message(name, rrtype, edns=edns)
            file.write(struct.pack("!H", len(encoded)) + encoded)
