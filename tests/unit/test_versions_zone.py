"""Zones that come as records: the same zone, checks and findings as from their text."""

from __future__ import annotations

from pathlib import Path

import dns.rdata
import dns.rdataclass
import pytest
from dns.rdatatype import RdataType
from hypothesis import given
from hypothesis import strategies as st

from dnsd.versions import recordfile
from dnsd.versions.version import ZoneVersion, from_records
from dnsd.wire.name import from_text
from dnsd.wire.records import Record
from dnsd.zone import gather
from dnsd.zone._wellformed import is_well_formed
from dnsd.zone.fieldtable import FIELDS
from dnsd.zone.load import LoadResult, load_text, load_zone
from dnsd.zone.records import Zone
from dnsd.zone.stored import version_of
from dnsd.zone.table import table_of
from tests.model import Model
from tests.strategies import models, signed

APEX = from_text("example.")
NOW = 1_700_000_000.0
SOA = Record(APEX, 6, 60, b"\x02ns" + APEX + b"\x01h" + APEX + bytes(20))
NS = Record(APEX, 2, 60, b"\x01n\x03net\x00")


def load(version: ZoneVersion, path: Path, origin: str = "example.") -> LoadResult:
    recordfile.write(path, version)
    return load_zone(origin, path, now=NOW)


def contents(zone: Zone) -> set[tuple[bytes, bytes, int, int, frozenset[bytes]]]:
    tables = (*zone.nodes.items(), *zone.signatures.items())
    return {
        (name, one.owner, rtype, one.ttl, frozenset(one.rdatas))
        for name, types in tables
        for rtype, one in types.items()
    }


@given(models() | signed(models()), st.booleans())
def test_records_load_as_the_text_does(
    tmp_path_factory: pytest.TempPathFactory, model: Model, natively: bool
) -> None:
    path = tmp_path_factory.mktemp("zone") / "records"
    text = load_text(str(model.origin), model.text(), now=NOW)
    assert text.zone is not None
    version = version_of(text.zone)
    with pytest.MonkeyPatch.context() as patch:
        if not natively:
            patch.setattr(gather, "Table", None)
        loaded = load(version, path, str(model.origin))
    assert loaded.zone is not None
    assert (table_of(loaded.zone) is not None) == natively
    assert contents(loaded.zone) == contents(text.zone)
    assert version_of(loaded.zone) == version
    assert version.count == loaded.records == text.records
    told = {(one.severity, one.code) for one in text.findings} - {
        (one.severity, one.code) for one in text.findings if one.code in _OF_TEXT
    }
    assert {(one.severity, one.code) for one in loaded.findings} == told


_OF_TEXT = ("duplicate-record", "mixed-ttl", "no-ttl", "out-of-zone", "no-newline")
"""What only a text can have: a zone has one TTL for an RRset, and each record once."""


def test_owners_that_are_spelled_in_two_ways(tmp_path: Path) -> None:
    hosts = "".join(f'h{n} A 192.0.2.{n}\nH{n} TXT "x"\nh{n} MX 1 h1\n' for n in range(9))
    text = f"$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns.net.\n*.w A 192.0.2.1\n{hosts}"
    zone = load_text("example.", text).zone
    assert zone is not None
    loaded = load(version_of(zone), tmp_path / "records")
    assert loaded.zone is not None
    assert contents(loaded.zone) == contents(zone)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (Record(APEX, 1, 1, bytes(3)), "bad-rdata"),
        (Record(APEX, 15, 1, b"\x00\x01\x05abc"), "bad-rdata"),
        (Record(APEX, 16, 1, b"\x09abc"), "bad-rdata"),
        (Record(APEX, 43, 1, b"\x00\x01\x08\x02" + bytes(31)), "bad-rdata"),
        (Record(APEX, 250, 1, b"abc"), "meta-type"),
        (Record(APEX, 5, 1, b"\x00"), "cname-and-other"),
    ],
)
def test_what_is_wrong_is_told_with_its_owner(tmp_path: Path, more: Record, code: str) -> None:
    loaded = load(from_records(APEX, [SOA, NS, more]), tmp_path / "records")
    assert loaded.zone is None
    (finding,) = [one for one in loaded.findings if one.severity == "error"]
    assert (finding.code, finding.line) == (code, 0)
    assert "example." in finding.message


def test_what_is_wrong_keeps_nothing_else_from_being_read(tmp_path: Path) -> None:
    hosts = [Record(from_text(f"h{n}.example."), 1, 1, bytes(4 - n % 2)) for n in range(6)]
    loaded = load(from_records(APEX, [SOA, NS, *hosts]), tmp_path / "records")
    assert [one.code for one in loaded.findings] == ["bad-rdata"] * 3
    assert loaded.records == 5


def test_two_of_what_there_may_be_one(tmp_path: Path) -> None:
    two = [Record(from_text("a.example."), 5, 1, from_text(name)) for name in ("b", "c")]
    loaded = load(from_records(APEX, [SOA, NS, *two]), tmp_path / "records")
    (finding,) = [one for one in loaded.findings if one.severity == "error"]
    assert finding.code == "multiple-cname"
    assert "the first is in the same file" in finding.message


def test_a_ttl_that_is_none_counts_as_0(tmp_path: Path) -> None:
    loaded = load(from_records(APEX, [SOA, NS, Record(APEX, 1, 1 << 31, bytes(4))]), tmp_path / "r")
    assert loaded.zone is not None
    assert loaded.zone.at(APEX)[1].ttl == 0


def test_what_is_no_version_of_the_zone_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "records"
    version = from_records(APEX, [SOA, NS])
    assert [one.code for one in load(version, path, "other.").findings] == ["other-zone"]
    path.write_bytes(path.read_bytes()[:-1])
    assert [one.code for one in load_zone("example.", path).findings] == ["bad-records"]


@given(st.data(), st.sampled_from(sorted(FIELDS)))
def test_what_is_called_well_formed_dnspython_reads(data: st.DataObject, rtype: int) -> None:
    pieces = st.sampled_from(
        (b"\x00", b"\x01", b"\x01a\x00", b"\x03abc", b"\x00\x06\x40\x01\x00", bytes(4), bytes(16))
    )
    parts = st.lists(pieces | st.binary(max_size=3), max_size=5)
    rdata = b"".join(data.draw(parts))
    if is_well_formed(rtype, rdata):
        kind = RdataType.make(rtype)
        dns.rdata.from_wire(dns.rdataclass.IN, kind, rdata, 0, len(rdata))
