"""Class CH: what a server says about itself (RFC 4892)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.wire.name import from_text
from dnsd.wire.rdata import ANY, TXT

if TYPE_CHECKING:
    from dnsd.hotpath.api import Settings

_SERVER = frozenset(map(from_text, ("id.server.", "hostname.bind.")))
_VERSION = frozenset(map(from_text, ("version.bind.", "version.server.")))
_HEAD = b"\xc0\x0c\x00\x10\x00\x03\x00\x00\x00\x00"


def answer(name: bytes, qtype: int, settings: Settings) -> bytes | None:
    """Return the TXT record for the lower-case ``name``, or None: unknown or hidden."""
    text = None
    if qtype in (TXT, ANY):
        if name in _SERVER:
            text = settings.server_id
        elif name in _VERSION:
            text = settings.version
    if text is None:
        return None
    text = text[:255]
    return _HEAD + (len(text) + 1).to_bytes(2, "big") + bytes((len(text),)) + text
