"""Builds that make an image of the one before: what they say of it, and when they do not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from dnsd.build import contents, images, incremental
from dnsd.build.images import Job, is_current, read_meta
from dnsd.caches.listing import Contents
from dnsd.caches.version import VersionKind
from dnsd.config import Limits
from dnsd.control.horizon.shelf import Shelf, Shelved
from dnsd.versions import recordfile
from dnsd.versions.version import ZoneVersion
from dnsd.zone.load import load_text
from dnsd.zone.stored import version_of
from tests.building import build_zone

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.build.pipeline import BuildResult

HOSTS = [f"h{number} A 192.0.2.{number}" for number in range(40)]


def version(serial: int, *more: str, hosts: list[str] = HOSTS) -> ZoneVersion:
    lines = ["$TTL 60", f"@ SOA ns h {serial} 1 1 9 1", "@ NS ns", "ns A 192.0.2.53", *hosts, *more]
    loaded = load_text("a.example.", "\n".join((*lines, "")))
    assert loaded.zone is not None, loaded.findings
    return version_of(loaded.zone)


class Zone:
    """A zone that is fetched, and the directory of its images."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "images").mkdir()
        self.file = directory / "received"
        self.job = Job(
            origin="a.example.",
            file=str(self.file),
            limits=Limits(),
            images=str(directory / "images"),
        )

    def receive(self, made: ZoneVersion) -> BuildResult:
        """Build ``made``, of the image before if that may be."""
        recordfile.put(self.file, made)
        result = build_zone(self.job)
        if result.image is not None:
            self.job = msgspec.structs.replace(self.job, before=result.image)
        return result

    def change(self, **terms: object) -> None:
        self.job = msgspec.structs.replace(self.job, **terms)

    @property
    def is_patched(self) -> bool:
        """Whether the last image was made of another one."""
        return read_meta(self.job.stock, self.job.before).whole != 0

    @property
    def base(self) -> Path:
        return Path(self.job.images) / f"{images.stem(self.job.origin)}{incremental.BASE}"


@pytest.fixture
def zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Zone:
    """A zone that counts as a large one, with one image."""
    monkeypatch.setattr(incremental, "MOST_WASTE", 9)
    defaults = contents.contents_of.__defaults__ or ()
    monkeypatch.setattr(contents.contents_of, "__defaults__", (3, *defaults[1:]))
    made = Zone(tmp_path)
    made.receive(version(1))
    assert not made.is_patched
    return made


def test_the_next_version_is_made_of_the_image_before(zone: Zone) -> None:
    zone.change(is_given=True)
    zone.receive(version(2))
    for serial in (3, 4):
        new = version(serial, f"new{serial} TXT t", hosts=HOSTS[serial:])
        result = zone.receive(new)
        assert zone.is_patched
        whole = build_zone(msgspec.structs.replace(zone.job, before=""))
        assert summary(result) == summary(whole)
        assert result.contents.ttl == whole.contents.ttl
        meta = read_meta(zone.job.stock, zone.job.before)
        assert is_current(meta, zone.job)
        kept = zone.directory / "versions" / result.version
        assert recordfile.read(kept) == new
        zone.job.stock.verify(zone.job.before)


def test_the_ledger_learns_of_the_names_that_have_changed(zone: Zone) -> None:
    shelf = Shelf(zone.job.stock)
    made = [zone.receive(version(serial, hosts=HOSTS[serial:])) for serial in (2, 3, 4)]
    zones = [Shelved(one.image or "", one.contents) for one in made]
    for old, new, gone in ((zones[0], zones[1], "h2"), (zones[1], zones[2], "h3")):
        held = [one.version for one in shelf.differences("a.example.", old, new)]
        assert {one.kind for one in held} == {VersionKind.RRSET}
        assert {one.owner for one in held} == {"a.example.", f"{gone}.a.example."}
    # of both steps together nothing is known
    (whole,) = shelf.differences("a.example.", zones[0], zones[2])
    assert whole.version.kind is VersionKind.EVERYTHING


def test_a_fault_of_our_own_costs_only_time(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incremental, "_patched", {}.__getitem__)
    assert zone.receive(version(2)).is_loaded
    assert not zone.is_patched


def summary(result: BuildResult) -> BuildResult:
    """What does not depend on how it was built."""
    return msgspec.structs.replace(
        result, image="", seconds=0.0, version=bool(result.version), contents=Contents()
    )


def other_policy(zone: Zone) -> None:
    zone.file.with_name("received.toml").write_text("")


def other_limits(zone: Zone) -> None:
    zone.change(limits=Limits(records=999))


def no_base(zone: Zone) -> None:
    zone.base.unlink()


def another_base(zone: Zone) -> None:
    recordfile.put(zone.base, version(1))


def damaged_image(zone: Zone) -> None:
    path = zone.job.stock.path(zone.job.before)
    octets = bytearray(path.read_bytes())
    octets[-1] ^= 1
    path.write_bytes(octets)


def image_of_nothing(zone: Zone) -> None:
    zone.job.stock.remove(zone.job.before)


def other_serial(zone: Zone) -> None:
    zone.change(serial="increment")


@pytest.mark.parametrize(
    "happens",
    [
        other_policy,
        other_limits,
        no_base,
        another_base,
        damaged_image,
        image_of_nothing,
        other_serial,
    ],
)
def test_what_is_not_as_it_was_is_built_whole(zone: Zone, happens: Callable[[Zone], None]) -> None:
    happens(zone)
    assert zone.receive(version(2)).is_loaded
    assert not zone.is_patched
    zone.change(serial="file")


def test_an_image_with_much_waste_is_made_anew(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incremental, "MOST_WASTE", 0.01)
    for serial, is_patched in ((2, True), (3, False), (4, True)):
        zone.receive(version(serial))
        assert zone.is_patched == is_patched


def test_what_the_disk_does_not_copy_is_written(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "copy_file_range", lambda *_: 0)
    zone.receive(version(2))
    assert zone.is_patched
    zone.job.stock.verify(zone.job.before)


def test_another_boot_of_the_machine(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut may have left anything of the base."""
    monkeypatch.setattr(images, "boot", lambda: "another")
    zone.receive(version(2))
    assert not zone.is_patched


@pytest.mark.parametrize(
    "more", ["alias CNAME nowhere", "d DNAME b.", "h1 RRSIG A 5 3 60 1 0 1 a. AAAA"]
)
def test_what_only_the_whole_zone_tells(zone: Zone, more: str) -> None:
    for serial in (2, 3):  # it comes, and it is there
        result = zone.receive(version(serial, more))
        assert not zone.is_patched
    assert ("cname-dangling" in [one.code for one in result.findings]) == ("CNAME" in more)
    zone.receive(version(4))
    assert not zone.is_patched
    zone.receive(version(5))
    assert zone.is_patched


def test_a_zone_that_has_become_wrong_says_why(zone: Zone) -> None:
    zone.change(limits=Limits(records_per_rrset=2))
    zone.receive(version(3))
    result = zone.receive(version(4, *(f"many A 192.0.2.{number}" for number in range(3))))
    assert (result.image, [one.code for one in result.findings]) == (None, ["rrset-too-many"])
