"""The table for names that need no thought, where the native module was built.

See ``_bulk.pyx``. Without it every name is kept as Python objects, which is slower and larger
and otherwise the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    from dnsd.zone._bulk import MOST_PER_NAME, MOST_PER_RRSET, Bulk
except ImportError:
    Bulk = None  # type: ignore[assignment,misc]
    MOST_PER_NAME = MOST_PER_RRSET = 0

if TYPE_CHECKING:
    from dnsd.zone.limits import Limits

__all__ = ["Bulk", "table_for"]


FROM_OCTETS = 1 << 20
"""Size of a zone file from which the table is worth having: a smaller one loads in a moment."""


def table_for(apex: bytes, octets: int, limits: Limits) -> Bulk | None:
    """Return a table for the zone at ``apex``, whose file has so many ``octets``.

    None when the zone is small, or when there is no table that keeps ``limits``.
    """
    if Bulk is None or octets < FROM_OCTETS or limits.records_per_name < MOST_PER_NAME:
        return None
    return Bulk(apex) if limits.records_per_rrset >= MOST_PER_RRSET else None
