"""What stands between a record's owner and its data: TTL and class in any order, then the type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dnsd.zone.foreign import windows_extension
from dnsd.zone.names import shown
from dnsd.zone.typenames import is_meta, parse_type

if TYPE_CHECKING:
    from dnsd.zone.scan import Token
    from dnsd.zone.ttl import TtlRules

_CLASS = re.compile(r"IN|CH|CS|HS|CHAOS|HESIOD|CLASS[0-9]{1,5}", re.IGNORECASE)
_IN = frozenset(("IN", "CLASS1"))


class Wrong(ValueError):
    """An entry that cannot be used: the code and the message of its finding."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse_header(tokens: list[Token], ttls: TtlRules) -> tuple[int | None, int, list[Token]]:
    """Return TTL (if stated), type and data tokens of a record from what follows its owner."""
    ttl: int | None = None
    has_class = False
    for at, token in enumerate(tokens):
        text = word(token)
        if ttl is None and text[:1].isdigit():
            ttl = ttls.stated(text)
            if ttl is None:
                raise bad_ttl(text)
        elif not has_class and _CLASS.fullmatch(text):
            has_class = True
            if text.upper() not in _IN:
                raise Wrong(
                    "bad-class",
                    f"the class {text.upper()} is not served: write IN, or leave it out",
                )
        else:
            return ttl, _type(text), tokens[at + 1 :]
    raise Wrong("no-type", "the record has no type: write OWNER TTL TYPE DATA")


def word(token: Token) -> str:
    """Return the text of a token that must not be quoted."""
    if token.quoted:
        raise Wrong("bad-quotes", f"remove the quotes from '{shown(token.text)}'")
    return token.text


def bad_ttl(text: str) -> Wrong:
    """Return the fault of a text that is not a TTL."""
    message = f"'{shown(text)}' is not a TTL: write seconds from 0 to 2147483647, or 1h30m"
    if not text.isdigit():
        message += "; begin the line with white space if the owner was to be left out"
    return Wrong("bad-ttl", message)


def _type(text: str) -> int:
    rtype = parse_type(text)
    if rtype is None:
        if extension := windows_extension(text):
            raise Wrong("windows-extension", extension)
        raise Wrong(
            "unknown-type",
            f"'{shown(text)}' is not a record type known here: correct it, or write TYPE and its "
            r"number, and the data as \# LENGTH HEX (RFC 3597)",
        )
    if is_meta(rtype):
        raise Wrong(
            "meta-type",
            f"{text.upper()} is not a type of data, it exists in messages only: remove the record",
        )
    return rtype
