"""Versions as text: what is written loads as the same records."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from dnsd.cli.zone import zone
from dnsd.errors import ZoneError
from dnsd.versions.text import lines
from dnsd.versions.version import from_records
from dnsd.wire.name import from_text
from dnsd.wire.records import Record
from dnsd.zone.load import load_text
from dnsd.zone.stored import version_of
from tests.model import Model
from tests.strategies import models, signed

APEX = from_text("example.")
NOW = 1_700_000_000.0
SOA = Record(APEX, 6, 60, b"\x02ns" + APEX + b"\x01h" + APEX + bytes(20))
NS = Record(APEX, 2, 60, b"\x01n\x03net\x00")


@given(models() | signed(models()))
def test_text_to_records_to_text_to_records(model: Model) -> None:
    first = load_text(str(model.origin), model.text(), now=NOW).zone
    assert first is not None
    text = "\n".join(lines(version_of(first))) + "\n"
    again = load_text(str(model.origin), text, now=NOW).zone
    assert again is not None
    assert version_of(again) == version_of(first)


RARE = {
    7: b"\x01m\x00",
    16: b'\x05a"b\\c\x04\xff\x00;(',
    29: bytes.fromhex("0012161389cc28a9713a3b9700989681"),
    38: bytes((128,)) + APEX,
    42: bytes.fromhex("00011001c0"),
    44: b"\x01\x01" + bytes(20),
    63: bytes(4) + bytes((1, 1)) + bytes(48),
    64: b"\x00\x01\x00\x00\x01\x00\x03\x02h2",
    65: b"\x00\x00\x01t\x00",
    104: b"\x00\x01" + bytes(range(8)),
    108: bytes(6),
    256: b"\x00\x01\x00\x01http://x",
    257: b"\x00\x05issuea.b",
    65280: b"",
    65534: bytes(300),
}


@given(st.permutations(sorted(RARE)))
def test_types_that_few_know(order: list[int]) -> None:
    records = [
        Record(from_text(rf"\000{n}\..example."), one, n, RARE[one]) for n, one in enumerate(order)
    ]
    version = from_records(APEX, [SOA, NS, *records])
    loaded = load_text("example.", "\n".join(lines(version)) + "\n", now=NOW)
    assert loaded.zone is not None, loaded.findings
    assert version_of(loaded.zone) == version


def test_a_line_is_for_people() -> None:
    assert list(lines([SOA, NS, Record(from_text("a.example."), 28, 5, bytes(15) + b"\x01")])) == [
        "example.\t60\tIN\tSOA\tns.example. h.example. 0 0 0 0 0",
        "example.\t60\tIN\tNS\tn.net.",
        "a.example.\t5\tIN\tAAAA\t::1",
    ]


def test_a_zone_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "zones" / "example.zone"
    file.parent.mkdir()
    settings = tmp_path / "dnsd.toml"
    settings.write_text(f'[zones]\ndirectory = "{file.parent}"\n')
    file.write_text("$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS NS\nb A 192.0.2.2\nA.b MX 1 b\n")

    def show(name: str) -> Result:
        return CliRunner().invoke(zone, ["show", "--config", str(settings), name])

    text = show("EXAMPLE").stdout
    assert text.splitlines()[-1] == "A.b.example.\t60\tIN\tMX\t1 b.example."
    file.write_text(text)
    assert show("example.").stdout == text
    file.write_text("@ A\n")
    for name, why in (("example", "has no data"), ("other", "is not a zone of this configuration")):
        failed = show(name)
        assert isinstance(failed.exception, ZoneError)
        assert why in str(failed.exception)
