"""Record types that dnspython has no text form for: old ones, and some that never caught on.

Old zones still have them, and other servers load them. Each type is a row of fields; this module
reads fields, others read tokens and names.
"""

from __future__ import annotations

import base64
from socket import AF_INET6, inet_pton
from typing import TYPE_CHECKING

import dns.exception
import dns.rdatatype

from dnsd.zone.names import parse_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnsd.zone.scan import Token

_FORMATS: dict[str, tuple[int, tuple[str, ...]]] = {
    "MD": (3, ("name",)),  # RFC 1035 §3.3
    "MF": (4, ("name",)),
    "MB": (7, ("name",)),
    "MG": (8, ("name",)),
    "MR": (9, ("name",)),
    "MINFO": (14, ("name", "name")),
    "NXT": (30, ("name", "types")),  # RFC 2535 §5.2
    "EID": (31, ("hex",)),
    "NIMLOC": (32, ("hex",)),
    "ATMA": (34, ("atm address",)),
    "A6": (38, ("prefix",)),  # RFC 2874 §3
    "SINK": (40, ("u8", "u8", "u8", "base64 or nothing")),
    "RKEY": (57, ("u16", "u8", "u8", "base64")),
    "TALINK": (58, ("name", "name")),
    "TA": (32768, ("u16", "u8", "u8", "hex")),
}
_FIELDS = dict(_FORMATS.values())
_EXAMPLES = {
    "name": "mail.example.com.",
    "types": "A MX",
    "hex": "0123ABCD",
    "base64": "AQID",
    "base64 or nothing": "AQID",
    "atm address": "+61200000000",
    "prefix": "64 ::1 prefix.example.com.",
    "u8": "1",
    "u16": "1",
}
_BITS_OF_ADDRESS = 128

for _mnemonic, (_code, _) in _FORMATS.items():
    dns.rdatatype.register_type(dns.rdatatype.RdataType.make(_code), _mnemonic)


def number_of(mnemonic: str) -> int | None:
    """Return the number of a type that is not among the usual ones, None if there is none."""
    try:
        return int(dns.rdatatype.from_text(mnemonic))
    except (dns.exception.DNSException, ValueError):
        return None


def name_of(rtype: int) -> str:
    """Return the mnemonic of a type, TYPE and its number if it has none."""
    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rtype))


def is_rare(rtype: int) -> bool:
    """Tell whether :func:`parse_rare` knows the type."""
    return rtype in _FIELDS


def example(rtype: int) -> str:
    """Return valid data for a rare type, as an example."""
    return " ".join(_EXAMPLES[kind] for kind in _FIELDS[rtype])


def parse_rare(rtype: int, tokens: Sequence[Token], origin: bytes) -> bytes:
    """Return the wire form of the data in ``tokens``; ValueError if they are not valid.

    The last field of a type takes all remaining tokens.
    """
    *first, last = _FIELDS[rtype]
    if any(token.quoted for token in tokens) or len(tokens) < len(first):
        raise ValueError
    words = [token.text for token in tokens]
    fields = [(kind, [word]) for kind, word in zip(first, words, strict=False)]
    fields.append((last, words[len(first) :]))
    return b"".join(_PARSERS[kind](text, origin) for kind, text in fields)


def _name_field(words: list[str], origin: bytes) -> bytes:
    (word,) = words
    return parse_name(word, origin)


def _number_field(octets: int) -> Callable[[list[str], bytes], bytes]:
    def parse(words: list[str], _origin: bytes) -> bytes:
        (word,) = words
        return _number(word).to_bytes(octets, "big")

    return parse


def _number(word: str) -> int:
    if not word.isdecimal():
        raise ValueError
    return int(word)


def _hex_field(words: list[str], _origin: bytes) -> bytes:
    if not words:
        raise ValueError
    return bytes.fromhex("".join(words))


def _base64_field(words: list[str], _origin: bytes) -> bytes:
    if not words:
        raise ValueError
    return _any_base64_field(words, _origin)


def _any_base64_field(words: list[str], _origin: bytes) -> bytes:
    return base64.b64decode("".join(words), validate=True)


def _types_field(words: list[str], _origin: bytes) -> bytes:
    """One bit for each type below 128, from the left (RFC 2535 §5.2)."""
    bits = bytearray(16)
    for word in words:
        rtype = int(dns.rdatatype.from_text(word))
        bits[rtype // 8] |= 0x80 >> rtype % 8
    return bytes(bits).rstrip(b"\x00")


def _atm_field(words: list[str], _origin: bytes) -> bytes:
    (word,) = words
    digits = word.replace(".", "")
    if digits.startswith("+") and digits[1:].isdecimal():
        return b"\x01" + digits[1:].encode()
    return b"\x00" + bytes.fromhex(digits)


def _prefix_field(words: list[str], origin: bytes) -> bytes:
    """Prefix length, the other bits of the address, and the name that has the prefix."""
    bits, *rest = words
    length = _number(bits)
    if length > _BITS_OF_ADDRESS:
        raise ValueError
    suffix = b""
    if length < _BITS_OF_ADDRESS:
        address = int.from_bytes(inet_pton(AF_INET6, rest.pop(0)), "big")
        kept = address & ((1 << (_BITS_OF_ADDRESS - length)) - 1)
        suffix = kept.to_bytes((_BITS_OF_ADDRESS - length + 7) // 8, "big")
    name = _name_field(rest, origin) if length else b""
    if not length and rest:
        raise ValueError
    return bytes((length,)) + suffix + name


_PARSERS: dict[str, Callable[[list[str], bytes], bytes]] = {
    "name": _name_field,
    "types": _types_field,
    "hex": _hex_field,
    "base64": _base64_field,
    "base64 or nothing": _any_base64_field,
    "atm address": _atm_field,
    "prefix": _prefix_field,
    "u8": _number_field(1),
    "u16": _number_field(2),
}
