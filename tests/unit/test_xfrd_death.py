"""kill -9 at each step of receiving, updating, journaling and publishing: the old or the new zone.

What a successor finds is one of them, whole; and it goes on from there.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from dnsd.config import Limits, ZoneTransfers
from dnsd.config.transfers import UpdateRight
from dnsd.transfer import ipc
from dnsd.versions import recordfile
from dnsd.versions.difference import apply
from dnsd.xfrd.keptzone import KeptZone
from dnsd.xfrd.updatedfile import Unjudged, UpdatedFile, taken_over
from tests.dying import deaths
from tests.unit.test_build_versions import build, zone
from tests.unit.test_xfrd_parts import ZONE, take, version

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.versions.version import ZoneVersion

FILE = "$TTL 60\n@ SOA ns h 1 3600 600 86400 300\n@ NS ns\nns A 192.0.2.1\n"
READING = ((), Limits())


def test_what_is_received_is_there_or_what_was_before(tmp_path: Path) -> None:
    kept = KeptZone(tmp_path / "state" / "a.records")
    kept.write(version(1))
    found = []
    for _ in deaths(kept.path.parent, lambda: kept.write(version(2))):
        now = kept.read()
        assert now in {version(1), version(2)}
        found.append(now)
        kept.write(version(2))
        assert kept.read() == version(2)
    assert {*found} == {version(1), version(2)}


def test_what_is_served_is_on_the_way_to_what_comes_next(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    take(directory, 1, 2)
    for _ in deaths(directory, partial(take, directory, 3)):
        archived = take(directory, 4).zones[ZONE]
        chain = archived.journal.since(1, 4)
        assert chain is not None
        made = version(1)
        for difference in chain:
            made = apply(difference, made)
        assert made == version(4)


def updated(directory: Path) -> UpdatedFile:
    right = UpdateRight(key="k.", below=("@",), types=("A",))
    transfers = ZoneTransfers(file=directory / "zone", update=(right,))
    return UpdatedFile(ipc.ZoneTold(zone=ZONE, transfers=transfers), directory)


async def update(directory: Path, made: ZoneVersion, why: str) -> None:
    """Do an update as the part does, of which control says ``why`` it is not loaded."""
    one = updated(directory)
    one.write(made)
    one.unjudged = Unjudged(made.serial)
    one.unjudged.verdict.set_result(why)
    one.apply_verdict()


async def go_on(directory: Path, made: ZoneVersion, why: str) -> ZoneVersion | None:
    """Return what a successor comes to, with what control says of what it finds."""
    one = updated(directory)
    if one.unjudged is not None:
        one.unjudged.verdict.set_result(why if one.unjudged.serial == made.serial else "")
        one.apply_verdict()
    assert not one.served.is_held
    return one.served.read()


@pytest.mark.parametrize("why", ["", "it would have no name server"])
def test_an_update_is_there_or_not_and_never_is_one_that_is_refused(
    tmp_path: Path, why: str
) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    KeptZone(directory / "x").write(version(1))
    one = updated(directory)
    one.served.write(version(1))
    found = set()
    for _ in deaths(directory, lambda: asyncio.run(update(directory, version(2), why))):
        found.add(asyncio.run(go_on(directory, version(2), why)))
    assert found == ({version(1)} if why else {version(1), version(2)})


def edit(directory: Path) -> None:
    one = updated(directory)
    taken_over(one, one.look(READING))


def test_an_edit_is_taken_over_once(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    (directory / "zone").write_text(FILE)
    edit(directory)
    one = updated(directory)
    base = one.served.read()
    assert base is not None
    (directory / "zone").write_text(FILE.replace("h 1 ", "h 2 ") + "update A 192.0.2.2\n")
    edit(directory)  # the same as by an update: then the file is as it was
    one.base.write(base)
    (directory / "zone").write_text(FILE.replace("ns A", "other A 192.0.2.3\nns A"))
    expected, found = None, set()
    for _ in deaths(directory, partial(edit, directory)):
        found.add(one.served.read())
        edit(directory)
        now = one.served.read()
        assert expected is None or now == expected
        expected = now
    assert expected is not None
    assert len(found) == 2
    assert {record.owner[:4] for record in expected} >= {b"\x06upd", b"\x05oth"}


def test_a_serial_never_stands_for_two_contents(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    publish = partial(build, directory, serial="increment", is_given=True)
    publish(zone(1, "a A 192.0.2.1"))
    for _ in deaths(directory, partial(publish, zone(1, "a A 192.0.2.2"))):
        publish(zone(1, "a A 192.0.2.3"))
        contents: dict[int, set[bytes]] = {}
        for path in (directory / "versions").glob("*.records"):
            if not path.name.startswith("."):
                one = recordfile.read(path)
                contents.setdefault(one.serial, set()).add(bytes(one.octets))
        assert contents
        assert all(len(found) == 1 for found in contents.values())
