"""Whole studies, too short to mean anything: every step of them is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from bench import verify
from bench.__main__ import main
from bench.peers import PEERS
from bench.peers.base import Setup
from bench.plan.results import PlanStudy
from bench.server import Server
from bench.study import results
from bench.ttl import names
from bench.ttl.results import LATE_S, TtlStudy

if TYPE_CHECKING:
    from pathlib import Path

SHORT = ["--busy-ok", "--seconds", "2", "--outage", "1", "--trip", "5"]


@pytest.mark.needs("unbound", "pdns_recursor")
def test_ttl_and_the_plan_that_is_made_from_it(tmp_path: Path) -> None:
    path = tmp_path / "ttl.json"
    what = ["--short", "--ttl", "0", "--ttl", "300", "--profile", "plain", "--hours", "0.2"]
    command = ["ttl", *SHORT, *what, "--output", str(path)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    study = results.load(path, TtlStudy)
    cells = study.of("real")
    assert [(cell.first.kind, cell.first.ttl) for cell in cells] == [
        (kind, ttl) for kind in ("unbound", "pdns-recursor") for ttl in (0, 300)
    ]
    assert all(cell.asks for cell in cells)
    # The dots of a plan say which are real; what a busy machine has disturbed is none.
    real = [cell.first.kind for cell in cells if cell.late <= LATE_S]
    assert [dot.kind for dot in study.dots()] == [*real, "simulated", "simulated"]
    # What is found is said where it was asked for.
    assert "Resolvers beside what is documented of them" in done.output
    assert "wrong caches" in done.output

    chosen = ["--qps-budget", "8", "--rto", "60s", "--from", str(path)]
    planned = tmp_path / "plan.json"
    done = CliRunner().invoke(main, ["plan", *chosen, "--output", str(planned)])
    assert done.exit_code == 0, done.output
    assert "keep" in done.output
    assert [dot.kind for dot in results.load(planned, PlanStudy).dots] == real


@pytest.mark.needs("unbound")
def test_any_server_is_measured_with_what_it_was_asked(tmp_path: Path) -> None:
    zone, log, path = tmp_path / "zone", tmp_path / "log.csv", tmp_path / "ttl.json"
    names.write_zone(zone, [1, 2], 2)
    owners = [names.owner(number, ttl) for ttl in (1, 2) for number in range(2)]
    rows = [
        f"{1000 + 0.25 * number},192.0.2.{number % 7},{owners[number % 4]},A"
        for number in range(200)
    ]
    log.write_text("\n".join(["time,source,name,type", *rows, ""]))
    setup = Setup(tmp_path, names.ORIGIN, zone, verify.free_port())
    with Server(PEERS["dnsd"], setup, (0,)) as server:
        server.wait(names.proof())
        where = f"127.0.0.1:{setup.port}"
        given = ["--server", where, "--zone", names.ORIGIN, "--demand", str(log)]
        # dnsd itself stands for a resolver of the operator's that is asked directly.
        asked = ["--resolver", "unbound", "--resolver", where, "--output", str(path)]
        done = CliRunner().invoke(main, ["ttl", *SHORT, "--no-habits", *given, *asked])
        nothing = ["--server", where, "--zone", "other.example", "--demand", str(log)]
        none = CliRunner().invoke(main, ["ttl", *SHORT, *nothing])
    assert done.exit_code == 0, done.output
    study = results.load(path, TtlStudy)
    assert [(cell.first.kind, cell.first.ttl) for cell in study.of("real")] == [
        ("unbound", 1),
        ("unbound", 2),
    ]
    assert all(point.asks for point in study.points)
    assert [own.address for own in study.own] == [where]
    assert study.own[0].lookups > study.own[0].asks > 0
    assert none.exit_code == 1
    assert "has no data for anything" in none.output
