"""What builds leave for transfers: versions, and serials that grow with the content."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.build.images import Job, is_current, read_meta
from dnsd.build.versions import GivenOut, following
from dnsd.config import Limits
from dnsd.process import durablefile
from dnsd.versions import recordfile
from dnsd.versions.serial import is_newer
from tests.building import build_zone

if TYPE_CHECKING:
    from pathlib import Path

SERIALS = st.integers(0, 0xFFFFFFFF)


def zone(serial: int, *records: str) -> str:
    return "\n".join(["$TTL 60", f"@ SOA ns h {serial} 1 1 1 1", "@ NS ns", *records, ""])


def job(tmp_path: Path, **terms: object) -> Job:
    (tmp_path / "images").mkdir(exist_ok=True)
    made = Job(
        origin="a.example.",
        file=str(tmp_path / "zone"),
        limits=Limits(),
        images=str(tmp_path / "images"),
    )
    return msgspec.structs.replace(made, **terms)


def build(tmp_path: Path, text: str, **terms: object) -> tuple[int, str]:
    (tmp_path / "zone").write_text(text)
    os.utime(tmp_path / "zone", ns=(1, 1))  # a file that has just changed is read again
    result = build_zone(job(tmp_path, **terms))
    assert result.image is not None, result.findings
    return result.serial, result.version


@given(SERIALS, SERIALS, st.sampled_from(["increment", "unixtime", "dateserial"]))
def test_a_new_content_has_a_newer_serial(before: int, in_file: int, policy: str) -> None:
    found = following(policy, in_file, GivenOut(before, ""), 1_700_000_000.5)
    assert is_newer(found, before)
    assert found != 0


def test_serials_say_what_they_are_named_after() -> None:
    now = 1_700_000_000.0
    assert following("unixtime", 1, None, now) == 1_700_000_000
    assert following("dateserial", 1, None, now) == 2023111400
    assert following("dateserial", 1, GivenOut(2023111400, ""), now) == 2023111401
    assert following("increment", 7, None, now) == 7
    assert following("increment", 7, GivenOut(7, ""), now) == 8
    assert following("increment", 9, GivenOut(7, ""), now) == 9, "the operator has made it grow"


def test_the_serial_grows_with_the_content_and_with_nothing_else(tmp_path: Path) -> None:
    serials = [
        build(tmp_path, text, serial="increment")[0]
        for text in (
            zone(5, "ns A 192.0.2.1"),
            zone(5, "ns A 192.0.2.1"),
            zone(5, "ns A 192.0.2.2"),
            zone(2, "ns A 192.0.2.2"),
            zone(5, "ns A 192.0.2.1"),
        )
    ]
    assert serials == [5, 5, 6, 6, 7]


@pytest.mark.parametrize("policy", ["file", "unixtime"])
def test_the_record_file_is_what_is_served(tmp_path: Path, policy: str) -> None:
    serial, name = build(
        tmp_path, zone(5, "ns A 192.0.2.1", "b TXT x"), serial=policy, is_given=True
    )
    version = recordfile.read(tmp_path / "versions" / name)
    assert (version.serial, version.count) == (serial, 4)
    assert abs(serial - time.time()) < 60 or policy == "file"


def test_an_image_without_its_version_is_not_enough(tmp_path: Path) -> None:
    _, name = build(tmp_path, zone(5, "ns A 192.0.2.1"), is_given=True)
    made = job(tmp_path, is_given=True)
    (image,) = (tmp_path / "images").iterdir()
    meta = read_meta(made.stock, image.name)
    assert is_current(meta, made)
    (tmp_path / "versions" / name).unlink()
    assert not is_current(meta, made)
    assert is_current(meta, job(tmp_path)), "who gives it to nobody needs none"
    assert not is_current(meta, job(tmp_path, serial="unixtime"))


@pytest.mark.parametrize("fault", ["damaged", "full"])
def test_what_cannot_be_numbered_is_not_served(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its serial may be a lower one than what was given out."""
    for record in ("ns A 192.0.2.1", "ns A 192.0.2.2"):
        build(tmp_path, zone(5, record), serial="increment")
    (memory,) = (tmp_path / "versions").glob("*.serial")
    if fault == "damaged":
        memory.write_bytes(b"{")
    else:
        monkeypatch.setattr(durablefile, "replace", full)
    (tmp_path / "zone").write_text(zone(5, "ns A 192.0.2.3"))
    result = build_zone(job(tmp_path, serial="increment"))
    assert result.image is None
    assert ("is damaged" if fault == "damaged" else "No space left") in result.trouble
    monkeypatch.undo()
    memory.unlink(missing_ok=fault == "damaged")
    assert build(tmp_path, zone(5, "ns A 192.0.2.3"), serial="increment")[0] == 5


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_digest_of_the_serial_fixes_it(tmp_path: Path) -> None:
    digest = "@ ZONEMD 5 1 1 " + "00" * 48
    (tmp_path / "zone").write_text(zone(5, "ns A 192.0.2.1"))
    made = build_zone(job(tmp_path, serial="unixtime"))
    assert made.serial > 5
    (tmp_path / "zone").write_text(zone(5, "ns A 192.0.2.1", digest.replace("1 1", "240 240")))
    made = build_zone(job(tmp_path, serial="unixtime"))
    assert made.serial == 5
    assert "fixed-serial" in [one.code for one in made.findings]
