"""The native reader of records, where it was built.

See ``_lines.pyx``. Without it :mod:`dnsd.zone.plain`, :mod:`dnsd.zone.scan` and
:mod:`dnsd.zone.rdatatext` read all of a file: slower, and otherwise the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    from dnsd.zone._lines import Lines
except ImportError:
    Lines = None  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    from dnsd.config.limits import Limits

__all__ = ["Lines", "lines_for"]


def lines_for(apex: bytes, limits: Limits) -> Lines | None:
    """Return a native reader for the zone at ``apex``, None if there is none."""
    return None if Lines is None else Lines(apex, limits.entry_octets)
