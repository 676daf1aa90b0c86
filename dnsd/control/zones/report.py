"""What a reload came to: values for the admin socket, lines for the log."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from dnsd.build.images import EDITED, UNKEPT
from dnsd.control.zones.guard import STAGNANT
from dnsd.control.zones.table import EXPIRED
from dnsd.process.events import FINDING, Told

# msgspec looks the types up when it decodes.
from dnsd.zone.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dnsd.process.events import Event, Fields

MOST_ZONES = 20
"""Zones with a line of their own in the log of one reload."""
MOST_LINES = 10
"""Findings of one zone in the log."""


NOT_FETCHED = "not-fetched"
"""The code of the finding about a zone of which there is nothing to load yet."""

_TOLD = frozenset((STAGNANT, UNKEPT, EDITED))
"""Codes of warnings that the log has, too: an edit is not what it was meant to be."""


class ZoneOutcome(StrEnum):
    """What a reload has done to a zone."""

    LOADED = "loaded"
    UNCHANGED = "unchanged"
    BROKEN = "broken"
    """It could not be loaded; its last version is still served."""
    FAILED = "failed"
    """As BROKEN, but through no fault of the zone: it is tried again."""
    EXPIRED = "expired"
    """It is not answered any more: no primary has confirmed it for too long."""
    DROPPED = "dropped"
    UNKNOWN = "unknown"
    """No such zone, neither before nor now."""


_EVENTS: dict[ZoneOutcome, Event] = {
    ZoneOutcome.LOADED: "zone-loaded",
    ZoneOutcome.UNCHANGED: "zone-unchanged",
    ZoneOutcome.BROKEN: "zone-broken",
    ZoneOutcome.FAILED: "zone-failed",
    ZoneOutcome.EXPIRED: "zone-expired",
    ZoneOutcome.DROPPED: "zone-dropped",
    ZoneOutcome.UNKNOWN: "zone-unknown",
}

GOOD = (ZoneOutcome.LOADED, ZoneOutcome.UNCHANGED, ZoneOutcome.DROPPED)


class ZoneReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One zone's part; ``serial`` is what is served now, None if nothing is."""

    zone: str
    outcome: ZoneOutcome
    serial: int | None = None
    records: int = 0
    seconds: float = 0.0
    trouble: str = ""
    findings: tuple[Finding, ...] = ()


class ReloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """A whole reload. ``ok``: all the data there is now, is served by every worker.

    ``problems`` are sentences about what is not a zone's fault, ``odd`` is about the directory of
    zones (files that are none, zones whose files are gone), ``notices`` what the operator should
    know of besides. ``waiting`` are the keys of the configuration that only a restart applies; each
    is among the problems, too.
    """

    ok: bool
    zones: tuple[ZoneReport, ...] = ()
    problems: tuple[str, ...] = ()
    odd: tuple[Finding, ...] = ()
    notices: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    seconds: float = 0.0

    def count(self, outcome: ZoneOutcome) -> int:
        """Return how many zones had this ``outcome``."""
        return sum(zone.outcome == outcome for zone in self.zones)


def narrow(report: ReloadReport, zones: Iterable[str]) -> ReloadReport:
    """Return what ``report`` says of ``zones``; it may be of a reload of all of them."""
    told = {zone.zone: zone for zone in report.zones}
    unknown = ZoneOutcome.UNKNOWN
    mine = tuple(told.get(name, ZoneReport(zone=name, outcome=unknown)) for name in sorted(zones))
    if report.problems:
        return msgspec.structs.replace(report, zones=tuple(one for one in mine if one.zone in told))
    ok = all(one.outcome in GOOD for one in mine)
    return msgspec.structs.replace(report, ok=ok, zones=mine, odd=())


def followed(report: ReloadReport, later: ReloadReport) -> ReloadReport:
    """Return ``report`` with what a ``later`` reload of some of its zones came to."""
    zones = {zone.zone: zone for zone in (*report.zones, *later.zones)}
    return msgspec.structs.replace(
        report,
        ok=not report.problems
        and not report.odd
        and later.ok
        and all(zone.outcome in GOOD for zone in zones.values()),
        zones=tuple(sorted(zones.values(), key=lambda zone: zone.zone)),
        problems=(*report.problems, *later.problems),
        seconds=report.seconds + later.seconds,
    )


