"""Query packets built field by field: the odd ones that no library would make."""

from __future__ import annotations

from struct import pack

IDENT = 0x1A2B
IN, CH, ANY_CLASS = 1, 3, 255
OPT, TSIG = 41, 250
TC, QR, RD, CD, DO = 0x0200, 0x8000, 0x0100, 0x0010, 0x8000


def header(
    flags: int = 0, counts: tuple[int, int, int, int] = (1, 0, 0, 0), ident: int = IDENT
) -> bytes:
    """Twelve octets; ``counts`` are questions, answers, authority, additional."""
    return pack(">6H", ident, flags, *counts)


def name(text: str) -> bytes:
    """A plain name; labels are the text between dots."""
    parts = [label.encode() for label in text.split(".") if label]
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\x00"


def question(text: str, rtype: int = 1, rclass: int = IN) -> bytes:
    return name(text) + pack(">2H", rtype, rclass)


def record(
    rtype: int, rdata: bytes = b"", rclass: int = IN, ttl: int = 0, owner: bytes = b"\x00"
) -> bytes:
    return owner + pack(">2HIH", rtype, rclass, ttl, len(rdata)) + rdata


def option(code: int, value: bytes = b"") -> bytes:
    return pack(">2H", code, len(value)) + value


def opt(
    *options: bytes, payload: int = 1232, version: int = 0, flags: int = 0, owner: bytes = b"\x00"
) -> bytes:
    """An OPT record (RFC 6891 §6.1.2)."""
    return record(OPT, b"".join(options), payload, version << 16 | flags, owner)


def tsig(key: str = "key.", mac: bytes = bytes(32)) -> bytes:
    """A TSIG record of hmac-sha256 (RFC 8945 §4.2)."""
    rdata = name("hmac-sha256.") + bytes(6) + pack(">2H", 300, len(mac)) + mac
    return record(TSIG, rdata + pack(">3H", IDENT, 0, 0), ANY_CLASS, 0, name(key))


def query(text: str, rtype: int = 1, *additional: bytes, flags: int = 0) -> bytes:
    """One question, then ``additional`` records."""
    counts = (1, 0, 0, len(additional))
    return header(flags, counts) + question(text, rtype) + b"".join(additional)
