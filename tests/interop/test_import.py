"""What ``dnsd import`` makes of the configurations of NSD, BIND, Knot and gdnsd answers as they do.

Each server runs with its configuration; dnsd takes that over, and is asked the same.
"""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dns.name
import dns.rdatatype
import pytest
from click.testing import CliRunner
from dns.rdatatype import AAAA, CNAME, MX, NS, SOA, SRV, TXT, A

from dnsd import config
from dnsd.cli import main
from tests.conftest import needs
from tests.interop.exchange import Ask, Tcp, normal
from tests.interop.imported import (
    ZONES,
    Importable,
    ImportableBind,
    ImportableGdnsd,
    ImportableKnot,
    ImportableNsd,
    Successor,
    zone_files,
)
from tests.interop.peers import HOST
from tests.support import until

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = (
    *("", "ns1.", "ns2.", "mail.", "www.", "web.", "_sip._tcp.", "text.", "deep.below.empty."),
    *("empty.", "x.wild.", "wild.", "nowhere.", "sub.", "below.sub.", "ns.sub."),
)
POOLS = ("multi.", "both.", "fo.", "both-down.", "inner.", "alias.inner.")
TYPES = (A, AAAA, MX, TXT, CNAME, SRV, NS, SOA)


def asks(names: tuple[str, ...]) -> list[Ask]:
    return [
        Ask(dns.name.from_text(f"{name}{zone}."), rtype, do=False)
        for zone in ZONES
        for name in names
        for rtype in TYPES
    ]


def imported(peer: Importable, to: Path, status: int) -> dict[str, Any]:
    """Run ``dnsd import`` and ``dnsd check``; return what the first one says."""
    done = CliRunner().invoke(main, ["import", "--json", str(peer.source), "--to", str(to)])
    assert done.exit_code == status, done.output
    checked = CliRunner().invoke(main, ["check", "--config", str(to / "dnsd.toml")])
    assert checked.exit_code == 0, checked.output
    said: dict[str, Any] = json.loads(done.output)
    return said


@contextlib.contextmanager
def beside(peer: Importable, made: Path, directory: Path) -> Iterator[tuple[Tcp, Tcp]]:
    """Start dnsd with what was made of the peer's configuration; yield a way to each."""
    with (
        Successor(directory, made, peer) as ours,
        Tcp(HOST, peer.port) as theirs,
        Tcp(HOST, ours.port) as own,
    ):
        yield theirs, own


def same(theirs: Tcp, own: Tcp, names: tuple[str, ...]) -> None:
    """Compare what both answer; what else they add is each server's own."""
    for ask in asks(names):
        one, other = (normal(way.ask(ask.to_wire())) for way in (theirs, own))
        assert (one.rcode, one.aa, one.answer) == (other.rcode, other.aa, other.answer), str(ask)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        pytest.param(ImportableNsd, 0, marks=needs("nsd")),
        pytest.param(ImportableBind, 4, marks=needs("named")),
        pytest.param(ImportableKnot, 0, marks=needs("knotd")),
    ],
)
def test_it_answers_as_before(kind: type[Importable], status: int, tmp_path: Path) -> None:
    with kind(tmp_path / "peer", zone_files(tmp_path / "zones")) as peer:
        made = tmp_path / "made"
        said = imported(peer, made, status)
        assert said["zones"] == ["fetched.test.", "first.test.", "second.test."]
        given = config.load(made / "dnsd.toml")
        (key,) = given.key
        assert key.name == "xfr.test."
        (fetched,) = (zone for zone in given.zone if zone.primaries)
        primary = fetched.primaries[0]
        assert (primary.address, primary.port, primary.key) == ("192.0.2.8", 5300, "xfr.test.")
        with beside(peer, made, tmp_path / "ours") as (theirs, own):
            same(theirs, own, NAMES)


def test_bind_told_everyone_what_dnsd_tells_nobody(tmp_path: Path) -> None:
    peer = ImportableBind(tmp_path / "peer", zone_files(tmp_path / "zones"))
    peer.directory.mkdir()
    peer.configure()
    notes = imported(peer, tmp_path / "made", 4)["notes"]
    open_notes = [note["what"] for note in notes if note["is_open"]]
    assert open_notes == [f"zone {zone} without allow-transfer" for zone in ZONES]


def answers(way: Tcp, name: str, rtype: dns.rdatatype.RdataType) -> set[str]:
    """Return the records of that name, without TTLs, which depend on what checks say.

    gdnsd does not follow aliases.
    """
    asked = f"{name}{ZONES[0]}."
    ask = Ask(dns.name.from_text(asked), rtype, do=False)
    records = (record.split(" ", 2) for record in normal(way.ask(ask.to_wire())).answer)
    return {f"{owner} {rest}" for owner, _, rest in records if owner == asked}


@needs("gdnsd")
def test_pools_of_gdnsd_answer_as_before(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as service:
        peer = ImportableGdnsd(tmp_path / "peer", dict.fromkeys(ZONES, tmp_path))
        peer.checked_port = service.getsockname()[1]
        with peer:
            made = tmp_path / "made"
            notes = imported(peer, made, 0)["notes"]
            assert [note["what"] for note in notes] == ["run_dir"]
            with beside(peer, made, tmp_path / "ours") as (theirs, own):
                same(theirs, own, tuple(name for name in NAMES if name != "www."))
                for name in POOLS:
                    for rtype in (A, AAAA, MX):
                        wanted = answers(theirs, name, rtype)
                        until(lambda: answers(own, name, rtype) == wanted)  # noqa: B023
                drawn = [
                    {*(answers(way, "cdn.", A).pop() for _ in range(40))} for way in (theirs, own)
                ]
                assert drawn[0] == drawn[1]
                assert len(drawn[0]) == 2
