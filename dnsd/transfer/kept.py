"""What files tell of a zone that was fetched: when it was confirmed last, and when it is too old.

The process of transfers keeps them; control looks at them at its start, before that process speaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.errors import VersionError
from dnsd.transfer.refresh import SoaTimes
from dnsd.versions import recordfile

if TYPE_CHECKING:
    from pathlib import Path

HEARD = ".heard"
"""Ends the name of the file, beside a record file, whose time is when a primary confirmed it."""


def confirmed(records: Path) -> float:
    """Return when the version in a record file was last confirmed, in POSIX seconds."""
    return max(_time_of(records), _time_of(records.with_suffix(HEARD)))


def is_expired(records: Path, now: float) -> bool:
    """Tell whether the version in a record file is too old to be answered (RFC 1035 §3.3.13).

    One that cannot be read is not: it is the business of who loads it.
    """
    try:
        soa = recordfile.soa(records)
    except (OSError, VersionError):
        return False
    return now >= confirmed(records) + SoaTimes.of(soa.rdata).lifetime


def _time_of(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
