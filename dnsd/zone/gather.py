"""Makes RRsets of single records, and says what does not fit together within one RRset.

Knows records in wire form and where they stand; nothing of text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dnsd.wire.name import to_text
from dnsd.wire.rdata import (
    CNAME,
    DNAME,
    DNSKEY,
    NSEC,
    NSEC3PARAM,
    RRSIG,
    SOA,
    canonical,
)
from dnsd.zone.rdatatext import type_name
from dnsd.zone.records import RRset, Zone

if TYPE_CHECKING:
    from dnsd.zone.bulk import Bulk
    from dnsd.zone.limits import Limits
    from dnsd.zone.report import FindingsReport

_SIGNED = frozenset((DNSKEY, NSEC, NSEC3PARAM))
_SINGLETONS = frozenset((SOA, CNAME, DNAME, NSEC))


@dataclass(slots=True)
class _Growing:
    """An RRset with more than one record: rdata without case → rdata as written."""

    first: RRset
    ttl: int
    rdatas: dict[bytes, bytes]
    mixed: tuple[str, int] | None = None
    full: bool = False


@dataclass(slots=True)
class Gatherer:
    """Collects the records of one zone; all of them must be in it."""

    zone: Zone
    limits: Limits
    report: FindingsReport
    file: str = ""
    """The file that is being read."""
    records: int = 0
    _growing: dict[tuple[int, bytes, int], _Growing] = field(default_factory=dict)

    def add(self, owner: bytes, key: bytes, rtype: int, ttl: int, rdata: bytes, line: int) -> None:
        """Add the record on ``line`` of :attr:`file`; ``key`` is ``owner`` in lower case."""
        bulk = self.zone.bulk
        if bulk is not None and key in bulk:
            self._move_out(bulk, key)
        self.records += 1
        kind = rtype
        table = self.zone.nodes
        if rtype == RRSIG:
            kind = int.from_bytes(rdata[:2], "big")
            table = self.zone.signatures
        types = table.get(key)
        if types is None:
            table[key] = {kind: RRset(owner, rtype, ttl, (rdata,), self.file, line)}
        elif kind not in types:
            types[kind] = RRset(owner, rtype, ttl, (rdata,), self.file, line)
        else:
            self._grow(types[kind], kind, RRset(owner, rtype, ttl, (rdata,), self.file, line))

    def _move_out(self, bulk: Bulk, key: bytes) -> None:
        """Take ``key`` out of the table: it has, or is about to have, what needs a closer look."""
        file = self.file
        for rtype, ttl, rdata, owner, self.file, line in bulk.pop(key):
            self.records -= 1
            self.add(owner, key, rtype, ttl, rdata, line)
        self.file = file

    def _grow(self, first: RRset, kind: int, record: RRset) -> None:
        """Add ``record`` to an RRset that exists already."""
        key = (first.rtype, first.owner.lower(), kind)
        growing = self._growing.get(key)
        if growing is None:
            known = first.rdatas[0]
            growing = _Growing(first, first.ttl, {canonical(first.rtype, known): known})
            self._growing[key] = growing
        rdata = record.rdatas[0]
        form = canonical(record.rtype, rdata)
        if form in growing.rdatas:
            self._duplicate(growing, record)
        elif record.rtype in _SINGLETONS:
            self._second(first, record)
        elif len(growing.rdatas) >= self.limits.records_per_rrset:
            self._overfull(growing, record)
        else:
            growing.rdatas[form] = rdata
        if record.ttl != growing.ttl and growing.mixed is None:
            growing.mixed = (record.file, record.line)
        growing.ttl = min(growing.ttl, record.ttl)

    def _duplicate(self, growing: _Growing, record: RRset) -> None:
        self.records -= 1
        self.report.warn(
            record.file,
            record.line,
            "duplicate-record",
            f"{_what(record)} record stands here a second time (first "
            f"{_where(growing.first, record)}): remove one",
        )

    def _second(self, first: RRset, record: RRset) -> None:
        kind = type_name(record.rtype)
        self.report.error(
            record.file,
            record.line,
            f"multiple-{kind.lower()}",
            f"{_what(record)} record is the second one, the first is {_where(first, record)}: "
            f"a name can have only one {kind}, remove the other",
        )

    def _overfull(self, growing: _Growing, record: RRset) -> None:
        if not growing.full:
            growing.full = True
            self.report.error(
                record.file,
                record.line,
                "rrset-too-many",
                f"{_what(record)} record is one more than the limit of "
                f"{self.limits.records_per_rrset} in an RRset: remove some",
            )

    def finish(self) -> Zone:
        """Return the zone with all that was added; nothing can be added afterwards."""
        self._settle_bulk()
        for (rtype, owner, kind), growing in self._growing.items():
            table = self.zone.signatures if rtype == RRSIG else self.zone.nodes
            rdatas = tuple(growing.rdatas.values())
            table[owner][kind] = replace(growing.first, ttl=growing.ttl, rdatas=rdatas)
            if growing.mixed:
                self._mixed(growing, *growing.mixed)
        self._growing.clear()
        self._limit_names()
        return self.zone

    def _settle_bulk(self) -> None:
        """Leave in the table only what no check and no proof will ask for, if anything."""
        bulk, apex = self.zone.bulk, self.zone.nodes.get(self.zone.apex, {})
        if bulk is not None and (self.zone.signatures or apex.keys() & _SIGNED):
            for name in list(bulk):
                self._move_out(bulk, name)
        if not bulk:
            self.zone.bulk = None

    def _mixed(self, growing: _Growing, file: str, line: int) -> None:
        self.report.warn(
            file,
            line,
            "mixed-ttl",
            f"{_what(growing.first)} records have different TTLs: write the same one for all, "
            f"the lowest, {growing.ttl}, is used (RFC 2181 §5.2)",
        )

    def _limit_names(self) -> None:
        limit = self.limits.records_per_name
        for types in self.zone.nodes.values():
            number = sum(len(rrset.rdatas) for rrset in types.values())
            if number > limit:
                first = next(iter(types.values()))
                self.report.error(
                    first.file,
                    first.line,
                    "name-too-many",
                    f"{to_text(first.owner)} has {number} records, more than the limit "
                    f"of {limit} for a name: remove some",
                )


def _where(first: RRset, record: RRset) -> str:
    if not first.line:
        return "in the same file"  # one of records, which has no lines
    elsewhere = "" if first.file == record.file else f" of {first.file}"
    return f"on line {first.line}{elsewhere}"


def _what(record: RRset) -> str:
    return f"the {to_text(record.owner)} {type_name(record.rtype)}"
