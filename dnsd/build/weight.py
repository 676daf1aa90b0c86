"""What a build may take, at a glance: octets of zone files, and of what their directives ask for.

A line of $GENERATE makes a million records, and $INCLUDE names a file of any size. What cannot be
told at a glance counts as much. Reads files; knows of their text only these two directives.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from dnsd.config import smallfile

if TYPE_CHECKING:
    from pathlib import Path

MUCH = 1 << 30
"""Octets that what cannot be told counts for."""
PER_RECORD = 64
"""Octets that a generated record counts for."""
MOST_FILES = 64
"""Files that are looked at for one zone."""

_DIRECTIVE = re.compile(
    rb"""^[ \t]*\$(?: GENERATE [ \t]+ "?(\d{1,10})-(\d{1,10})
                  | INCLUDE  [ \t]+ "?([^\s";()]+)
                  | (?:GENERATE|INCLUDE) )""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)


def of_zone(file: Path, policy: Path) -> int:
    """Return the octets that a zone ``file`` and its ``policy`` count for."""
    return _of_file(file, set()) + _size(policy)


def on_disk(file: str, policy: str) -> int:
    """Return the octets that both have on the disk: the least that they count for."""
    return _size(file) + _size(policy)


def _of_file(path: Path, seen: set[Path]) -> int:
    if path in seen or len(seen) >= MOST_FILES:
        return MUCH
    seen.add(path)
    try:
        text = smallfile.read(path)
    except OSError:
        return _size(path)
    return len(text) + sum(_of_directive(one, path, seen) for one in _DIRECTIVE.finditer(text))


def _of_directive(found: re.Match[bytes], path: Path, seen: set[Path]) -> int:
    first, last, included = found.groups()
    if first is not None:
        return max(0, int(last) - int(first) + 1) * PER_RECORD
    if included is not None and b"\\" not in included:
        return _of_file(path.parent / included.decode("utf-8", "surrogateescape"), seen)
    return MUCH


def _size(path: str | Path) -> int:
    """Return the octets of a file that is not small, or is none."""
    try:
        return os.stat(path).st_size  # noqa: PTH116 -- of a hundred thousand zones
    except OSError:
        return 0
