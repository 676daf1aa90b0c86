"""Compiles a zone's records into an image: all DNS rules are applied here, once.

answers    what each query gets (RFC 1034 §4.3.2, 4592, 6672, 8482)
denial     what proves that something is not there (RFC 4035, 5155)
writer     records to octets, compressed and relocatable
pools      RRsets of which each query gets what control has chosen
assemble   blocks, entries and indexes to an image
native     all of that without Python objects, where there is a C compiler
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dnsd.compile import native
from dnsd.compile.assemble import Assembler
from dnsd.compile.poolrecords import PoolRecords
from dnsd.image import layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnsd.zone.records import Zone

__all__ = ["PoolRecords", "build"]


def build(
    zone: Zone, meta: bytes = b"", pools: Sequence[PoolRecords] = (), key: bytes | None = None
) -> bytearray:
    """Return the image of ``zone`` (see :mod:`dnsd.image.layout`), with ``meta`` kept verbatim.

    ``pools`` are RRsets that the zone has, with authority. ``key`` (16 octets; None: drawn at
    random) is what names are hashed with: only the same gives the same octets. ImageError when an
    answer or the whole zone is too large.
    """
    key = key or os.urandom(layout.KEY_SIZE)
    if native.image is not None:
        return native.image(zone, pools, key, meta)
    return Assembler(zone, pools, key).image(meta)
