"""Converts versions to zones and back: for zones that are stored as records, not as text.

The checks are those of a zone file; findings name the owner, because there are no lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.errors import VersionError
from dnsd.versions import recordfile
from dnsd.versions._collector import Collector
from dnsd.versions._stored import records, store
from dnsd.versions.version import from_collector
from dnsd.wire.name import lower, to_text
from dnsd.wire.rdata import LONGEST_TTL
from dnsd.zone._stored import add_stored, collect_table
from dnsd.zone._wellformed import is_well_formed
from dnsd.zone.scan import Token
from dnsd.zone.table import table_of
from dnsd.zone.typenames import is_meta, type_name

if TYPE_CHECKING:
    from dnsd.config.limits import Limits
    from dnsd.versions.version import ZoneVersion
    from dnsd.wire.records import Record
    from dnsd.zone.gather import Gatherer
    from dnsd.zone.records import Zone
    from dnsd.zone.report import FindingsReport


class RecordReader:
    """Reads the record file of one zone into ``gatherer``."""

    def __init__(self, gatherer: Gatherer, limits: Limits, report: FindingsReport) -> None:
        self._gatherer = gatherer
        self._limits = limits
        self._report = report
        self.complete = True
        """Whether all of the file was read."""

    def read(self, data: bytes, name: str) -> None:
        """Read the content ``data`` of the file called ``name``."""
        apex = self._gatherer.apex
        self._gatherer.enter(name)
        try:
            version = recordfile.parse(data, name)
        except VersionError as error:
            self._stop(name, "bad-records", str(error))
            return
        if version.apex != apex:
            held = f"the file has the zone {to_text(version.apex)}, not {to_text(apex)}"
            self._stop(name, "other-zone", f"{held}: transfer the right one")
        elif version.count > self._limits.records:
            many = f"the zone has more than {self._limits.records} records"
            self._stop(name, "too-many-records", f"{many}: it is not read")
        else:
            self._add(version, name)

    def take(self, version: ZoneVersion, name: str) -> None:
        """Take all records of ``version``, a part of the zone that is in the file ``name``."""
        self._gatherer.enter(name)
        self._add(version, name)

    def _stop(self, name: str, code: str, message: str) -> None:
        self.complete = False
        self._report.error(name, 0, code, message)

    def _add(self, version: ZoneVersion, name: str) -> None:
        """Add all records; natively, if there is a table, those that are certainly valid."""
        octets, at, table = version.octets, 0, self._gatherer.table
        while at < len(octets) and self.complete:
            if table is not None:
                at, count = add_stored(octets, at, table, table.file_number(name))
                self._gatherer.records += count
            if at < len(octets):
                record = next(records(octets, at))
                self._add_one(record, name)
                at += len(store(*record))

    def _add_one(self, record: Record, name: str) -> None:
        if fault := _fault(record):
            self._report.error(name, 0, *fault)
            self.complete = not self._report.full
            return
        # A TTL with its first bit set counts as 0 (RFC 2181 §8).
        ttl = record.ttl if record.ttl <= LONGEST_TTL else 0
        key = lower(record.owner)
        self._gatherer.add(record.owner, key, record.rtype, ttl, record.rdata, 0)


def _fault(record: Record) -> tuple[str, str] | None:
    """Return code and message of a record's fault, if it has one."""
    if is_well_formed(record.rtype, record.rdata):
        return None
    if is_meta(record.rtype):
        sentence = "is of a type that exists in messages only"
        return "meta-type", f"the {_called(record)} record {sentence}: have its server remove it"
    from dnsd.zone.rdatatext import BadRdata, parse_rdata

    tokens = [Token(r"\#"), Token(str(len(record.rdata))), Token(record.rdata.hex())]
    try:
        parse_rdata(record.rtype, tokens, b"\x00")
    except BadRdata as error:
        return "bad-rdata", f"the {_called(record)} record is wrong: {error}"
    return None


def _called(record: Record) -> str:
    return f"{to_text(record.owner)} {type_name(record.rtype)}"


def version_of(zone: Zone) -> ZoneVersion:
    """Return all records of ``zone`` as a version."""
    collector = Collector(zone.apex)
    if (table := table_of(zone)) is not None:
        collect_table(table, collector)
        return from_collector(collector)
    for nodes in (zone.nodes, zone.signatures):
        for types in nodes.values():
            for rrset in types.values():
                for rdata in rrset.rdatas:
                    collector.add(rrset.owner, rrset.rtype, rrset.ttl, rdata)
    return from_collector(collector)
