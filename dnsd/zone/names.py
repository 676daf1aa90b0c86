"""Domain names as zone files write them: relative, ``@``, escaped, or internationalised.

A name is completed with an origin; U-labels in UTF-8 become A-labels (IDNA 2003, what
dnspython does without further packages; the letters on which IDNA 2003 and 2008 differ are
refused). Text is one character for each octet of the file, as :mod:`dnsd.zone.scan` gives it.
"""

from __future__ import annotations

import re

from dnsd.wire.name import MAX_NAME, ROOT, from_text, join

_MAX_TEXT = 4 * MAX_NAME
"""Each octet may be written as \\DDD."""
_SHOWN = 80
_FINAL_DOT = re.compile(r"(?s)(?:[^\\]|\\.)*\.")
_LDH = re.compile(rb"[0-9A-Za-z-]{1,63}")
_DISPUTED = frozenset("\u00df\u1e9e\u03c2\u200c\u200d")
"""Sharp s, final sigma and the joiners: IDNA 2003 and 2008 make different names of them."""


_DOTS = frozenset("\u3002\uff0e\uff61")
"""What IDNA 2003 takes for dots: here only a dot is one."""


class BadName(ValueError):
    """Text that is not a domain name; ``str()`` says why and what to do."""


def parse_name(text: str, origin: bytes) -> bytes:
    """Return the wire form of ``text``, completed with ``origin`` unless it ends with a dot."""
    if text == "@":
        return origin
    if not text:
        raise BadName("the name is empty: write @ for the origin, or a dot for the root")
    if len(text) > _MAX_TEXT:
        raise BadName(f"the name '{shown(text)}' is longer than 255 octets: shorten it")
    ascii_text = text if text.isascii() else _to_ascii(text)
    try:
        if "\\" in ascii_text:
            name, is_absolute = from_text(ascii_text), _FINAL_DOT.fullmatch(ascii_text) is not None
        else:
            is_absolute = ascii_text.endswith(".")
            parts = ascii_text.removesuffix(".").encode().split(b".")
            name = ROOT if ascii_text == "." else join(tuple(parts))
    except ValueError as error:
        raise BadName(f"the name '{shown(text)}' is wrong: {_why(ascii_text, error)}") from None
    if is_absolute:
        return name
    if len(name) - 1 + len(origin) > MAX_NAME:
        raise BadName(
            f"the name '{shown(text)}' is longer than 255 octets with the origin added: shorten it"
        )
    return name[:-1] + origin


def shown(text: str) -> str:
    """Return file text for a message: decoded as UTF-8 if possible, escaped, and shortened."""
    try:
        decoded = text.encode("latin-1").decode()
    except UnicodeDecodeError:
        decoded = text
    return _printable(decoded)


def _printable(text: str) -> str:
    kept = "".join(c if c.isprintable() else f"\\{ord(c):03d}" for c in text[:_SHOWN])
    return kept if len(text) <= _SHOWN else kept + "..."


def _why(text: str, error: ValueError) -> str:
    if text.startswith(".") or ".." in text:
        return "it has an empty label; remove the extra dot"
    return str(error)


def _to_ascii(text: str) -> str:
    """Return ``text`` with its U-labels made A-labels."""
    try:
        unicode_text = text.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise BadName(
            f"the name '{shown(text)}' has octets above 127 that are not UTF-8: "
            "save the file as UTF-8, or write such octets as \\DDD"
        ) from None
    if "\\" in unicode_text:
        raise BadName(
            f"the name '{shown(text)}' has both escapes and letters beyond ASCII: "
            "write it as an A-label (xn--), or escape all octets as \\DDD"
        )
    return ".".join(
        label if label.isascii() else _a_label(label) for label in unicode_text.split(".")
    )


def _a_label(label: str) -> str:
    import dns.exception  # few zone files have such names
    import dns.name

    if not _DISPUTED.isdisjoint(label):
        raise BadName(
            f"IDNA 2003 and 2008 encode a letter of the label '{_printable(label)}' differently: "
            "write it as the A-label you mean (xn--...)"
        )
    ascii_part = "".join(c for c in label if c.isascii()) or "-"
    try:
        encoded = dns.name.IDNA_2003_Practical.encode(label)
    except (dns.exception.DNSException, UnicodeError):
        encoded = b""
    is_host = _LDH.fullmatch(ascii_part.encode()) and _DOTS.isdisjoint(label)
    if not is_host or not _LDH.fullmatch(encoded):
        raise BadName(
            f"the label '{_printable(label)}' is not an internationalised name: "
            "write it as an A-label (xn--...), or its octets as \\DDD"
        )
    return encoded.decode()
