"""Reads a response in HTTP/1.1 from a stream (RFC 9112), never more of it than its bounds.

Strict where leniency would help nobody; Fault says what is wrong, to follow the address.
"""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple

from dnsd.control.checks.result import Fault

MOST_HEAD = 65536
"""Octets of a status line and its fields; a line is bounded by asyncio's streams, too."""

MOST_BODY = 65536
"""Octets of a body that are read: what is expected must come that early."""

MOST_INTERIM = 8
"""Responses of status 1xx before the real one."""

_STATUS_LINE = re.compile(rb"HTTP/1\.\d ([1-9]\d\d)(?: [^\r\n]*)?\r?\n")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*\r?\n")
_LENGTH = re.compile(rb"\d{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r?\n")

_GARBAGE = "sent something that is no response in HTTP/1.1"
_SHORT = "closed the connection in the middle of its response"


class Head(NamedTuple):
    """The status, and how the body ends: chunks, or a length; None: with the connection."""

    status: int
    chunked: bool
    length: int | None


async def read_head(reader: asyncio.StreamReader) -> Head:
    """Return the head of the first response that is not an interim one."""
    left = MOST_HEAD
    for _ in range(MOST_INTERIM + 1):
        line = await _head_line(reader, left)
        if not (match := _STATUS_LINE.fullmatch(line)):
            raise Fault(_GARBAGE)
        left -= len(line)
        chunked, length = False, None
        while (line := await _head_line(reader, left)) not in {b"\r\n", b"\n"}:
            left -= len(line)
            if not (field := _FIELD.fullmatch(line)):
                raise Fault(_GARBAGE)
            match field[1].lower():
                case b"transfer-encoding":
                    chunked = field[2].lower() == b"chunked"
                case b"content-length":
                    if not _LENGTH.fullmatch(field[2]):
                        raise Fault(_GARBAGE)
                    length = int(field[2])
        status = int(match[1])
        if status >= 200:
            empty = status in {204, 304}
            return Head(status, chunked and not empty, 0 if empty else length)
    raise Fault(f"sent more than {MOST_INTERIM} interim responses")


async def read_body(reader: asyncio.StreamReader, head: Head, most: int = MOST_BODY) -> bytes:
    """Return the body, or its first octets if there are more than ``most``."""
    if head.chunked:
        return await _chunks(reader, most)
    if head.length is not None:
        return await _exactly(reader, min(head.length, most))
    body = b""
    while len(body) < most and (more := await reader.read(most - len(body))):
        body += more
    return body


async def _chunks(reader: asyncio.StreamReader, most: int) -> bytes:
    body = b""
    while len(body) < most:
        match = _CHUNK.fullmatch(await _line(reader))
        if not match:
            raise Fault(_GARBAGE)
        size = int(match[1], 16)
        if size == 0:
            break
        wanted = min(size, most - len(body))
        body += await _exactly(reader, wanted)
        if wanted == size and await _line(reader) not in {b"\r\n", b"\n"}:
            raise Fault(_GARBAGE)
    return body


async def _head_line(reader: asyncio.StreamReader, most: int) -> bytes:
    line = await _line(reader)
    if not line or len(line) > most:
        raise Fault(f"sent a head of more than {MOST_HEAD} octets")
    return line


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Return a line with its end; empty if it is longer than the stream's limit."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        return b""
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            raise Fault("closed the connection in place of an answer") from error
        raise Fault(_SHORT) from error


async def _exactly(reader: asyncio.StreamReader, size: int) -> bytes:
    try:
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as error:
        raise Fault(_SHORT) from error
