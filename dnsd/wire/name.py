"""Domain names in wire format (RFC 1035 §3.1): uncompressed octets in, values out.

A name here is always absolute and uncompressed: labels with their length octets and the
root's zero octet at the end, at most 255 octets. Comparison is of ASCII letters without
case (RFC 4343), which means: of names passed through :func:`lower`.
"""

from __future__ import annotations

import re

ROOT = b"\x00"
MAX_NAME = 255
"""Octets of the longest name (RFC 1035 §2.3.4)."""
MAX_LABELS = 127
"""Labels of the longest name: one octet each, and its length."""
MAX_LABEL = 63
"""Octets of the longest label (RFC 1035 §2.3.4)."""

_LOWER = bytes(c + 32 if 0x41 <= c <= 0x5A else c for c in range(256))
_ESCAPED = frozenset(b'"().;\\@$')
_PLAIN = re.compile(rb"[A-Za-z0-9_-]+")
"""Labels that need no escapes, as nearly all do."""


def lower(name: bytes) -> bytes:
    """Return ``name`` with ASCII letters in lower case (length octets are below 64: unharmed)."""
    return name.translate(_LOWER)


def labels(name: bytes) -> tuple[bytes, ...]:
    """Return the labels of ``name``, leftmost first, without the root label."""
    found = []
    at = 0
    while length := name[at]:
        found.append(name[at + 1 : at + 1 + length])
        at += 1 + length
    return tuple(found)


def join(parts: tuple[bytes, ...]) -> bytes:
    """Return the name made of labels ``parts``; ValueError when it is not a legal name."""
    for part in parts:
        if not 0 < len(part) <= MAX_LABEL:
            raise ValueError("a label must have 1 to 63 octets")
    name = b"".join(bytes((len(part),)) + part for part in parts) + ROOT
    if len(name) > MAX_NAME:
        raise ValueError("a name must have at most 255 octets")
    return name


def parent(name: bytes) -> bytes:
    """Return ``name`` without its leftmost label; ``name`` must not be the root."""
    return name[1 + name[0] :]


def ancestors(name: bytes) -> list[bytes]:
    """Return ``name`` and every name above it, up to the root."""
    found = [name]
    while name != ROOT:
        name = parent(name)
        found.append(name)
    return found


def count(name: bytes) -> int:
    """Return how many labels ``name`` has, the root label not counted."""
    number = at = 0
    while length := name[at]:
        number += 1
        at += 1 + length
    return number


def is_subdomain(name: bytes, ancestor: bytes) -> bool:
    """Tell whether ``name`` is ``ancestor`` or below it; both in lower case."""
    if not name.endswith(ancestor):
        return False
    at, start = 0, len(name) - len(ancestor)
    while at < start:
        at += 1 + name[at]
    return at == start


def wildcard_of(name: bytes) -> bytes:
    """Return ``*.name`` (which may be too long to exist: 257 octets at most)."""
    return b"\x01*" + name


def is_wildcard(name: bytes) -> bool:
    """Tell whether the leftmost label of ``name`` is a single asterisk (RFC 4592 §2.1.1)."""
    return name.startswith(b"\x01*")


def canonical_key(name: bytes) -> bytes:
    """Return a key whose byte order is the canonical order of names (RFC 4034 §6.1).

    Labels from the right, each ended by a zero octet; a zero octet inside a label becomes
    01 01 and a one 01 02, so that they sort after the end of a label and in their own order.
    """
    return b"".join(
        label.replace(b"\x01", b"\x01\x02").replace(b"\x00", b"\x01\x01") + b"\x00"
        for label in reversed(labels(lower(name)))
    )


def to_text(name: bytes) -> str:
    """Return the presentation form of ``name``, with escapes and the final dot."""
    if name == ROOT:
        return "."
    parts = labels(name)
    if _PLAIN.fullmatch(b"".join(parts)):  # as a rule, and there may be millions
        return b".".join(parts).decode("ascii") + "."
    return "".join(_label_text(label) + "." for label in parts)


def _label_text(label: bytes) -> str:
    if _PLAIN.fullmatch(label):
        return label.decode("ascii")
    return "".join(
        f"\\{c:c}" if c in _ESCAPED else chr(c) if 0x21 <= c <= 0x7E else f"\\{c:03d}"
        for c in label
    )


def from_text(text: str) -> bytes:
    """Return the wire form of the absolute name ``text`` (the final dot may be left out).

    Understands ``\\DDD`` and ``\\X``; octets above 0x7f must be escaped. ValueError says
    what is wrong.
    """
    if text in (".", ""):
        return ROOT
    if "\\" not in text and text.isascii():  # as a rule, and there may be millions
        return join(tuple(text.removesuffix(".").encode("ascii").split(b".")))
    parts = []
    current = bytearray()
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            octet, at = _escape(text, at + 1)
            current.append(octet)
            continue
        at += 1
        if char != ".":
            if ord(char) > 0x7F:
                raise ValueError("a name in presentation form must be ASCII")
            current.append(ord(char))
        else:
            parts.append(bytes(current))
            current.clear()
    if current:
        parts.append(bytes(current))
    return join(tuple(parts))


def _escape(text: str, at: int) -> tuple[int, int]:
    """Return the octet escaped at ``at`` (after the backslash) and where the text goes on."""
    digits = text[at : at + 3]
    if digits[:1].isdigit():
        if len(digits) < 3 or not (digits.isascii() and digits.isdigit()) or int(digits) > 255:
            raise ValueError("an escape \\DDD needs three digits up to 255")
        return int(digits), at + 3
    if not digits or ord(digits[0]) > 0x7F:
        raise ValueError("a backslash must be followed by a character")
    return ord(digits[0]), at + 1
