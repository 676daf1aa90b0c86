"""The OPT record: EDNS of queries read, EDNS of responses written (RFC 6891).

NSID is RFC 5001, cookies RFC 7873, edns-tcp-keepalive RFC 7828, extended errors RFC 8914.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

_FIXED = Struct(">HBBHH")
_OPTION = Struct(">HH")
_RECORD = Struct(">BHHBBHH")

NSID, COOKIE, KEEPALIVE, EDE = 3, 10, 11, 15
NOT_READY, NOT_AUTHORITATIVE, INVALID_DATA = 14, 20, 24
"""Extended DNS errors (RFC 8914 §4); the last one is for a zone that has expired (§4.25)."""

DO = 0x8000
MAX_OPTIONS = 32
SIZE = _RECORD.size
"""Octets of an OPT record without options."""

_CLIENT_COOKIE = 8
_COOKIE_LENGTHS = frozenset((_CLIENT_COOKIE, *range(16, 41)))


@dataclass(slots=True)
class Edns:
    """The EDNS of a query.

    ``payload`` in octets as sent; ``cookie`` is the whole COOKIE option or None;
    ``bad_cookie`` says that it had an impossible length.
    """

    payload: int
    version: int
    flags: int
    nsid: bool = False
    cookie: bytes | None = None
    keepalive: bool = False
    bad_cookie: bool = False


def parse_edns(packet: bytes, at: int, end: int) -> Edns | None:
    """Parse the OPT record whose class stands at ``at`` and whose rdata ends at ``end``.

    None when its options are not well formed or are more than 32.
    """
    payload, _, version, flags, _ = _FIXED.unpack_from(packet, at)
    edns = Edns(payload, version, flags)
    at += _FIXED.size
    options = 0
    while at < end:
        options += 1
        if options > MAX_OPTIONS or at + _OPTION.size > end:
            return None
        code, length = _OPTION.unpack_from(packet, at)
        at += _OPTION.size
        if at + length > end:
            return None
        _note(edns, code, packet[at : at + length])
        at += length
    return edns


def _note(edns: Edns, code: int, value: bytes) -> None:
    if code == NSID:
        edns.nsid = True
    elif code == KEEPALIVE:
        edns.keepalive = True
    elif code == COOKIE and edns.cookie is None:
        edns.cookie = value
        edns.bad_cookie = len(value) not in _COOKIE_LENGTHS


def option(code: int, value: bytes) -> bytes:
    """Return one option, code and length in front."""
    return _OPTION.pack(code, len(value)) + value


def extended_error(code: int) -> bytes:
    """Return an extended DNS error without text (RFC 8914 §2)."""
    return option(EDE, code.to_bytes(2, "big"))


def record(payload: int, rcode: int, flags: int, options: bytes) -> bytes:
    """Return a response's OPT record; ``rcode`` is the whole one, its upper bits go in here."""
    return _RECORD.pack(0, 41, payload, rcode >> 4, 0, flags & DO, len(options)) + options
