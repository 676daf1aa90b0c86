"""Signatures that end: what the log and metrics say, and how often."""

from __future__ import annotations

from pathlib import Path

from dnsd.control.web import signaturemetrics
from dnsd.control.zones.signatures import AGAIN_S, MOST_TOLD, SignatureTeller, problems
from dnsd.control.zones.table import ServedImage, ZoneRow
from dnsd.metrics.prometheus import text_of
from dnsd.zone.validity import Validity

DAY = 86_400
MONTH = 30 * DAY
LONG = 1_000_000_000


def row(name: str, ends: int, begins: int = 0) -> ZoneRow:
    served = ServedImage("i", 1, 1, validity=Validity(begins, ends, MONTH, f"{name} SOA"))
    return ZoneRow(name, Path("x"), 0.0, served=served, loaded=True)


def unsigned(name: str) -> ZoneRow:
    return ZoneRow(name, Path("x"), 0.0, served=ServedImage("i", 1, 1), loaded=True)


def told(teller: SignatureTeller, rows: list[ZoneRow], now: float) -> list[str]:
    return [f"{one.event}: {one.sentence}" for one in teller.look(rows, now)]


def test_each_change_is_told_once_and_what_is_wrong_each_day() -> None:
    teller, rows = SignatureTeller(), [row("a.", MONTH), unsigned("b."), row("c.", LONG)]
    assert told(teller, rows, MONTH - 8 * DAY) == []
    now = MONTH - 6 * DAY
    soon = "signatures-end-soon: the signatures of a. end in 6 d (a. SOA): sign the zone again"
    assert told(teller, rows, now) == [soon]
    assert told(teller, rows, now + AGAIN_S - 1) == []
    assert told(teller, rows, now + AGAIN_S) == [soon.replace("6 d", "5 d")]
    (ended,) = told(teller, rows, MONTH + 60)
    assert ended.startswith("signatures-ended: the signatures of a. ended 1 min ago (a. SOA): ")
    assert told(teller, rows, MONTH + 61) == []
    rows[0] = row("a.", 2 * MONTH)
    assert told(teller, rows, MONTH + 62) == [
        "signatures-good: the signatures of a. are good again: they end in 29 d 23 h"
    ]
    assert told(teller, rows, MONTH + AGAIN_S * 2) == []


def test_a_zone_that_has_gone_is_forgotten() -> None:
    teller = SignatureTeller()
    assert len(told(teller, [row("a.", 0)], 60)) == 1
    assert told(teller, [], 61) == []
    assert len(told(teller, [row("a.", 0)], 62)) == 1


def test_very_many_are_told_in_a_few_lines() -> None:
    rows = [row(f"{number:04}.", DAY) for number in range(1000)]
    teller = SignatureTeller()
    lines = told(teller, rows, 0)
    assert len(lines) == MOST_TOLD + 1
    assert lines[-1] == "signatures-end-soon: signatures: 980 more zones: dnsd zones shows them"
    assert told(teller, rows, 1) == []
    assert len(problems(rows, 0)) == 5


def test_the_most_urgent_come_first() -> None:
    rows = [row("good.", LONG), row("soon.", 3 * DAY), row("early.", LONG, 2 * DAY), row("end.", 1)]
    named = [one.split()[3] for one in problems(rows, DAY)]
    assert named == ["end.", "early.", "soon."]


def test_metrics_count_all_and_name_the_most_urgent() -> None:
    rows = [row(f"{number:04}.", LONG + number) for number in range(200)]
    rows += [row("end.", 1), unsigned("plain.")]
    text = text_of(signaturemetrics.families(rows, DAY))
    assert 'dnsd_signed_zones{state="good"} 200\n' in text
    assert 'dnsd_signed_zones{state="ended"} 1\n' in text
    assert 'dnsd_signed_zones{state="early"} 0\n' in text
    assert 'dnsd_zone_signatures_state{zone="end.",state="ended"} 1\n' in text
    assert 'dnsd_zone_signatures_end_timestamp_seconds{zone="end."} 1\n' in text
    assert text.count("dnsd_zone_signatures_state{") == signaturemetrics.MOST
    assert "plain." not in text
