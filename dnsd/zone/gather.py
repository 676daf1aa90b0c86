"""Collects records into RRsets, and reports records that do not fit into theirs.

Knows records in wire form and where they stand; nothing of text. Where it was built, a native
table keeps the records (see ``_table.pyx``); without it, or in tests, they are Python objects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dnsd.wire.rdata import CNAME, DNAME, NSEC, RRSIG, SOA, canonical
from dnsd.zone import misfits
from dnsd.zone.records import RRset, Zone
from dnsd.zone.table import DUPLICATE, OVERFULL, SECOND, Table, zone_of

if TYPE_CHECKING:
    from dnsd.config.limits import Limits
    from dnsd.zone.report import FindingsReport

_SINGLETONS = frozenset((SOA, CNAME, DNAME, NSEC))


def gatherer_for(apex: bytes, limits: Limits, report: FindingsReport) -> Gatherer:
    """Return a gatherer for the records of the zone at ``apex``."""
    if Table is None:
        return ObjectGatherer(apex, limits, report)
    return TableGatherer(apex, limits, report)


@dataclass(slots=True)
class Gatherer:
    """Collects the records of one zone; all of them must be in it."""

    apex: bytes
    limits: Limits
    report: FindingsReport
    file: str = ""
    """The file that is being read."""
    records: int = 0

    @property
    def table(self) -> Table | None:
        """The table to which records are added natively, in place of :meth:`add`."""
        return None

    def enter(self, file: str) -> None:
        """Set the file that the next records are from."""
        self.file = file

    def soa(self) -> RRset | None:
        """Return the SOA, if it was read."""
        raise NotImplementedError

    def add(self, owner: bytes, key: bytes, rtype: int, ttl: int, rdata: bytes, line: int) -> None:
        """Add the record on ``line`` of :attr:`file`; ``key`` is ``owner`` in lower case."""
        raise NotImplementedError

    def finish(self) -> Zone:
        """Return the zone with all that was added; nothing can be added afterwards."""
        raise NotImplementedError


@dataclass(slots=True)
class _Growing:
    """An RRset with more than one record: rdata without case → rdata as written."""

    first: RRset
    ttl: int
    rdatas: dict[bytes, bytes]
    mixed: tuple[str, int] | None = None
    full: bool = False


@dataclass(slots=True)
class ObjectGatherer(Gatherer):
    """Keeps records as Python objects: the one to read."""

    _nodes: dict[bytes, dict[int, RRset]] = field(default_factory=dict)
    _signatures: dict[bytes, dict[int, RRset]] = field(default_factory=dict)
    _growing: dict[tuple[int, bytes, int], _Growing] = field(default_factory=dict)

    def soa(self) -> RRset | None:
        """See :class:`Gatherer`."""
        return self._nodes.get(self.apex, {}).get(SOA)

    def add(self, owner: bytes, key: bytes, rtype: int, ttl: int, rdata: bytes, line: int) -> None:
        """See :class:`Gatherer`."""
        self.records += 1
        kind = rtype
        table = self._nodes
        if rtype == RRSIG:
            kind = int.from_bytes(rdata[:2], "big")
            table = self._signatures
        types = table.get(key)
        if types is None:
            table[key] = {kind: RRset(owner, rtype, ttl, (rdata,), self.file, line)}
        elif kind not in types:
            types[kind] = RRset(owner, rtype, ttl, (rdata,), self.file, line)
        else:
            self._grow(types[kind], kind, RRset(owner, rtype, ttl, (rdata,), self.file, line))

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
            self.records -= 1
            self.report.add(misfits.duplicate(first, record))
        elif record.rtype in _SINGLETONS:
            self.report.add(misfits.second(first, record))
        elif len(growing.rdatas) >= self.limits.records_per_rrset:
            if not growing.full:
                self.report.add(misfits.overfull(record, self.limits))
            growing.full = True
        else:
            growing.rdatas[form] = rdata
        if record.ttl != growing.ttl and growing.mixed is None:
            growing.mixed = (record.file, record.line)
        growing.ttl = min(growing.ttl, record.ttl)

    def finish(self) -> Zone:
        """See :class:`Gatherer`."""
        several: list[tuple[str, int, RRset]] = []
        for (rtype, owner, kind), growing in self._growing.items():
            table = self._signatures if rtype == RRSIG else self._nodes
            rdatas = tuple(growing.rdatas.values())
            rrset = replace(growing.first, ttl=growing.ttl, rdatas=rdatas)
            table[owner][kind] = rrset
            if growing.mixed:
                several.append((*growing.mixed, rrset))
        self._growing.clear()
        for file, line, rrset in sorted(several, key=lambda one: one[:2]):
            self.report.add(misfits.mixed(rrset, file, line))
        self._limit_names()
        return Zone(self.apex, self._nodes, self._signatures)

    def _limit_names(self) -> None:
        for types in self._nodes.values():
            number = sum(len(rrset.rdatas) for rrset in types.values())
            if number > self.limits.records_per_name:
                first = next(iter(types.values()))
                self.report.add(misfits.crowded(first, number, self.limits))


class TableGatherer(Gatherer):
    """Keeps records in a native table, which the native reader writes to by itself."""

    def __init__(self, apex: bytes, limits: Limits, report: FindingsReport) -> None:
        super().__init__(apex, limits, report)
        self._table = Table(apex, limits.records_per_rrset)
        self._number = 0

    @property
    def table(self) -> Table:
        """See :class:`Gatherer`."""
        return self._table

    def enter(self, file: str) -> None:
        """See :class:`Gatherer`."""
        self.file, self._number = file, self._table.file_number(file)

    def soa(self) -> RRset | None:
        """See :class:`Gatherer`."""
        return self._table.types(self.apex).get(SOA)

    def add(self, owner: bytes, key: bytes, rtype: int, ttl: int, rdata: bytes, line: int) -> None:
        """See :class:`Gatherer`."""
        outcome = self._table.add(owner, key, rtype, ttl, rdata, line, self._number)
        self.records += 1
        if outcome:
            self.explain(outcome, RRset(owner, rtype, ttl, (rdata,), self.file, line))

    def explain(self, outcome: int, record: RRset) -> None:
        """Report why the table has refused ``record``, the last one added."""
        if outcome == DUPLICATE:
            self.records -= 1
            self.report.add(misfits.duplicate(self._table.last(), record))
        elif outcome == SECOND:
            self.report.add(misfits.second(self._table.last(), record))
        elif outcome == OVERFULL and self._table.is_first_too_many():
            self.report.add(misfits.overfull(record, self.limits))

    def finish(self) -> Zone:
        """See :class:`Gatherer`."""
        self._table.finish()
        for rrset, file, line in sorted(self._table.of_mixed(), key=lambda one: one[1:]):
            self.report.add(misfits.mixed(rrset, file, line))
        for owner, number in self._table.crowded(self.limits.records_per_name):
            first = next(iter(self._table.types(owner).values()))
            self.report.add(misfits.crowded(first, number, self.limits))
        return zone_of(self._table)
