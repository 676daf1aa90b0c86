"""Zones that catalogs bring, from the catalog's record file to what workers are told to serve."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from dnsd.build import images
from dnsd.build.images import Meta
from dnsd.build.pipeline import BuildResult
from dnsd.build.stamps import observe
from dnsd.config import (
    CatalogConfig,
    Limits,
    PrimaryPeer,
    TemplateConfig,
    ZoneFile,
    brought_zones,
    catalogbook,
    produced_file,
    received_file,
)
from dnsd.control.catalogs import consuming
from dnsd.control.zones.earlier import Earlier
from dnsd.control.zones.reload import CONFIGURATION, DIRECTORY, EVERYTHING
from dnsd.control.zones.table import apex_of
from dnsd.image.journal import Unanswered
from dnsd.image.stock import Stock
from dnsd.versions import recordfile
from dnsd.versions.marks import RECORDS
from tests.unit.test_catalog_content import HEAD, ORIGIN, VERSION, version
from tests.unit.test_zones_reload import Site, outcomes

if TYPE_CHECKING:
    from dnsd.build.images import Job
    from dnsd.config import Config

PEERS = (PrimaryPeer(address="192.0.2.1"),)
CATALOG = CatalogConfig(
    name=ORIGIN, primaries=PEERS, template="plain", groups={"given": "given"}, vanish=0.5
)
TEMPLATES = (
    TemplateConfig(name="plain", primaries=PEERS),
    TemplateConfig(name="given", primaries=PEERS, notify_ns=True),
)


class CatalogSite(Site):
    """A site with a catalog; what is fetched of other zones is a text, as their files are."""

    catalogs: tuple[CatalogConfig, ...] = (CATALOG,)

    def begin(self, **changes: Any) -> None:
        super().begin(**{"catalog": self.catalogs, "template": TEMPLATES, **changes})

    @property
    def config(self) -> Config:
        return self.reloader.config

    def fetch_catalog(self, serial: int, members: str, origin: str = ORIGIN) -> None:
        """Have a version of the catalog: ``NAME=LABEL`` for each member, and ``NAME~GROUP``."""
        lines = [HEAD.replace(" 7 ", f" {serial} "), VERSION]
        for one in members.split():
            name, _, label = one.partition("=")
            label, _, group = label.partition("~")
            lines.append(f"{label}.zones PTR {name}\n")
            if group:
                lines.append(f"group.{label}.zones TXT {group}\n")
        made = version("".join(lines))
        self.put(received_file(self.config, origin), made)

    def put(self, path: Path, made: Any) -> None:
        path.parent.mkdir(exist_ok=True)
        recordfile.write(path, made)
        self.ticks += 1
        os.utime(path, (self.ticks + 2e9, self.ticks + 2e9))

    def fetch(self, name: str, text: str) -> Path:
        """Have a version of a member."""
        file = self.reloader.catalogs.brought.zones[name].file
        file.write_text(text)
        return file

    def build_one(self, job: Job) -> BuildResult:
        if not Path(job.file).is_file() or not Path(job.file).read_bytes().startswith(RECORDS):
            return super().build_one(job)
        name = images.new_name(job.origin)
        Path(job.images, name).write_text("catalog")
        images.seal(Path(job.images, name))
        sources = observe([job.file])
        serial = recordfile.read(Path(job.file)).serial
        return BuildResult(origin=job.origin, image=name, sources=sources, serial=serial)

    def turn(self) -> set[str]:
        """Have the catalogs looked at, and done what they say."""
        due = asyncio.run(self.reloader.catalogs.turn(self.reloader.rows, self.reloader.configured))
        if due:
            self.run(*due)
        return due

    def take(self, serial: int, members: str) -> set[str]:
        """Take a version of the catalog in."""
        self.fetch_catalog(serial, members)
        self.run(ORIGIN)
        return self.turn()

    def members(self) -> set[str]:
        return self.reloader.rows.keys() - {ORIGIN, "a."}


@pytest.fixture
def site(tmp_path: Path) -> CatalogSite:
    site = CatalogSite(tmp_path, a="1")
    site.run(DIRECTORY, EVERYTHING)
    return site


def test_members_are_zones_and_only_they_are_looked_at(site: CatalogSite) -> None:
    assert site.take(1, "b.=one c.=two") == {"b.", "c."}
    assert site.members() == {"b.", "c."}
    assert site.served()["b."] is None
    site.fetch("b.", "5")
    assert outcomes(site.run("b.")) == {"b.": "loaded"}
    assert site.take(2, "c.=two d.=three") == {"b.", "d."}
    assert "b." not in site.served()
    assert site.members() == {"c.", "d."}
    assert site.built == [["d."]] or not site.built


def test_members_are_served_at_the_next_start_before_anything_is_heard(site: CatalogSite) -> None:
    site.take(1, "b.=one")
    site.fetch("b.", "5")
    site.run("b.")
    assert brought_zones(site.config).keys() == {"b."}, "commands know, too"
    site.restart()
    site.run(DIRECTORY, EVERYTHING)
    assert site.served()["b."] == "5"


def test_a_member_with_another_label_goes_first_and_comes_back_empty(site: CatalogSite) -> None:
    site.take(1, "b.=one c.=two")
    old = site.fetch("b.", "5")
    site.run("b.")
    site.take(2, "b.=other c.=two")
    assert "b." not in site.reloader.rows, "it is answered no more"
    assert site.turn() == {"b."}
    assert site.served()["b."] is None
    assert site.reloader.rows["b."].file != old
    assert site.reloader.catalogs.brought.kept("b.") != old.name
    site.fetch("b.", "6")
    site.run("b.")
    assert site.served()["b."] == "6"


def test_a_member_with_another_label_has_no_earlier_data_after_a_crash(
    site: CatalogSite,
) -> None:
    """Control ends after the book was written, and before all else."""
    site.take(1, "b.=one c.=two")
    old = site.fetch("b.", "5")
    site.run("b.")
    books = catalogbook.read(site.state).books
    member = msgspec.structs.replace(books[ORIGIN].members["b."], label="other")
    books[ORIGIN].members["b."] = member
    (site.state / catalogbook.BOOKS).write_bytes(catalogbook.encode(books))
    site.begin()  # another control
    brought = site.reloader.catalogs.brought
    site.reloader.rows[ORIGIN].file = received_file(site.config, ORIGIN)
    site.reloader.rows["b."].file = old  # as images say that are no fakes
    site.reloader.rows["c."].file = brought.zones["c."].file
    assert site.turn() == {"b."}
    assert "b." not in site.served()
    assert site.turn() == {"b."}
    assert site.served()["b."] is None


def test_an_image_of_another_label_is_not_taken_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = Earlier(Stock(tmp_path))
    directory = tmp_path / "secondary"
    meta = Meta(
        builder="",
        origin="b.",
        file=str(directory / "b.one.records"),
        limits=Limits(),
        sources={},
        serial=1,
        records=1,
        findings=(),
    )
    monkeypatch.setattr(earlier, "_readable", lambda _: iter([("image", meta)]))
    monkeypatch.setattr(images, "check", lambda *_: None)
    same = BuildResult(origin="b.", sources={meta.file: None})
    assert earlier.in_place_of(same).image == "image"
    other = BuildResult(origin="b.", sources={str(directory / "b.two.records"): None})
    assert earlier.in_place_of(other).image is None
    edited = BuildResult(origin="b.", sources={str(tmp_path / "b.zone"): None})
    assert earlier.in_place_of(edited).image == "image", "a zone that is our own now goes on"


def test_a_broken_catalog_changes_nothing_and_is_said(
    site: CatalogSite,
) -> None:
    site.take(1, "b.=one")
    broken = version(HEAD.replace(" 7 ", " 8 ") + "one.zones PTR c.\n")
    site.put(received_file(site.config, ORIGIN), broken)
    site.run(ORIGIN)
    assert site.turn() == set()
    assert site.members() == {"b."}
    (problem,) = site.reloader.catalogs.problems
    assert problem.startswith(f"the catalog {ORIGIN} is not obeyed: it has no version property")
    assert site.take(3, "b.=one c.=two") == {"c."}
    assert site.reloader.catalogs.problems == []


def test_a_zone_of_the_configuration_is_never_displaced(site: CatalogSite) -> None:
    site.take(1, "a.=mine b.=one")
    assert site.served()["a."] == "1"
    assert site.reloader.catalogs.row(ORIGIN)["clashes"] == 1
    assert site.reloader.rows["a."].file == site.zones / "a.zone"
    brought = site.reloader.catalogs.brought
    assert not brought.transfers_of("a.").primaries, "the template is not for it"
    assert brought.kept("a.") == ""
    assert "catalog" not in site.reloader.catalogs.row("a.")
    site.write("b", "7")
    assert outcomes(site.run(DIRECTORY)) == {"b.": "loaded"}, "and one that comes later displaces"
    assert site.served()["b."] == "7"
    site.remove("b")
    site.run(DIRECTORY, forced=frozenset({"b."}))
    assert site.reloader.rows["b."].file.parent.name == "secondary"


def test_most_of_a_catalog_does_not_go_at_once(site: CatalogSite) -> None:
    site.take(1, "b.=one c.=two d.=three")
    assert site.take(2, "d.=three") == set()
    assert site.members() == {"b.", "c.", "d."}
    (problem,) = site.reloader.catalogs.problems
    assert "would have 2 of its 3 zones removed or reset (b., c.)" in problem
    assert f"dnsd reload --force {ORIGIN}" in problem
    site.restart()  # what is held is held over a restart
    site.run(DIRECTORY, EVERYTHING)
    site.turn()
    assert site.members() == {"b.", "c.", "d."}
    site.run(CONFIGURATION, ORIGIN, forced=frozenset({ORIGIN}))
    assert site.members() == {"d."}
    assert site.reloader.catalogs.problems == []


def test_an_order_for_one_zone_lets_only_that_go(site: CatalogSite) -> None:
    site.take(1, "b.=one c.=two d.=three")
    site.take(2, "")
    site.run(CONFIGURATION, "b.", forced=frozenset({"b."}))
    assert site.members() == {"c.", "d."}


def test_what_is_held_is_held_over_a_restart_though_little_of_it_is_left(
    site: CatalogSite,
) -> None:
    site.take(1, "b.=1 c.=2 d.=3 e.=4 f.=5")
    site.take(2, "b.=1")
    site.run(CONFIGURATION, "c.", "d.", "e.", forced=frozenset({"c.", "d.", "e."}))
    assert site.members() == {"b.", "f."}
    site.restart()
    site.run(DIRECTORY, EVERYTHING)
    site.turn()
    assert site.members() == {"b.", "f."}


def test_a_catalog_that_is_no_more_configured_keeps_its_zones_until_that_is_meant(
    site: CatalogSite,
) -> None:
    site.take(1, "b.=one~given c.=two")
    said = site.reloader.catalogs.brought.transfers_of("b.")
    assert said.notify_ns
    site.reloader.config = msgspec.structs.replace(site.config, catalog=(), template=())
    site.run(CONFIGURATION, EVERYTHING)
    assert site.members() == {"b.", "c."}
    assert site.reloader.catalogs.brought.transfers_of("b.").primaries == PEERS
    site.run(CONFIGURATION, EVERYTHING, forced=frozenset({EVERYTHING}))
    assert site.members() == set()


def test_a_group_says_which_template(site: CatalogSite) -> None:
    site.take(1, "b.=one c.=two~given")
    brought = site.reloader.catalogs.brought
    assert not brought.transfers_of("b.").notify_ns
    assert brought.transfers_of("c.").notify_ns
    before = brought.number
    site.take(2, "b.=one~given c.=two~given")
    assert brought.transfers_of("b.").notify_ns
    assert brought.number > before, "transfers are told"


def test_what_the_disk_refuses_is_not_obeyed(
    site: CatalogSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(consuming, "_write", refuse)
        assert site.take(1, "b.=one") == set()
    assert "cannot be written: No space left" in site.reloader.catalogs.problems[0]
    site.reloader.catalogs._known(ORIGIN).again_at = 0.0
    assert site.turn() == {"b."}


def test_a_damaged_book_is_said_and_members_come_from_the_catalog(site: CatalogSite) -> None:
    site.take(1, "b.=one")
    for name in (catalogbook.BOOKS, catalogbook.COPY):
        (site.state / name).write_bytes(b"{")
    site.restart()
    site.run(DIRECTORY, EVERYTHING)
    assert site.turn() == {"b."}


@pytest.mark.parametrize("name", [catalogbook.BOOKS, catalogbook.COPY])
def test_what_is_held_is_held_though_one_book_is_damaged_and_then_the_other(
    site: CatalogSite, name: str
) -> None:
    """The catalog does not name them any more: nothing else could tell."""
    site.take(1, "b.=one c.=two d.=three")
    site.take(2, "d.=three")
    for damaged in (name, *({catalogbook.BOOKS, catalogbook.COPY} - {name})):
        (site.state / damaged).write_bytes(b"{")
        site.restart()
        site.run(DIRECTORY, EVERYTHING)
        site.turn()
        assert site.members() == {"b.", "c.", "d."}
        (problem,) = site.reloader.catalogs.problems
        assert "would have 2 of its 3 zones removed or reset" in problem


def test_a_catalog_is_made_of_the_zones_here(tmp_path: Path) -> None:
    class Producer(CatalogSite):
        catalogs = (CATALOG, CatalogConfig(name="ours.", produce=True, exclude=("c.",)))

    site = Producer(tmp_path, a="1", c="1")
    site.run(DIRECTORY, EVERYTHING)
    site.take(1, "fetched.=one")
    file = produced_file(site.config, "ours.")

    def listed() -> set[str]:
        return {line.split()[2] for line in file.read_text().splitlines() if " PTR " in line}

    assert listed() == {"a."}
    site.write("b", "1")
    assert "ours." in outcomes(site.run(DIRECTORY))
    assert listed() == {"a.", "b."}
    for name in "abc":
        site.remove(name)
    site.run(DIRECTORY)
    assert listed() == {"a.", "b."}, "zones that are held are there"
    site.zones.rename(site.zones.with_name("away"))
    site.run(DIRECTORY)
    assert listed() == {"a.", "b."}, "a directory that is not there says nothing"
    site.restart()
    site.run(DIRECTORY, EVERYTHING)
    assert listed() == {"a.", "b."}, "nor does it at a start"


def test_what_has_expired_is_known_before_transfers_have_spoken(tmp_path: Path) -> None:
    site = CatalogSite(tmp_path, a="1")
    site.begin(zone=(ZoneFile(name="b.", primaries=PEERS), ZoneFile(name="c.", primaries=PEERS)))
    for name in ("b.", "c."):
        site.put(received_file(site.config, name), version(HEAD + VERSION))
    heard = received_file(site.config, "b.").with_suffix(".heard")
    heard.touch()
    for path in (heard, received_file(site.config, "b.")):
        os.utime(path, (1.0, 1.0))
    found = outcomes(site.run(DIRECTORY, EVERYTHING))
    assert found["b."] == "expired"
    assert found["c."] != "expired"
    assert site.publisher.published[apex_of("b.")] is Unanswered.EXPIRED
    assert site.served()["c."] is not None
