"""Server cookies that a whole anycast fleet understands (RFC 7873, RFC 9018).

A server cookie is: version 1, three zero octets, a 32-bit time stamp, and 8 octets of
SipHash-2-4 over the client cookie, those 8 octets, and the client's address.
"""

from __future__ import annotations

from ipaddress import ip_address
from struct import Struct

from dnsd.wire.siphash import siphash24

CLIENT_SIZE = 8
_SERVER_SIZE = 16
_HEAD = Struct(">B3xI")

LIFETIME = 3600
"""Seconds a server cookie is good for (RFC 9018 §4.3)."""
AHEAD = 300
"""Seconds a time stamp may be in the future: clocks of a fleet differ (RFC 9018 §4.3)."""
RENEW = 1800
"""Age in seconds from which a fresh cookie is given out (RFC 9018 §4.3)."""


def made_with(cookie: bytes, address: str, now: float, secrets: tuple[bytes, ...]) -> int | None:
    """Return which of ``secrets`` the server part of ``cookie`` was made with; None: not valid."""
    if len(cookie) != CLIENT_SIZE + _SERVER_SIZE or cookie[8] != 1:
        return None
    if not -AHEAD <= _age(cookie, now) <= LIFETIME:
        return None
    for index, secret in enumerate(secrets):
        if cookie[16:] == _digest(cookie[:16], address, secret):
            return index
    return None


def is_fresh(cookie: bytes, now: float) -> bool:
    """Tell whether a valid ``cookie`` is young enough to be returned as it is."""
    return _age(cookie, now) <= RENEW


def _age(cookie: bytes, now: float) -> int:
    """Return the seconds since ``cookie`` was made, in serial arithmetic (RFC 1982, RFC 9018)."""
    made = int.from_bytes(cookie[12:16], "big")
    return (int(now) - made + (1 << 31)) % (1 << 32) - (1 << 31)


def make(client: bytes, address: str, now: float, secret: bytes) -> bytes:
    """Return client cookie and a new server cookie for ``address``, 24 octets."""
    head = client + _HEAD.pack(1, int(now) & 0xFFFFFFFF)
    return head + _digest(head, address, secret)


def _digest(head: bytes, address: str, secret: bytes) -> bytes:
    packed = ip_address(address.partition("%")[0]).packed
    return siphash24(secret, head + packed)
