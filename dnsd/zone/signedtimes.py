"""When the signatures of a zone begin to hold, and when the first of them ends.

An RRset counts by its signature that lasts longest. Signatures are not verified.
"""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING, NamedTuple

from dnsd.zone.faults import called
from dnsd.zone.table import survey, table_of
from dnsd.zone.validity import Validity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.zone.records import RRset, Zone


class SignedTimes(NamedTuple):
    """Seconds from now: until all RRsets have begun to be valid, and until ``first`` ends.

    Its signature holds for ``lifetime`` seconds in all.
    """

    begins: int
    ends: int
    lifetime: int
    first: RRset

    def validity(self, now: float) -> Validity:
        """Return the same by the clock, which says ``now``."""
        wall = int(now)
        return Validity(wall + self.begins, wall + self.ends, self.lifetime, called(self.first))


def times_of(zone: Zone, now: float) -> SignedTimes | None:
    """Return how long the signatures of ``zone`` hold; None if it has none."""
    if (table := table_of(zone)) is not None:
        found = survey.signed_for(table, int(now) % (1 << 32))
        return None if found is None else SignedTimes(*found)
    each = [*_each(zone, int(now))]
    if not each:
        return None
    first = min(each, key=_order)
    return SignedTimes(max(one.begins for one in each), *first[1:])


def ages(rdata: bytes, now: int) -> tuple[int, int]:
    """Return the seconds until the signature ends, and since it began (RFC 4034 §3.1.5)."""
    expiration, inception = unpack_from(">II", rdata, 8)
    return _serial_difference(expiration, now), _serial_difference(now, inception)


def _serial_difference(one: int, other: int) -> int:
    return (one - other + (1 << 31)) % (1 << 32) - (1 << 31)


def _each(zone: Zone, now: int) -> Iterator[SignedTimes]:
    for owner, covered in zone.signatures.items():
        types = zone.nodes.get(owner, {})
        for rtype, signatures in covered.items():
            if rtype in types:
                found = [ages(rdata, now) for rdata in signatures.rdatas]
                left, since = max(found, key=lambda one: one[0])
                began = max(one[1] for one in found)
                yield SignedTimes(-began, left, left + since, types[rtype])


def _order(one: SignedTimes) -> tuple[int, int, bytes, int]:
    """Return what says which one is told of: of those that end together, the first in the file."""
    return one.ends, one.first.line, one.first.owner.lower(), one.first.rtype
