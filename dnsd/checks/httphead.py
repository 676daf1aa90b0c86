"""What a client may forgive in the head of a response (RFC 9112), before h11 reads it.

h11 is strict; a server that others are content with is not down. Forgiven is what the RFCs let a
recipient mend, and what is sure all the same. That ends with the head: there a bare LF ends a line
(RFC 9112 §2.2), but the framing of chunks (§7.1) is what request smuggling is made of.
``tests/interop/httpresponses.py`` lists what curl and HAProxy accept, and why dnsd does or does
not.
"""

from __future__ import annotations

import re

_ENDS = (b"\n\n", b"\n\r\n", b"\n\r\r\n")
_LONGEST_END = 4
_BLANK_BEFORE_COLON = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]+:")
_ENCODING = re.compile(rb"^transfer-encoding:", re.IGNORECASE)


def end_of(buffer: bytes | bytearray, searched: int) -> int:
    """Return where the head in ``buffer`` ends, -1 if it does not; ``searched`` octets are old."""
    start = max(0, searched - _LONGEST_END)
    found = [(at, len(end)) for end in _ENDS if (at := buffer.find(end, start)) >= 0]
    return sum(min(found)) if found else -1


def mended(head: bytes) -> bytes:
    """Return ``head``, which is whole, as h11 takes it.

    - A bare CR, and a NUL, become blanks (RFC 9112 §2.2, RFC 9110 §5.5).
    - Any white space separates the parts of the status line (RFC 9112 §4).
    - A blank between the name of a field and its colon goes (RFC 9112 §5.1).
    - "Transfer-Encoding: identity" says nothing (RFC 2616 §3.6; it has gone since).
    """
    lines = [line.rstrip(b"\r") for line in head.split(b"\n")]
    lines = [line.replace(b"\r", b" ").replace(b"\0", b" ") for line in lines]
    fields = (_BLANK_BEFORE_COLON.sub(rb"\1:", line) for line in lines[1:])
    kept = (line for line in map(_without_identity, fields) if line is not None)
    return b"\r\n".join((b" ".join(lines[0].split(maxsplit=2)), *kept))


def _without_identity(line: bytes) -> bytes | None:
    if not _ENCODING.match(line):
        return line
    name, _, value = line.partition(b":")
    codings = [one.strip() for one in value.split(b",")]
    left = [one for one in codings if one.lower() != b"identity"]
    return name + b": " + b", ".join(left) if left else None
