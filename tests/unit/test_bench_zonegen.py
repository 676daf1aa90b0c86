"""The generated zone holds what the queries are said to find in it."""

from __future__ import annotations

from pathlib import Path

import dns.name
import dns.rdatatype
import dns.zone
import pytest

from bench import zonegen
from bench.zonegen import Mix, Query, ZonePlan

PLAN = ZonePlan(names=500)


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> dns.zone.Zone:
    path = tmp_path_factory.mktemp("zone") / "zone"
    PLAN.write(path)
    return dns.zone.from_file(str(path), zonegen.ORIGIN, relativize=False)


def test_the_zone_has_the_records_it_says(zone: dns.zone.Zone) -> None:
    assert sum(len(rds) for _, rds in zone.iterate_rdatasets()) == PLAN.records


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        PLAN.write(tmp_path / name)
        zonegen.write_queries(tmp_path / f"q{name}", PLAN.queries(Mix.MIXED, 100))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "qa").read_bytes() == (tmp_path / "qb").read_bytes()


def test_a_shorter_sequence_begins_a_longer_one() -> None:
    assert list(PLAN.queries(Mix.MIXED, 20)) == list(PLAN.queries(Mix.MIXED, 50))[:20]


@pytest.mark.parametrize("mix", list(Mix))
def test_expectations_hold_in_the_zone(zone: dns.zone.Zone, mix: Mix) -> None:
    for query in PLAN.queries(mix, 200):
        assert found(zone, query) == (query.expect.rcode, query.expect.answer, owner_of_cut(query))
        assert query.expect.rcode in zonegen.RCODES[mix]


def owner_of_cut(query: Query) -> str | None:
    authority = query.expect.authority
    return authority[0] if authority and authority[1] == "NS" else None


def found(zone: dns.zone.Zone, query: Query) -> tuple[str, str | None, str | None]:
    """Look ``query`` up by hand: rcode, address, owner of the cut it lies under."""
    name = dns.name.from_text(query.name)
    parent = name.parent()
    if zone.get_rdataset(parent, "NS") and parent != zone.origin:
        return "NOERROR", None, parent.to_text()
    for owner in (name, dns.name.Name((b"*", *parent.labels))):
        rdataset = zone.get_rdataset(owner, query.type)
        if rdataset:
            return "NOERROR", rdataset[0].to_text(), None
    return "NXDOMAIN", None, None
