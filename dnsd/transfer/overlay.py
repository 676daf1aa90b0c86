"""Dynamic updates of a zone whose operator edits its file: both are kept.

The updates are the difference between the served version and that of the file. When the file is
edited, the same difference is applied to the new version, as far as it fits: a record that the
operator removes stays removed, and one that both add is there once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.transfer.update import TimedSet
from dnsd.versions._stored import records
from dnsd.versions.difference import ZoneDifference, apply, compare
from dnsd.versions.lookup import records_at, records_of
from dnsd.versions.serial import following, is_newer
from dnsd.versions.version import behind_soa, from_records
from dnsd.wire.name import canonical_key, lower
from dnsd.wire.rdata import CNAME, canonical
from dnsd.wire.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dnsd.transfer.update import UpdateEffect
    from dnsd.versions.version import ZoneVersion

RecordKey = tuple[bytes, int, bytes]
"""The identity of a record: owner, type and data, compared as the RFCs do."""

_Set = tuple[bytes, int]
"""The identity of an RRset: owner and type."""

_SERIAL_AT = -20


class VersionLookup:
    """A version of a zone, as :mod:`dnsd.transfer.update` needs it."""

    def __init__(self, version: ZoneVersion) -> None:
        self.apex = version.apex
        self._version = version

    def at(self, owner: bytes) -> Mapping[int, TimedSet]:
        """Return the RRsets of the name ``owner`` by type."""
        found: dict[int, TimedSet] = {}
        for one in records_at(self._version, owner):
            before = found.get(one.rtype)
            rdatas = before.rdatas if before else ()
            found[one.rtype] = TimedSet(one.ttl, (*rdatas, one.rdata))
        return found


def difference_of(edit: UpdateEffect, version: ZoneVersion) -> ZoneDifference:
    """Return the difference that ``edit`` (not an empty one) makes to its ``version``."""
    removed: list[Record] = []
    added: list[Record] = []
    for owner, types in edit.after.items():
        before = {_key(one): one for one in records_at(version, owner)}
        spelt = next((one.owner for one in before.values()), edit.spelt.get(owner, owner))
        after = {
            _key(one): one
            for rtype, held in types.items()
            for one in (Record(spelt, rtype, held.ttl, rdata) for rdata in held.rdatas)
        }
        removed += [one for key, one in before.items() if not _stays(one, after.get(key))]
        added += [one for key, one in after.items() if not _stays(one, before.get(key))]
    gone, come = (from_records(version.apex, part).octets for part in (removed, added))
    return ZoneDifference(version.apex, gone, come)


def _stays(one: Record, other: Record | None) -> bool:
    return other is not None and other.ttl == one.ttl


def _key(record: Record) -> RecordKey:
    return lower(record.owner), record.rtype, canonical(record.rtype, record.rdata)


def rebased(base: ZoneVersion, served: ZoneVersion, edited: ZoneVersion) -> ZoneVersion:
    """Return the version to serve when the file changes from ``base`` to ``edited``.

    ``served`` is ``base`` with updates. The serial never goes back: it is that of the file if that
    is newer than the served one. The other fields of the SOA are those of the file.
    """
    overlay = compare(base, served)
    gone, come = (list(records(behind_soa(one))) for one in (overlay.removed, overlay.added))
    owners = sorted({lower(one.owner) for one in (*gone, *come)}, key=canonical_key)
    here = {_key(one): one for one in records_of(edited, owners)}
    removed = {key: here[key] for one in gone if (key := _key(one)) in here}
    left = [one for key, one in here.items() if key not in removed]
    there = {_key(one) for one in left}
    # a record of which only the TTL changed is removed with that of the file
    lost = {_key(one) for one in gone} - removed.keys()
    added = [one for one in come if _key(one) not in there | lost and _fits(one, left)]
    ttls = _ttls(records_of(base, owners), left, added)
    changed = [one for one in left if ttls.get(_set(one), one.ttl) != one.ttl]
    come = [one._replace(ttl=ttls.get(_set(one), one.ttl)) for one in (*changed, *added)]
    body = _laid_over(edited, (*removed.values(), *changed), come)
    is_served = body.body == served.body and _unnumbered(body) == _unnumbered(served)
    if is_newer(edited.serial, served.serial):
        return body
    return _numbered(body, served.serial if is_served else following(served.serial))


def _ttls(
    base: Iterable[Record], left: Iterable[Record], added: Iterable[Record]
) -> dict[_Set, int]:
    """Return the TTL of each RRset that updates add to: it has only one (RFC 2181 §5.2).

    It is that of the updates if they have changed it, else that of the current file.
    """
    before, file, updated = ({_set(one): one.ttl for one in part} for part in (base, left, added))
    return {
        rrset: file.get(rrset, ttl) if before.get(rrset) == ttl else ttl
        for rrset, ttl in updated.items()
    }


def _set(record: Record) -> _Set:
    return lower(record.owner), record.rtype


def _fits(one: Record, others: Iterable[Record]) -> bool:
    """Tell whether ``one`` may be added to ``others``: a CNAME stands alone, and the file wins."""
    return all(
        (one.rtype == CNAME) == (other.rtype == CNAME) and one.rtype != CNAME
        for other in others
        if lower(other.owner) == lower(one.owner)
    )


def _laid_over(
    version: ZoneVersion, removed: Iterable[Record], added: Iterable[Record]
) -> ZoneVersion:
    parts = (from_records(version.apex, (version.soa, *part)).octets for part in (removed, added))
    return apply(ZoneDifference(version.apex, *parts), version)


def _unnumbered(version: ZoneVersion) -> tuple[int, bytes]:
    """Return the SOA without its serial."""
    rdata = version.soa.rdata
    return version.soa.ttl, rdata[:_SERIAL_AT] + rdata[_SERIAL_AT + 4 :]


def _numbered(version: ZoneVersion, serial: int) -> ZoneVersion:
    """Return ``version`` with another serial."""
    soa = version.soa
    rdata = soa.rdata[:_SERIAL_AT] + serial.to_bytes(4, "big") + soa.rdata[_SERIAL_AT + 4 :]
    old, new = (
        from_records(version.apex, (one,)).octets for one in (soa, soa._replace(rdata=rdata))
    )
    return apply(ZoneDifference(version.apex, old, new), version)
