"""Recognises what other servers, exports and word processors leave in zone files.

It only explains what to do; the reader of the file decides whether something is wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dnsd.zone.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.zone.scan import Token

_AGE = re.compile(r"\[(?:AGE|AGING):[0-9]+\]", re.IGNORECASE)
_WINS = frozenset(("WINS", "WINS-R", "WINSR", "NBSTAT"))
_TRANSFER = "transfer the zone from the Windows server in place of its file (dig ZONE AXFR @SERVER)"

_OCTAL_WILDCARD = re.compile(r"\\052(?:\.|\Z)")

# as UTF-8 read octet by octet, and as Windows-1252
_MARKS = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb"
_QUOTES = tuple(mark.encode().decode("latin-1") for mark in _MARKS) + tuple("\x91\x92\x93\x94")


def windows_extension(word: str) -> str | None:
    """Return a message if ``word``, in the place of a type, is an extension of Windows DNS."""
    if _AGE.fullmatch(word):
        return (
            f"'{shown(word)}' is the time stamp that the Windows DNS server writes for dynamic "
            f"records, no part of the zone file format: {_TRANSFER}, or remove it"
        )
    if word.upper() in _WINS:
        return (
            f"{word.upper()} is an extension of the Windows DNS server (it looks elsewhere), which "
            "others cannot answer from: remove the record, or tick 'Do not replicate this record' "
            f"in the zone's properties and {_TRANSFER}"
        )
    return None


def octal_wildcard(owner: str) -> str | None:
    """Return a message for an owner that begins with an octal asterisk (Route 53)."""
    if not _OCTAL_WILDCARD.match(owner):
        return None
    rest = owner.removeprefix(r"\052")
    return (
        rf"'{shown(owner)}' begins with \052, which is decimal in a zone file and stands for the "
        f"character 4: write '{shown('*' + rest)}' if you mean a wildcard"
    )


def typographic_quotes(tokens: Iterable[Token]) -> str | None:
    """Return a message for data in typographic quotation marks."""
    for token in tokens:
        text = token.text
        if not token.quoted and not text.isascii() and text.startswith(_QUOTES):
            return (
                f"the typographic quotation mark before {shown(text)} is part of the text: "
                'write " around it'
            )
    return None
