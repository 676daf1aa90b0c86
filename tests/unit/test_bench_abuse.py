"""The attacks of ``bench abuse``: what they send, and what is made of what came of them."""

from __future__ import annotations

import itertools
import os
import zlib
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import dns.name
import pytest

from bench import wire
from bench.abuse import zones
from bench.abuse.attacks import ATTACKS
from bench.abuse.ground import ground
from bench.abuse.honest import Client
from bench.abuse.run import cells
from bench.abuse.study import HEAD, Abuse, Cell, parts
from bench.study.progress import steps
from bench.study.results import About
from bench.tables import Table
from tests.conftest import needs
from tests.support import until

if TYPE_CHECKING:
    from pathlib import Path


def test_colliding_labels_are_different_names_of_one_crc() -> None:
    labels = list(itertools.islice(zones.labels(zones.HASH), 500))
    names = {dns.name.from_text(f"{label}.{zones.HASH}.").to_wire() for label in labels}
    assert len(names) == 500
    assert len({zlib.crc32(name) for name in names if name}) == 1


def test_questions_are_whole() -> None:
    message = dns.message.from_wire(
        wire.message("big.abuse.example", "TXT", 7, edns=True, dnssec=True)
    )
    assert message.id == 7
    assert str(message.question[0]) == "big.abuse.example. IN TXT"
    assert message.ednsflags & dns.flags.DO


def cell(**changes: int) -> Cell:
    figures = dict.fromkeys(
        ("tcp_asked", "tcp_answered", "octets_in", "octets_out", "memory_before", "ended"), 0
    )
    whole = {**figures, "asked": 10, "answered": 8, "sent": 100, "memory_after": 1 << 20, **changes}
    return Cell(attack="one query", server="dnsd", cpu=0.5, **whole)


def test_the_report_tells_what_was_lost_and_amplified() -> None:
    about = About(created="", command="", machine={}, versions={})
    found = [cell(octets_in=10, octets_out=35), cell()]
    study = Abuse(kind="abuse", about=about, words={"one query": "again"}, cells=found)
    table = parts(study)[1]
    assert isinstance(table, Table)
    first, second = (dict(zip(HEAD, row, strict=True)) for row in table.rows)
    assert first["UDP lost"] == "2 of 10"
    assert first["octets out/in"] == "3.50"
    assert second["octets out/in"] == ""


@needs("ip", "dnssec-signzone")
@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
def test_a_flood_costs_the_honest_nothing_and_the_forged_little(tmp_path: Path) -> None:
    """The query with the largest answer, from one network: without limits, 26 times as much."""
    flood = next(attack for attack in ATTACKS if attack.name == "one query")
    with steps() as told:
        (found,) = cells([flood], ["dnsd"], 1.0, tmp_path, told)
    assert found.answered == found.asked > 0
    assert found.ended == 0
    assert found.sent > 1000
    assert found.factor is not None
    assert 0.5 < found.factor < 13


@needs("ip")
@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
def test_without_a_server_everything_is_lost() -> None:
    with ground() as made, Client(made) as client:
        until(lambda: client.udp[0] and client.tcp[0], "a query over UDP and one over TCP")
    assert client.udp[1] == client.tcp[1] == 0
