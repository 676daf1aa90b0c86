"""The fast path for ordinary lines: one regular expression, and wire format made by hand.

Covers A, AAAA, NS, CNAME, PTR, MX and simple TXT records on one line without escapes,
parentheses or letters beyond ASCII: nearly all lines of a large zone. Whatever is not plain
(or has an error) is left to the slow path, which alone makes findings; where both can read a
line they give the same octets.
"""

from __future__ import annotations

import re
from socket import AF_INET, AF_INET6, inet_pton
from typing import TYPE_CHECKING

from dnsd.wire.name import MAX_NAME, ROOT
from dnsd.wire.rdata import AAAA, CNAME, MX, NS, PTR, TXT, A

if TYPE_CHECKING:
    from collections.abc import Callable

RECORD = re.compile(
    r"(@|[0-9A-Za-z_*/-][0-9A-Za-z_.*/-]*+)?"
    r"[ \t]++(?:([0-9][0-9smhdwSMHDW]*+)[ \t]++)?(?:[Ii][Nn][ \t]++)?([A-Za-z]++)[ \t]++"
    r'((?:[0-9]++[ \t]++)?[0-9A-Za-z_.*/:-]++|@|"[ !#-\[\]-~]*+")'
    r"[ \t]*+(?:;[^\r\n]*+)?(?:\n|\Z)"
)
"""A whole line; groups: owner, TTL, type, rdata. Owner and TTL may be None."""

_LENGTHS = tuple(bytes((n,)) for n in range(256))
_MAX_SUFFIXES = 65536


class PlainNames:
    """Plain names to wire form under one origin; the part after the first dot is remembered."""

    def __init__(self, origin: bytes) -> None:
        self._origin = origin
        self._suffixes: dict[str, bytes] = {"": ROOT}

    def get(self, text: str) -> bytes | None:
        """Return the wire form of ``text``; None when it is no plain, legal name."""
        head, dot, rest = text.partition(".")
        if not dot:
            if head == "@":
                return self._origin
            tail = self._origin
        else:
            known = self._suffixes.get(rest)
            if known is None:
                known = self._learn(rest)
                if known is None:
                    return None
            tail = known
        if 0 < len(head) < 64 and len(head) + len(tail) < MAX_NAME:
            return _LENGTHS[len(head)] + head.encode() + tail
        return ROOT if text == "." else None

    def _learn(self, text: str) -> bytes | None:
        if len(text) > MAX_NAME or text.startswith("."):
            return None
        name = self.get(text)
        if name is not None:
            if len(self._suffixes) >= _MAX_SUFFIXES:
                self._suffixes = {"": ROOT}
            self._suffixes[text] = name
        return name


def _a(text: str, _names: PlainNames) -> bytes | None:
    try:
        return inet_pton(AF_INET, text)
    except OSError:
        return None


def _aaaa(text: str, _names: PlainNames) -> bytes | None:
    try:
        return inet_pton(AF_INET6, text)
    except OSError:
        return None


def _name(text: str, names: PlainNames) -> bytes | None:
    return names.get(text) if _IS_NAME(text) else None


def _mx(text: str, names: PlainNames) -> bytes | None:
    found = _IS_MX(text)
    name = names.get(found[2]) if found else None
    if found is None or name is None or int(found[1]) > 0xFFFF:
        return None
    return int(found[1]).to_bytes(2, "big") + name


def _txt(text: str, _names: PlainNames) -> bytes | None:
    if text[0] == '"':
        text = text[1:-1]
    elif " " in text or "\t" in text:
        return None
    return _LENGTHS[len(text)] + text.encode() if len(text) < 256 else None


_IS_NAME = re.compile(r"@|[0-9A-Za-z_.*/-]+").fullmatch
_IS_MX = re.compile(r"([0-9]{1,5})[ \t]+([0-9A-Za-z_.*/-]+)").fullmatch

_MAKERS: dict[str, tuple[int, Callable[[str, PlainNames], bytes | None]]] = {
    "A": (A, _a),
    "AAAA": (AAAA, _aaaa),
    "NS": (NS, _name),
    "CNAME": (CNAME, _name),
    "PTR": (PTR, _name),
    "MX": (MX, _mx),
    "TXT": (TXT, _txt),
}
MAKERS = _MAKERS | {mnemonic.lower(): maker for mnemonic, maker in _MAKERS.items()}
"""Mnemonic (upper or lower case) to type number and the maker of its rdata; a maker returns
None for what it leaves to the slow path."""
