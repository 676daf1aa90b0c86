"""What is said of a reload: lines for the log, parts for who asked for a part."""

from __future__ import annotations

import msgspec
import pytest

from dnsd.control.zones.report import (
    MOST_LINES,
    MOST_ZONES,
    NOT_FETCHED,
    ReloadReport,
    ZoneOutcome,
    ZoneReport,
    events,
    narrow,
    summary,
)
from dnsd.zone.findings import Finding, Severity

ERROR = Finding("f", 3, Severity.ERROR, "is wrong", "code")
WARNING = Finding("f", 2, Severity.WARNING, "is odd", "code")


def zone(name: str, outcome: ZoneOutcome, **more: object) -> ZoneReport:
    return msgspec.convert({"zone": name, "outcome": outcome, **more}, ZoneReport)


LOADED = zone("a.", ZoneOutcome.LOADED, serial=5, records=7, seconds=0.5)
BROKEN = ZoneReport(zone="b.", outcome=ZoneOutcome.BROKEN, serial=4, findings=(WARNING, ERROR))
UNCHANGED = zone("c.", ZoneOutcome.UNCHANGED, serial=3)


def test_a_zone_that_is_to_be_fetched_first_is_no_error() -> None:
    finding = Finding("b.records", 1, Severity.ERROR, "not yet", NOT_FETCHED)
    zone = ZoneReport(zone="b.", outcome=ZoneOutcome.BROKEN, findings=(finding,))
    (told,) = events(ReloadReport(ok=False, zones=(zone,)))
    assert (told.event, told.sentence) == (
        "zone-unfetched",
        "zone b. is not fetched yet: answering SERVFAIL",
    )
    stale = msgspec.structs.replace(zone, serial=7)
    assert next(events(ReloadReport(ok=False, zones=(stale,)))).event == "zone-broken"


def test_errors_come_first_and_as_compilers_write_them() -> None:
    report = ReloadReport(
        ok=False, zones=(LOADED, BROKEN, UNCHANGED), problems=("p",), notices=("n",)
    )
    assert [str(one) for one in events(report)] == [
        "dnsd: p",
        "dnsd: n",
        "dnsd: zone b. is broken: still serving serial 4",
        "f:3: error: is wrong [code]",
        "dnsd: zone a. loaded: serial 5, 7 records in 0.50 s",
    ]


def test_warnings_are_counted() -> None:
    warned = ZoneReport(zone="a.", outcome=ZoneOutcome.LOADED, serial=1, findings=(WARNING,))
    (told,) = events(ReloadReport(ok=True, zones=(warned,)))
    assert str(told) == "dnsd: zone a. loaded: serial 1, 0 records, 1 warning in 0.00 s"


def test_a_thousand_zones_are_not_a_thousand_lines() -> None:
    zones = tuple(zone(f"z{number}.", ZoneOutcome.LOADED, serial=1) for number in range(1000))
    lines = [*map(str, events(ReloadReport(ok=True, zones=zones)))]
    assert len(lines) == MOST_ZONES + 1
    assert lines[-1] == "dnsd: ... and 980 more zones (1000 loaded in 0.00 s)"


def test_a_thousand_findings_are_not_a_thousand_lines() -> None:
    broken = ZoneReport(zone="a.", outcome=ZoneOutcome.BROKEN, findings=(ERROR,) * 1000)
    lines = [*map(str, events(ReloadReport(ok=False, zones=(broken,))))]
    assert lines[0] == "dnsd: zone a. is broken: answering SERVFAIL"
    assert len(lines) == MOST_LINES + 2
    assert "`dnsd check` shows all of them" in lines[-1]


@pytest.mark.parametrize(
    ("zones", "text"),
    [
        ((), "no zones in 0.25 s"),
        ((LOADED, BROKEN, UNCHANGED, UNCHANGED), "1 loaded, 2 unchanged, 1 broken in 0.25 s"),
        (
            (zone("x.", ZoneOutcome.DROPPED), zone("y.", ZoneOutcome.UNKNOWN)),
            "1 dropped, 1 unknown in",
        ),
    ],
)
def test_the_summary_counts(zones: tuple[ZoneReport, ...], text: str) -> None:
    assert summary(ReloadReport(ok=True, zones=zones, seconds=0.25)).startswith(text)


def test_who_asked_for_some_zones_is_told_of_these() -> None:
    report = ReloadReport(ok=False, zones=(LOADED, BROKEN, UNCHANGED))
    mine = narrow(report, ["a.", "c."])
    assert mine.ok
    assert mine.zones == (LOADED, UNCHANGED)
    assert not narrow(report, ["b."]).ok


def test_an_unknown_zone_is_reported_as_such() -> None:
    mine = narrow(ReloadReport(ok=True, zones=(LOADED,)), ["x."])
    assert not mine.ok
    assert [(one.zone, one.outcome) for one in mine.zones] == [("x.", ZoneOutcome.UNKNOWN)]


def test_a_reload_that_failed_as_a_whole_failed_for_everybody() -> None:
    mine = narrow(ReloadReport(ok=False, problems=("bad",)), ["a."])
    assert not mine.ok
    assert mine.zones == ()
    assert mine.problems == ("bad",)
