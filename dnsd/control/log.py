"""Lines for the operator, on standard error, one event each.

The service manager adds the time. Knows nothing of what it says; that it never waits for a
reader is the work of :mod:`dnsd.process.stderr`.
"""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Write ``text`` with the program's name before it."""
    write(f"dnsd: {text}")


def write(line: str) -> None:
    """Write ``line`` as it is (findings, which editors and compilers' tools can read)."""
    try:
        # One write, so that lines of several processes don't mix.
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # nobody reads: the server goes on all the same
