"""What the master tells a process that it has started: one line on standard input."""

from __future__ import annotations

import os

_PIECE = 1 << 16


def read() -> bytes:
    """Read standard input up to a newline, or to its end when the master is gone."""
    line = b""
    while not line.endswith(b"\n") and (chunk := os.read(0, _PIECE)):
        line += chunk
    return line
