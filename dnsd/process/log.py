"""Lines for the operator, on standard error, one event each.

The service manager adds the time. Knows nothing of what it says; that it never waits for a
reader is the work of :mod:`dnsd.process.stderr`.
"""

from __future__ import annotations

import sys

from dnsd.text import printable, printable_lines


def say(text: str) -> None:
    """Write ``text`` as one line with the program's name before it."""
    line(f"dnsd: {text}")


def line(text: str) -> None:
    """Write ``text`` as one line (findings, which editors and compilers' tools can read)."""
    write(printable(text))


def write(text: str) -> None:
    """Write the lines of ``text`` (tracebacks)."""
    try:
        # One write, so that lines of several processes don't mix.
        sys.stderr.write(f"{printable_lines(text)}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # nobody reads: the server goes on all the same
