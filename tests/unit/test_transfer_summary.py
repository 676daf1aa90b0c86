"""How fetched zones are in short, and as metrics with bounded labels."""

from __future__ import annotations

from dnsd.control.web import transfermetrics
from dnsd.control.web.transfermetrics import NOTHING, TransferFigures
from dnsd.metrics.prometheus import text_of
from dnsd.transfer.ipc import TransferSummary, ZoneAge
from dnsd.transfer.refresh import Refresh, SoaTimes
from dnsd.xfrd.summing import NAMED, summary


def refresh(confirmed: float, fault: str = "", soa: SoaTimes | None = None) -> Refresh:
    made = Refresh(1, soa or SoaTimes(1, 60, 60, 1000), confirmed, 5000.0, lambda: 0.0)
    made.fault = fault
    return made


def test_each_zone_counts_once() -> None:
    never = Refresh(1, None, 0.0, 5000.0, lambda: 0.0)
    found = summary(
        [
            ("well.", refresh(4900.0)),
            ("failing.", refresh(4500.0, "no answer")),
            ("expired.", refresh(3000.0, "no answer")),
            ("missing.", never),
        ],
        5000.0,
    )
    assert found.states() == {"current": 1, "failing": 1, "expired": 1, "missing": 1}
    assert [one.zone for one in found.soonest] == ["expired.", "failing.", "well."]
    assert found.soonest[0] == ZoneAge(zone="expired.", confirmed_at=3000.0, expires_at=4000.0)


def test_of_many_zones_few_are_named() -> None:
    found = summary(((f"z{age}.", refresh(4000.0 + age)) for age in range(500)), 4600.0)
    assert found.current == 500
    assert [one.zone for one in found.soonest] == [f"z{age}." for age in range(NAMED)]


def test_metrics_name_zones_and_catalogs() -> None:
    row = {"members": 3, "held": 2, "clashes": 0, "catalog_fault": "it is broken"}
    age = ZoneAge(zone="b.", confirmed_at=1.0, expires_at=2.0)
    told = TransferFigures({"axfr": 4}, TransferSummary(failing=1, soonest=(age,)), {"cat.": row})
    text = text_of(transfermetrics.families(told))
    assert 'dnsd_transfer_events_total{event="axfr"} 4' in text
    assert 'dnsd_fetched_zones{state="failing"} 1' in text
    assert 'dnsd_zone_confirmed_age_seconds{zone="b."}' in text
    assert 'dnsd_catalog_held{catalog="cat."} 2' in text
    assert 'dnsd_catalog_broken{catalog="cat."} 1' in text
    assert text_of(transfermetrics.families(NOTHING)).count("# HELP") == 8
