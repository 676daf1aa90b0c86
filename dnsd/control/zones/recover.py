"""The table of zones as an earlier control process of the same master has left it.

What the workers have been told stands in the journal, what that was made from in each image.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from dnsd.build import images
from dnsd.caches.listing import UNREADABLE
from dnsd.control.zones.table import ServedImage, ZoneRow
from dnsd.control.zones.terms import BuildTerms
from dnsd.errors import ImageError
from dnsd.image.journal import Placed, Unanswered
from dnsd.wire.name import to_text

if TYPE_CHECKING:
    from dnsd.control.publish import Publisher
    from dnsd.image.journal import Place
    from dnsd.image.stock import Stock


def recovered(publisher: Publisher) -> dict[str, ZoneRow]:
    """Return what ``publisher`` has found to be published, as rows by origin."""
    now = time.time()
    return {
        to_text(apex): _row(to_text(apex), placed, publisher.stock, now)
        for apex, placed in publisher.published.items()
    }


def _row(origin: str, placed: Place, stock: Stock, now: float) -> ZoneRow:
    row = ZoneRow(origin, stock.directory, now)
    if not isinstance(placed, Placed):
        row.is_expired = placed is Unanswered.EXPIRED
        return row
    try:
        meta = images.read_meta(stock, placed.image)
    except ImageError:
        row.served = ServedImage(placed.image, 0, 0, contents=UNREADABLE)
        return row
    row.served = ServedImage.of(meta, placed.image, placed.cell)
    row.limits, row.loaded = meta.limits, meta.builder == images.builder()
    row.file, row.stamps, row.findings = Path(meta.file), meta.sources, meta.findings
    row.include, row.digests = meta.include, meta.digests
    row.terms = BuildTerms(meta.serial_policy, bool(meta.version), meta.is_catalog)
    return row
