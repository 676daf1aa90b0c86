"""What two versions of a zone differ in, as an incremental transfer says it (RFC 1995 §4).

Three operations, each one pass over sorted records: compare, apply, condense. Applied to the old
version, the difference of two gives the new one, octet for octet. One that does not fit is a fault
(MisfitError), never half an effect: who gets it asks for the whole zone.
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
    """What has to go from a version and to come, so that it becomes another one.

    ``removed`` and ``added`` are stored records in canonical order, the old and the new SOA in
    front, also when they are the same. A record that gets another TTL, or another spelling, is in
    both.
    """

    apex: bytes
    removed: Octets
    added: Octets

    @property
    def before(self) -> int:
        """The serial of the version that it is applied to."""
        return serial_of(next(records(self.removed)))

    @property
    def after(self) -> int:
        """The serial of the version that comes of it."""
        return serial_of(next(records(self.added)))

    @property
    def size(self) -> int:
        """How many octets its records take."""
        return len(self.removed) + len(self.added)

    @property
    def owners(self) -> set[bytes]:
        """The owners of all records that go or come, as they are spelled; the SOA's, too."""
        return {one.owner for part in (self.removed, self.added) for one in records(part)}


def compare(old: ZoneVersion, new: ZoneVersion) -> ZoneDifference:
    """Return what makes ``new`` of ``old``; both are of the same zone."""
    removed, added = _merge.differ(old.body, new.body)
    return ZoneDifference(
        old.apex, soa_octets(old.octets) + removed, soa_octets(new.octets) + added
    )


def apply(difference: ZoneDifference, version: ZoneVersion) -> ZoneVersion:
    """Return what ``difference`` makes of ``version``; MisfitError when it does not fit.

    It fits when the version has the serial it begins at, all that it removes and nothing that it
    adds. TTL and spelling of what is removed do not count, as they may have been changed on the
    way: by compression, and by RFC 2181 §5.2.
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
    """Return one difference that does what ``differences`` do one after the other.

    There is at least one; MisfitError when one does not fit behind the one before it.
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
