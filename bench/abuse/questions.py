"""Queries in wire format."""

from __future__ import annotations

from struct import pack


def ask(name: str, rtype: int, ident: int = 0, do: int = 0) -> bytes:
    """Return a query for ``name`` with EDNS and a payload of 1232; ``do`` 1 asks for DNSSEC."""
    labels = b"".join(bytes((len(part),)) + part.encode() for part in name.split("."))
    question = labels + b"\0" + pack(">2H", rtype, 1)
    return (
        pack(">6H", ident, 0, 1, 0, 0, 1)
        + question
        + pack(">BHHBBHH", 0, 41, 1232, 0, 0, do << 15, 0)
    )
