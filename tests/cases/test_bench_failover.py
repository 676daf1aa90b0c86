"""A whole failover study, too short to mean anything: every step of it is taken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.failover import carrying, files
from bench.failover.results import FailoverStudy
from bench.lab import namespaces
from bench.study.results import load
from tests.conftest import CI


@pytest.mark.needs("ip", "nsd", "haproxy", "unbound")
def test_users_of_a_script_and_of_a_proxy_are_counted(tmp_path: Path) -> None:
    _need_root()
    output = tmp_path / "failover.json"
    words = ["failover", "--busy-ok", "--sweep", "smoke", "--output", str(output)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    script, proxy = load(output, FailoverStudy).cells
    assert 0 < script.lost < script.sent
    assert script.outcomes.get("refused"), "nobody listens where the service was"
    assert script.verdicts[0].flip_s is not None
    assert script.verdicts[0].flips >= 2, "there and back"
    assert (script.seen, proxy.seen) == (1.0, 0.0), "a proxy hides the users' addresses"
    assert proxy.parts.carries == ["haproxy"]
    assert not list(namespaces.NAMED.glob(f"dnsdfo-{os.getpid()}-*"))


@pytest.mark.needs("ip", "nsd", "haproxy", "unbound", "bird")
def test_users_of_two_directors_are_seen_and_nothing_is_in_their_way(tmp_path: Path) -> None:
    _need_root()
    output = tmp_path / "failover.json"
    words = ["failover", "--busy-ok", "--sweep", "short", "--stack", "farm-directors"]
    done = CliRunner().invoke(main, [*words, "--output", str(output)])
    assert done.exit_code == 0, done.output
    (found,) = load(output, FailoverStudy).cells
    assert found.seen == 1.0
    assert found.parts.carries == []
    assert found.lost < found.sent / 10
    assert not list(namespaces.NAMED.glob(f"dnsdfo-{os.getpid()}-*"))


@pytest.mark.needs("ip", "nsd", "haproxy", "nginx", "bird", "dnsperf")
@pytest.mark.skipif(not CI and not files.STREAM.exists(), reason="needs libnginx-mod-stream")
def test_what_carrying_costs_is_measured() -> None:
    _need_root()
    rows = carrying.measure(carrying.BRIEF)
    ways = [(row.transport, row.way) for row in rows]
    assert ways == [
        *(("udp", way) for way in ("direct", "directors", "nginx")),
        *(("tcp", way) for way in ("direct", "directors", "haproxy")),
    ]
    assert all(cost > 0 for row in rows for cost in row.whole)


def _need_root() -> None:
    if os.geteuid() != 0:
        if CI:
            pytest.fail("the study needs root, and in CI nothing may be missing")
        pytest.skip("the study needs root")
