"""Frame Streams, as fstrm has defined them: frames with control frames around them.

file      START, frames, STOP
socket    READY →, ← ACCEPT, START →, frames →, STOP →, ← FINISH
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct, error

DNSTAP = b"protobuf:dnstap.Dnstap"
"""The type of what is in the frames."""

_WORD = Struct(">I")
_WORDS = Struct(">II")
_CONTENT_TYPE = 1
LONGEST_CONTROL = 512
"""Octets of a control frame, as the specification limits them."""


class Control(IntEnum):
    """Control frames."""

    ACCEPT, START, STOP, READY, FINISH = range(1, 6)


def control(kind: Control, content: bytes = b"") -> bytes:
    """Return a control frame; ``content`` is the type of the frames, if it is to say that."""
    field = _WORDS.pack(_CONTENT_TYPE, len(content)) + content if content else b""
    return _WORDS.pack(0, 4 + len(field)) + _WORD.pack(kind) + field


def frame(octets: bytes) -> bytes:
    """Return a frame with ``octets``."""
    return _WORD.pack(len(octets)) + octets


def length_of(head: bytes) -> int:
    """Return how many octets follow the first eight of a control frame; ValueError if it is none.

    A reader sends no other frames.
    """
    escape, length = _WORDS.unpack(head)
    if escape or not 4 <= length <= LONGEST_CONTROL:
        raise ValueError("it does not speak Frame Streams")
    return int(length)


def check(body: bytes, wanted: Control, content: bytes = b"") -> None:
    """Raise ValueError unless ``body`` is that of ``wanted``, and accepts the type ``content``."""
    try:
        (kind,) = _WORD.unpack_from(body)
        types, at = [], 4
        while at < len(body):
            field, size = _WORDS.unpack_from(body, at)
            at += 8
            if field == _CONTENT_TYPE:
                types.append(body[at : at + size])
            at += size
    except error:
        raise ValueError("it sent a control frame that is cut off") from None
    if kind != wanted:
        raise ValueError(f"it did not send {wanted.name}")
    if content and types and content not in types:
        raise ValueError("it does not take dnstap")
