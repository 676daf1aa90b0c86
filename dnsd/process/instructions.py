"""What the master tells a process that it has started: one line on standard input.

One that is held gets another line later: the word that it is to begin.
"""

from __future__ import annotations

import os

_PIECE = 1 << 16


def read() -> bytes:
    """Read standard input up to a newline, or to its end when the master is gone."""
    line = b""
    while not line.endswith(b"\n") and (chunk := os.read(0, _PIECE)):
        line += chunk
    return line


def wait_for_word(prepared: int | None) -> bool:
    """Say by the eventfd ``prepared`` that all is ready, and wait for the word to begin.

    None: nobody is to be waited for. False if the master has gone instead.
    """
    if prepared is None:
        return True
    os.eventfd_write(prepared, 1)
    return bool(os.read(0, _PIECE))
