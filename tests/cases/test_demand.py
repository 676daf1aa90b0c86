"""A node keeps which caches ask for what: on all workers, over kills, on and off by a reload."""

from __future__ import annotations

import json
import os
import signal
import socket

import pytest

from dnsd.cli.demand import counted_by_node
from dnsd.ttladvice.demand import DemandFile, read
from tests.packets import query
from tests.support import Node, start_dnsd, until, zone

ZONES = {"demand.example": zone(1, "www 120 A 192.0.2.1", "mail A 192.0.2.2")}
ON = "\n[demand]\nenabled = true\n"
SOURCES = 12


def ask(node: Node, *names: str) -> None:
    """Ask each of ``names`` from many addresses, whose queries come to any of the workers."""
    for number in range(SOURCES):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((f"127.0.2.{number + 1}", 0))
            sock.settimeout(10)
            for name in names:
                sock.sendto(query(name), ("127.0.0.1", node.port))
                sock.recv(65535)


def counting(node: Node) -> bool:
    return bool(node.status()["demand"])


def told(node: Node, *options: str) -> DemandFile:
    """Return what ``dnsd demand --json`` writes, as dnsd rto reads it."""
    file = node.config.with_name("demand.json")
    file.write_text(command(node, "--json", *options))
    return read(file)


def command(node: Node, *options: str) -> str:
    return node.run("demand", "--config", str(node.config), *options).stdout


def caches(found: DemandFile) -> dict[tuple[str, str, float], float]:
    return {(one.name, one.kind, one.ttl): sum(g.count for g in one.caches) for one in found.rrsets}


def test_what_workers_have_counted_is_one_demand_file(monkeypatch: pytest.MonkeyPatch) -> None:
    with start_dnsd(ZONES, workers=2, tail=ON) as dnsd:
        until(lambda: counting(dnsd), "a window to begin")
        ask(dnsd, "www.demand.example.", "WWW.demand.example.", "nope.demand.example.")
        found = told(dnsd)
        assert caches(found) == {("www.demand.example.", "data", 120.0): SOURCES}
        assert f"{2 * SOURCES} queries that a node has counted" in found.words
        assert f"from {SOURCES} sources in 1 networks" in found.words
        assert f"{SOURCES} more queries were for names that are not" in found.words
        line = command(dnsd, "--csv").splitlines()[0]
        assert line == "name,type,rate,caches,ttl,kind,sources"
        shown = " ".join(command(dnsd).split())
        assert f"www.demand.example. A 120 {SOURCES} " in shown
        assert "127.0.2." not in shown + json.dumps(dnsd.admin("demand"))
        monkeypatch.setenv("STATE_DIRECTORY", dnsd.environ["STATE_DIRECTORY"])
        own, seconds = counted_by_node(dnsd.config)
        assert caches(own) == caches(found)
        assert seconds > 0
        before = dnsd.status()["workers"][0]["pid"]
        os.kill(before, signal.SIGKILL)
        until(lambda: dnsd.status()["workers"][0]["pid"] not in (0, before), "a new worker")
        assert caches(told(dnsd)) == caches(found)


def test_counting_begins_and_ends_with_a_reload() -> None:
    with start_dnsd(ZONES, tail="") as dnsd:
        refused = dnsd.run("demand", "--config", str(dnsd.config))
        assert (refused.returncode, 'set "enabled = true" in [demand]' in refused.stderr) == (
            1,
            True,
        )
        plain = dnsd.config.read_text()
        dnsd.config.write_text(plain + ON)
        assert dnsd.run("reload", "--config", str(dnsd.config)).returncode == 0
        until(lambda: counting(dnsd), "a window to begin")
        ask(dnsd, "www.demand.example.")
        dnsd.config.write_text(plain)
        assert dnsd.run("reload", "--config", str(dnsd.config)).returncode == 0
        until(lambda: not counting(dnsd), "the window to end")
        ask(dnsd, "mail.demand.example.")
        assert caches(told(dnsd)) == {("www.demand.example.", "data", 120.0): SOURCES}
