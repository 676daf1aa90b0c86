"""The question that every client asks, and who has answered it: octets only."""

from __future__ import annotations

PORT = 53
_QUESTION = b"\x02id\x06server\x00\x00\x10\x00\x03"
"""``id.server CH TXT`` (RFC 4892)."""
_FLAGS_AND_COUNTS = b"\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"
_HEADER = 12
_RECORD = _HEADER + len(_QUESTION)
_TEXT = _RECORD + 12
"""Where the record's text begins, its length first: the owner is a pointer."""


def query(message_id: int) -> bytes:
    """Return the query with this ID (16 bits)."""
    return message_id.to_bytes(2, "big") + _FLAGS_AND_COUNTS + _QUESTION


def message_id(response: bytes) -> int:
    """Return the ID of a response."""
    return int.from_bytes(response[:2], "big")


def answerer(response: bytes) -> bytes:
    """Return the name of the node that has answered; empty if it doesn't say."""
    if response[_HEADER:_RECORD] != _QUESTION or len(response) <= _TEXT:
        return b""
    return response[_TEXT + 1 : _TEXT + 1 + response[_TEXT]]
