r"""Normalises the names of zones: absolute, lower case, one spelling.

Knows only the text of names (RFC 1035 §5.1: labels, dots, ``\X``, ``\DDD``). The wire form
is :mod:`dnsd.wire.name`'s, which lies above the configuration.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MAX_LABEL = 63
MAX_NAME = 255

SUFFIX = ".zone"
ROOT_STEMS = ("@", "root")
"""Files ``@.zone`` and ``root.zone`` hold the root zone, whose name no file can have."""

_TOKEN = re.compile(r"\\(\d{3})|\\(\D)|([^\\])", re.ASCII | re.DOTALL)
_PLAIN = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+", re.ASCII)
"""Names that only need lower case, as nearly all do."""
_UNFIT = re.compile(r"[^a-z0-9._-]")
_SPECIAL = frozenset(b'"().;\\@$')


def normal(text: str) -> str:
    """Return the zone name ``text`` absolute, in lower case and with canonical escapes.

    ValueError is a sentence that says what is wrong with it.
    """
    if text == ".":
        return "."
    if not text.isascii():
        raise ValueError(f"{text!r} is not ASCII: write it as {_a_labels(text)}")
    plain = text.lower() if text.endswith(".") else text.lower() + "."
    if len(plain) < MAX_NAME and _PLAIN.fullmatch(plain):
        return plain
    if any(char <= " " or char == "\x7f" for char in text):
        raise ValueError(f"{text!r} has a blank or a control character: write it as \\DDD")
    labels = _labels(text)
    if not all(labels):
        raise ValueError(f"{text!r} has an empty label: two dots in a row, or nothing at all")
    longest = max(map(len, labels))
    if longest > MAX_LABEL:
        raise ValueError(f"{text!r} has a label of {longest} octets; {MAX_LABEL} are allowed")
    size = sum(map(len, labels)) + len(labels) + 1
    if size > MAX_NAME:
        raise ValueError(f"{text!r} has {size} octets; a name may have {MAX_NAME}")
    return "".join(_show(label) + "." for label in labels)


def from_file_name(path: Path) -> str:
    """Return the name of the zone in a file ``NAME.zone``, from its name alone.

    ValueError when the file is not named after a zone.
    """
    stem = path.name.removesuffix(SUFFIX)
    if stem == path.name or not stem:
        raise ValueError(
            f"cannot tell the zone from the file name {path.name!r}, which is not ZONE{SUFFIX}"
        )
    return "." if stem in ROOT_STEMS else normal(stem)


def file_name(origin: str) -> str:
    """Return the name that the file of the zone ``origin`` has in a directory of zone files."""
    # A label may have a slash (RFC 2317), and one at its beginning would lead anywhere.
    stem = "root" if origin == "." else origin.removesuffix(".").replace("/", r"\047")
    return f"{stem}{SUFFIX}"


def complete(name: str, origin: str) -> str:
    """Return the owner ``name`` of a zone file absolute and normal: ``@``, relative, or so.

    ValueError is a sentence that says what is wrong with it.
    """
    if name == "@":
        return origin
    if is_absolute(name):
        return normal(name)
    return normal(f"{name}.{origin.removeprefix('.')}")


def is_absolute(name: str) -> bool:
    """Tell whether ``name`` ends with a dot that is not escaped."""
    body = name.removesuffix(".")
    return body != name and (len(body) - len(body.rstrip("\\"))) % 2 == 0


def is_within(name: str, origin: str) -> bool:
    """Tell whether ``name`` is ``origin`` or below it; both are normal."""
    above = _labels(origin)
    return origin == "." or _labels(name)[-len(above) :] == above


def file_stem(origin: str) -> str:
    """Return the beginning of the names of files that dnsd makes for the zone ``origin``."""
    readable = _UNFIT.sub("_", origin.removesuffix("."))[:80]
    return f"{readable}-{hashlib.sha256(origin.encode()).hexdigest()[:12]}"


def _labels(text: str) -> list[bytes]:
    labels, current, at = [], bytearray(), 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if not token or int(token[1] or 0) > 255:
            raise ValueError(f"{text!r} has a backslash that no character or \\DDD follows")
        at = token.end()
        if token[3] == ".":
            labels.append(bytes(current))
            current.clear()
        else:
            current.append(int(token[1]) if token[1] else ord(token[2] or token[3]))
    if current or not labels:
        labels.append(bytes(current))
    return labels


def _show(label: bytes) -> str:
    return "".join(
        f"\\{c:c}" if c in _SPECIAL else chr(c) if 0x21 <= c <= 0x7E else f"\\{c:03d}"
        for c in label.lower()
    )


def _a_labels(text: str) -> str:
    """Return ``text`` as A-labels (IDNA), or an example if it cannot be converted."""
    try:
        return text.encode("idna").decode()
    except UnicodeError:
        return "A-labels, such as xn--bcher-kva.example"
