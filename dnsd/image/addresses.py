"""Where an address stands in the answers of an image: as the rdata of A or AAAA, or as a hint.

The octets are searched as they are. So every address is found, and now and then octets that only
look like one: for the question which answers lead to an address, that is the safe side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.image.store import Buffer, Image

_RECORD = {4: b"\x00\x01\x00\x01", 16: b"\x00\x1c\x00\x01"}
"""Type and class of the record that an address of so many octets is the rdata of."""
_HINT_KEY = {4: 4, 16: 6}
"""The key of the SvcParam whose addresses have so many octets (RFC 9460 §14.3.2)."""
_MOST_HINTS = 64


def ttls_of(image: Image, address: bytes) -> Iterator[int]:
    """Yield the TTL of each record with ``address``, in wire format; 0 for one that hints at it."""
    buffer = bytes(image.buffer) if isinstance(image.buffer, memoryview) else image.buffer
    at = buffer.find(address)
    while at >= 0:
        ttl = _ttl_of_record(buffer, at, address)
        if ttl is None and _is_hint(buffer, at, len(address)):
            ttl = 0
        if ttl is not None:
            yield ttl
        at = buffer.find(address, at + 1)


def _ttl_of_record(buffer: Buffer, at: int, address: bytes) -> int | None:
    """Return the TTL of the record whose rdata begins at ``at``; None: no record's does."""
    size = len(address)
    head = bytes(buffer[max(0, at - 10) : at])
    if head[:4] != _RECORD[size] or head[8:] != size.to_bytes(2, "big"):
        return None
    return int.from_bytes(head[4:8], "big")


def _is_hint(buffer: Buffer, at: int, size: int) -> bool:
    """Return whether the octets before ``at`` say that it is an address hint (RFC 9460 §7.3)."""
    for before in range(_MOST_HINTS):
        start = at - 4 - before * size
        if start < 0:
            return False
        key = int.from_bytes(buffer[start : start + 2], "big")
        length = int.from_bytes(buffer[start + 2 : start + 4], "big")
        if key == _HINT_KEY[size] and length % size == 0 and length >= (before + 1) * size:
            return True
    return False
