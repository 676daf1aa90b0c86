"""From records to an image: all meaning of DNS is worked out here, once.

answers    what each query gets (RFC 1034 §4.3.2, 4592, 6672, 8482)
denial     what proves that something is not there (RFC 4035, 5155)
writer     records to octets, compressed and relocatable
assemble   blocks, entries and indexes to an image
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.compile.assemble import Assembler

if TYPE_CHECKING:
    from dnsd.zone.records import Zone


def build(zone: Zone, meta: bytes = b"") -> bytearray:
    """Return the image of ``zone`` (see :mod:`dnsd.image.layout`), with ``meta`` kept verbatim.

    ImageError when an answer or the whole zone is too large.
    """
    return Assembler(zone).image(meta)
