"""A zone's versions as octets: whole ones in record files, what differs between them, a journal."""

from dnsd.versions.difference import ZoneDifference, apply, compare, condense
from dnsd.versions.journal import Journal, JournalLimits
from dnsd.versions.recordfile import is_record_file
from dnsd.versions.version import ZoneVersion

__all__ = [
    "Journal",
    "JournalLimits",
    "ZoneDifference",
    "ZoneVersion",
    "apply",
    "compare",
    "condense",
    "is_record_file",
]
