"""The file that BIRD includes to learn whether the node is drained.

It survives a restart of BIRD and any ``configure``, which a command to BIRD does not. Knows its
content and how to replace it; :mod:`bird` makes BIRD read it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dnsd.errors import BirdError
from dnsd.process import durablefile

if TYPE_CHECKING:
    from pathlib import Path

MODE = 0o644
"""BIRD reads it as a user of its own, and nothing in it is secret."""

_DRAIN = re.compile(r"^\s*define\s+DNSD_DRAIN\s*=\s*(true|false)\s*;", re.MULTILINE)


def write_state(path: Path, drain: bool) -> bool:
    """Make ``path`` say ``drain``; return whether it said anything else before.

    BIRD sees the old content or the new one, also after a power cut. BirdError if the file
    cannot be written.
    """
    text = _content(drain)
    if _text(path) == text:
        return False
    try:
        durablefile.replace(path, text.encode(), mode=MODE)
    except OSError as error:
        raise BirdError(
            f"cannot write {path} ({error.strerror}), which BIRD includes: make its directory, "
            f"and let dnsd write there; see [anycast.bird] state_file"
        ) from None
    return True


def read_state(path: Path) -> bool | None:
    """Return whether ``path`` says that the node is drained; None if it says nothing."""
    found = _DRAIN.search(_text(path))
    return found.group(1) == "true" if found else None


def _content(drain: bool) -> str:
    return (
        "# Written by dnsd, which overwrites it: whether this node is drained.\n"
        "# BIRD includes it, and reads it again when dnsd tells it to.\n"
        f"define DNSD_DRAIN = {'true' if drain else 'false'};\n"
    )


def _text(path: Path) -> str:
    """Return what is in ``path``; "" if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
