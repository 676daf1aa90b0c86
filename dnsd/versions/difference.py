"""The difference of two versions of a zone, in the form of an incremental transfer (RFC 1995 §4).

Three operations, each one pass over sorted records: compare, apply, condense. Applied to the old
version, the difference gives the new one, octet for octet. A difference that does not fit is an
error (MisfitError) without effect: the receiver then asks for the whole zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnsd.errors import MisfitError
from dnsd.versions import _merge
from dnsd.versions._stored import records
from dnsd.versions.version import (
    ZoneVersion,
    behind_soa,
    from_stored,
    serial_of,
    soa_octets,
)
from dnsd.wire.name import to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnsd.versions.version import Octets


@dataclass(frozen=True, slots=True)
class ZoneDifference:
    """The records to remove from a version, and those to add, to get another version.

    ``removed`` and ``added`` are stored records in canonical order, the old and the new SOA first,
    even if they are equal. A record with a new TTL, or a new spelling, is in both.
    """

    apex: bytes
    removed: Octets
    added: Octets

    @property
    def before(self) -> int:
        """The serial of the old version."""
        return serial_of(next(records(self.removed)))

    @property
    def after(self) -> int:
        """The serial of the new version."""
        return serial_of(next(records(self.added)))

    @property
    def size(self) -> int:
        """The size of its records in octets."""
        return len(self.removed) + len(self.added)

    @property
    def owners(self) -> set[bytes]:
        """The owners of all its records, in their spelling; that of the SOA, too."""
        return {one.owner for part in (self.removed, self.added) for one in records(part)}


def compare(old: ZoneVersion, new: ZoneVersion) -> ZoneDifference:
    """Return the difference from ``old`` to ``new``, versions of the same zone."""
    removed, added = _merge.differ(old.body, new.body)
    return ZoneDifference(
        old.apex, soa_octets(old.octets) + removed, soa_octets(new.octets) + added
    )


def apply(difference: ZoneDifference, version: ZoneVersion) -> ZoneVersion:
    """Apply ``difference`` to ``version``; MisfitError if it does not fit.

    It fits if the version has its old serial, all records that it removes, and none that it adds.
    TTL and spelling of removed records are ignored: compression and RFC 2181 §5.2 may have changed
    them on the way.
    """
    if version.serial != difference.before:
        raise MisfitError(
            f"the difference begins at serial {difference.before} of {to_text(version.apex)}, "
            f"and the version is {version.serial}"
        )
    removed, added = behind_soa(difference.removed), behind_soa(difference.added)
    try:
        body = _merge.apply(version.body, removed, added)
    except _merge.Misfit as misfit:
        raise _told(misfit) from None
    change = _count(added) - _count(removed)
    return from_stored(version.apex, soa_octets(difference.added) + body, version.count + change)


def condense(differences: Sequence[ZoneDifference]) -> ZoneDifference:
    """Return one difference with the effect of all ``differences`` in a row.

    There is at least one; MisfitError if one does not continue the one before it.
    """
    if len(differences) == 1:
        return differences[0]
    middle = len(differences) // 2
    return _joined(condense(differences[:middle]), condense(differences[middle:]))


def _joined(first: ZoneDifference, then: ZoneDifference) -> ZoneDifference:
    if first.after != then.before:
        raise MisfitError(
            f"a difference from serial {then.before} cannot follow one to {first.after}"
        )
    try:
        removed, added = _merge.join(
            behind_soa(first.removed),
            behind_soa(first.added),
            behind_soa(then.removed),
            behind_soa(then.added),
        )
    except _merge.Misfit as misfit:
        raise _told(misfit) from None
    return ZoneDifference(
        first.apex, soa_octets(first.removed) + removed, soa_octets(then.added) + added
    )


def _told(misfit: _merge.Misfit) -> MisfitError:
    record = misfit.record
    return MisfitError(
        f"a difference does not fit at {to_text(record.owner)}, type {record.rtype}: {misfit.why}"
    )


def _count(octets: Octets) -> int:
    return sum(1 for _ in records(octets))
