"""Queries as messages, for the askers that are not dnsperf: each after its length in two bytes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bench.zonegen import Query

TYPES = {"A": 1, "SOA": 6}
UDP_SIZE = 1232
OPT = struct.pack("!BHHBBHH", 0, 41, UDP_SIZE, 0, 0, 0, 0)


def message(name: str, rrtype: str, *, edns: bool) -> bytes:
    """Return a query with ID 0 for the absolute name ``name``, which holds no escapes."""
    labels = name.rstrip(".").encode("ascii").split(b".")
    owner = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    header = struct.pack("!6H", 0, 0, 1, 0, 0, int(edns))
    return header + owner + struct.pack("!HH", TYPES[rrtype], 1) + (OPT if edns else b"")


def write(path: Path, origin: str, queries: Iterable[Query], *, edns: bool) -> None:
    """Write the query for ``origin``'s SOA, which shows a change of the zone, and ``queries``."""
    wanted = [(origin, "SOA"), *((query.name, query.type) for query in queries)]
    with path.open("wb") as file:
        for name, rrtype in wanted:
            encoded = message(name, rrtype, edns=edns)
            file.write(struct.pack("!H", len(encoded)) + encoded)