def summary(report: ReloadReport) -> str:
    """Return one line about all of it."""
    counts = [
        f"{report.count(outcome)} {outcome}" for outcome in ZoneOutcome if report.count(outcome)
    ]
    return f"{', '.join(counts) or 'no zones'} in {report.seconds:.2f} s"


def events(report: ReloadReport) -> Iterator[Told]:
    """Yield what tells of ``report``."""
    for sentence in report.problems:
        yield Told("reload-problem", sentence, {})
    for sentence in report.notices:
        yield Told("reload-notice", sentence, {})
    yield from _first(report.odd, {})
    told = [zone for zone in report.zones if zone.outcome != ZoneOutcome.UNCHANGED]
    told.sort(key=lambda zone: zone.outcome in GOOD)
    for zone in told[:MOST_ZONES]:
        about: Fields = {"zone": zone.zone, "serial": zone.serial, "records": zone.records}
        if _is_new(zone):
            told_so = f"zone {zone.zone} is not fetched yet: answering SERVFAIL"
            yield Told("zone-unfetched", told_so, {"zone": zone.zone})
            continue
        yield Told(_EVENTS[zone.outcome], zone_line(zone), about)
        yield from _finding_events(zone)
    if len(told) > MOST_ZONES:
        more = f"... and {len(told) - MOST_ZONES} more zones ({summary(report)})"
        yield Told("zones-more", more, {})


def _is_new(zone: ZoneReport) -> bool:
    """Return whether there is nothing of a zone yet, because it is still to be fetched."""
    is_broken = zone.outcome == ZoneOutcome.BROKEN and zone.serial is None
    return is_broken and [one.code for one in zone.findings] == [NOT_FETCHED]


def zone_line(zone: ZoneReport) -> str:
    """Return one line about a zone."""
    match zone.outcome:
        case ZoneOutcome.LOADED:
            what = f"{zone.records} records{_warnings(zone)} in {zone.seconds:.2f} s"
            return f"zone {zone.zone} loaded: serial {zone.serial}, {what}"
        case ZoneOutcome.BROKEN if zone.serial is None:
            return f"zone {zone.zone} is broken: answering SERVFAIL"
        case ZoneOutcome.BROKEN:
            return f"zone {zone.zone} is broken: still serving serial {zone.serial}"
        case ZoneOutcome.FAILED:
            what = "no data" if zone.serial is None else f"serial {zone.serial}"
            return (
                f"zone {zone.zone} is not loaded: {zone.trouble}; still serving {what}, trying "
                f"again"
            )
        case ZoneOutcome.EXPIRED:
            return f"zone {zone.zone} is answered with SERVFAIL: {EXPIRED}"
        case ZoneOutcome.UNKNOWN:
            return f"zone {zone.zone} is not in the configuration"
        case ZoneOutcome.DROPPED:
            return f"zone {zone.zone} dropped"
    return f"zone {zone.zone} unchanged: serial {zone.serial}"


def _warnings(zone: ZoneReport) -> str:
    count = sum(one.severity == Severity.WARNING for one in zone.findings)
    return f", {count} warning{'' if count == 1 else 's'}" if count else ""


def _finding_events(zone: ZoneReport) -> Iterator[Told]:
    """Yield the findings of a zone that is broken.

    Warnings are for ``dnsd check``, but for those of edits.
    """
    about: Fields = {"zone": zone.zone}
    if zone.outcome == ZoneOutcome.LOADED:
        yield from _first([one for one in zone.findings if one.code in _TOLD], about)
    if zone.outcome == ZoneOutcome.BROKEN:
        errors = [one for one in zone.findings if one.severity == Severity.ERROR]
        yield from _first(errors, about)


def _first(findings: Sequence[Finding], about: Fields) -> Iterator[Told]:
    """Yield the first of ``findings``, and where the others are."""
    for one in findings[:MOST_LINES]:
        yield Told(FINDING, str(one), about)
    if len(findings) > MOST_LINES:
        more = f"... and {len(findings) - MOST_LINES} more: `dnsd check` shows all of them"
        yield Told(FINDING, more, about)
