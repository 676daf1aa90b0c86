"""What a zone may take, told at a glance."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnsd.build.weight import MOST_FILES, MUCH, PER_RECORD, of_zone, on_disk
from dnsd.config.policyfile import path_for


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    return tmp_path / "a.zone"


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("www A 192.0.2.1\n", 0),
        ('; see $GENERATE 1-9\nw TXT "$INCLUDE x"\n', 0),
        ("$GENERATE 1-100 h$ A 192.0.2.$\n", 100 * PER_RECORD),
        ("  $generate 5-5 h A 192.0.2.1\n$GENERATE 1-2/1 h$ A 192.0.2.1\n", 3 * PER_RECORD),
        ("$GENERATE 9-1 h$ A 192.0.2.1\n", 0),
        ("$GENERATE what ever\n", MUCH),
        ("$INCLUDE\n", MUCH),
        ('$INCLUDE "a\\032b"\n', MUCH),
        ("$INCLUDE missing\n", 0),
        ("$INCLUDE small other.example.\n", 10),
        ("$include a.zone\n", MUCH),
    ],
)
def test_what_directives_ask_for_counts(zone: Path, text: str, more: int) -> None:
    zone.with_name("small").write_text("0123456789")
    zone.write_text(text)
    assert of_zone(zone, path_for(zone)) == len(text) + more
    assert on_disk(str(zone), str(path_for(zone))) == len(text)


def test_a_policy_counts_and_a_large_file_is_not_read(zone: Path) -> None:
    zone.write_bytes(b"$GENERATE 1-9 a A 192.0.2.1\n" * 100_000)
    zone.with_suffix(".toml").write_text("x" * 7)
    assert of_zone(zone, path_for(zone)) == on_disk(str(zone), str(path_for(zone))) == 2_800_007


def test_files_that_include_each_other_end(zone: Path) -> None:
    for number in range(2 * MOST_FILES):
        name = zone if not number else zone.with_name(f"i{number}")
        name.write_text(f"$INCLUDE i{number + 1}\n")
    assert of_zone(zone, path_for(zone)) > MUCH
