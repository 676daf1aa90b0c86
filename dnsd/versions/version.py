"""One version of a zone: all of its records, as octets in canonical order.

The records are not interpreted: occluded names, glue, signatures and unknown types are kept as
received. A million records are one run of octets, in memory or in a file, never a million objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnsd.errors import VersionError
from dnsd.versions._collector import Collector
from dnsd.versions._stored import records, survey
from dnsd.wire.name import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dnsd.wire.records import Record

Octets = bytes | memoryview


@dataclass(frozen=True, slots=True, eq=False)
class ZoneVersion:
    """A zone as it was at one serial.

    ``octets`` are stored records (see ``_stored.pyx``), the SOA first; there are ``count`` of
    them. ``apex`` is in lower case. Two versions are equal when all of their octets are.
    """

    apex: bytes
    octets: Octets
    count: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ZoneVersion) and self.octets == other.octets

    def __hash__(self) -> int:
        return hash((self.apex, self.serial, self.count))

    def __iter__(self) -> Iterator[Record]:
        return records(self.octets)

    @property
    def soa(self) -> Record:
        """The SOA record."""
        return next(records(self.octets))

    @property
    def serial(self) -> int:
        """The SOA's serial number (RFC 1035 §3.3.13)."""
        return serial_of(self.soa)

    @property
    def body(self) -> memoryview:
        """All records but the SOA."""
        return behind_soa(self.octets)


def from_records(apex: bytes, found: Iterable[Record]) -> ZoneVersion:
    """Return the version made of ``found``, in any order; as :func:`from_collector`."""
    collector = Collector(apex)
    try:
        for record in found:
            collector.add(*record)
    except ValueError as error:
        raise VersionError(f"{to_text(record.owner)}, type {record.rtype}: {error}") from None
    return from_collector(collector)


def from_collector(collector: Collector) -> ZoneVersion:
    """Return the version made of what was collected; VersionError when there is no SOA."""
    octets, count = collector.stored()
    return from_stored(collector.apex, octets, count)


def from_stored(apex: bytes, octets: Octets, count: int | None = None) -> ZoneVersion:
    """Return ``octets`` as a version; VersionError if they are not one.

    With ``count`` (of records) they were verified before, and only the SOA is checked.
    """
    try:
        if count is None:
            count = survey(octets, apex)
        else:
            survey(octets[: soa_size(octets)], apex)
    except ValueError as error:
        raise VersionError(f"the records of {to_text(apex)} are damaged: {error}") from None
    return ZoneVersion(apex, octets, count)


def serial_of(soa: Record) -> int:
    """Return the serial number in an SOA record."""
    return int.from_bytes(soa.rdata[-20:-16], "big")


def soa_size(octets: Octets) -> int:
    """Return the size of the first record; that of all octets if the record is not whole."""
    if not octets:
        return 0
    fixed = 1 + octets[0]
    return fixed + 10 + int.from_bytes(octets[fixed + 8 : fixed + 10], "big")


def soa_octets(octets: Octets) -> bytes:
    """Return the first of the stored records in ``octets``."""
    return bytes(octets[: soa_size(octets)])


def behind_soa(octets: Octets) -> memoryview:
    """Return the stored records behind the first."""
    return memoryview(octets)[soa_size(octets) :]
