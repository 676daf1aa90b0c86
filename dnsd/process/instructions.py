"""How a process gets its instructions from the master: one line on standard input.

A process that is held back gets a second line later, which tells it to begin.
"""

from __future__ import annotations

import os

_PIECE = 1 << 16


def read() -> bytes:
    """Read standard input up to a newline, or to its end if the master has ended."""
    line = b""
    while not line.endswith(b"\n") and (chunk := os.read(0, _PIECE)):
        line += chunk
    return line


def wait_for_word(prepared: int | None) -> bool:
    """Report by the eventfd ``prepared`` that all is ready, and wait for the line to begin.

    With None do not wait. Return False if the master has ended instead.
    """
    if prepared is None:
        return True
    os.eventfd_write(prepared, 1)
    return bool(os.read(0, _PIECE))
