"""Zone files to zones: the whole way from a path, or a text, to records and findings.

A file of records (:mod:`dnsd.versions.recordfile`) is one, too: what was received from elsewhere.

Never raises for what stands in a file. A zone with an error in it is no zone at all: the
findings say what to mend.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnsd.config.limits import Limits
from dnsd.versions.marks import is_record_file
from dnsd.wire.name import from_text, lower
from dnsd.zone.check import check_zone
from dnsd.zone.findings import Severity
from dnsd.zone.gather import gatherer_for
from dnsd.zone.longest import too_long
from dnsd.zone.reader import ZoneReader
from dnsd.zone.report import FindingsReport
from dnsd.zone.sources import SourceFile, Sources, Unreadable
from dnsd.zone.structure import Structure
from dnsd.zone.suspects import suspects_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dnsd.zone.findings import Finding
    from dnsd.zone.records import Zone

__all__ = ["LoadResult", "SourceFile", "load_text", "load_zone"]

_DEFAULTS = Limits()
_ABSENCES = ("missing-soa", "missing-ns")
_ALWAYS = ("missing-dot",)
"""Findings that are reported even if parts of the zone could not be read: they may be the cause."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The result of loading a zone file.

    ``zone`` is None exactly when ``findings`` (by file and line) hold an error. ``sources`` are
    all files that were read or looked for, the zone file first; ``records`` counts the records
    of the zone, those of RRSIG too. The file ``is_stored`` when it is one of records, not a text.
    """

    zone: Zone | None
    findings: tuple[Finding, ...]
    sources: tuple[SourceFile, ...]
    records: int
    is_stored: bool = False


def load_zone(
    origin: str,
    path: Path,
    limits: Limits = _DEFAULTS,
    now: float | None = None,
    include: Sequence[Path] = (),
) -> LoadResult:
    """Load the zone ``origin`` from the file ``path``.

    Included files are looked for from the including file's directory, and must be in or below
    that of ``path``, or one of ``include``. ``now`` (seconds since 1970) is what signatures are
    judged by; None is the time of day. ValueError when ``origin`` is no domain name.
    """
    loading = _Loading(origin, str(path), limits, (path.parent, *include))
    try:
        data = loading.sources.open(path)
    except Unreadable as error:
        loading.report.error(str(path), 0, error.code, str(error))
        return loading.failed()
    return loading.load(data, path, now)


def load_text(
    origin: str,
    text: str | bytes,
    name: str = "<stdin>",
    limits: Limits = _DEFAULTS,
    now: float | None = None,
) -> LoadResult:
    """Load a zone from a text, called ``name`` in findings; it cannot include files."""
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    return _Loading(origin, name, limits).load(data, None, now)


class _Loading:
    """One zone being loaded."""

    def __init__(
        self, origin: str, name: str, limits: Limits, directories: Sequence[Path] = ()
    ) -> None:
        self.report = FindingsReport(limits.findings)
        self.sources = Sources(limits, directories)
        self._is_stored = False
        self._name = name
        self._limits = limits
        self._gatherer = gatherer_for(lower(from_text(origin)), limits, self.report)

    def load(self, data: bytes, path: Path | None, now: float | None) -> LoadResult:
        complete = self._read(data, path)
        zone = self._gatherer.finish()
        if complete:
            self._check(zone, time.time() if now is None else now)
        if self.report.errors:
            return self.failed()
        return self._result(zone)

    def _read(self, data: bytes, path: Path | None) -> bool:
        """Read ``data``, a text or a record file; return whether all of it was read."""
        self._is_stored = is_record_file(data)
        if self._is_stored:
            from dnsd.zone.stored import RecordReader

            records = RecordReader(self._gatherer, self._limits, self.report)
            records.read(data, self._name)
            return records.complete
        reader = ZoneReader(self._gatherer, self._limits, self.report, self.sources)
        reader.read(data, self._name, path)
        return reader.complete

    def _check(self, zone: Zone, now: float) -> None:
        """Check the zone as a whole.

        If some records could not be read, findings that these might have prevented are left out.
        """
        suspects, structure = suspects_of(zone, now, self._limits), Structure(zone)
        for finding in too_long(suspects, self._limits):
            self.report.add(finding)
        torn = self.report.errors > 0
        for finding in check_zone(zone, structure, self._name, now, self._limits, suspects):
            is_conflict = finding.severity is Severity.ERROR and finding.code not in _ABSENCES
            if is_conflict or not torn or finding.code in _ALWAYS:
                self.report.add(finding)

    def failed(self) -> LoadResult:
        return self._result(None)

    def _result(self, zone: Zone | None) -> LoadResult:
        findings, sources = self.report.findings(self._name), tuple(self.sources.read)
        return LoadResult(zone, findings, sources, self._gatherer.records, self._is_stored)
