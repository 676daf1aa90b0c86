"""Whole studies, too short to mean anything: every step of them is taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.study import results
from bench.ttl.results import TtlStudy


@pytest.mark.needs("unbound", "pdns_recursor")
def test_ttl_and_the_plan_that_is_made_from_it(tmp_path: Path) -> None:
    path = tmp_path / "ttl.json"
    size = ["--short", "--seconds", "2", "--trip", "5", "--hours", "0.2", "--load-seconds", "0.1"]
    what = ["--ttl", "0", "--ttl", "1", "--ttl", "300", "--profile", "plain"]
    done = CliRunner().invoke(main, ["ttl", *size, *what, "--output", str(path)])
    assert done.exit_code == 0, done.output
    study = results.load(path, TtlStudy)
    kinds = ("unbound", "pdns-recursor")
    assert [(p.kind, p.ttl) for p in study.real] == [(k, t) for k in kinds for t in (0, 1)]
    assert all(point.lookups and not point.lost and point.asks for point in study.real)
    # All that passed was counted by dnsd: the way loses and invents nothing.
    assert study.seen == study.counted > 0
    assert (
        [point.ttl for point in study.simulated] == [load.ttl for load in study.load] == [0, 1, 300]
    )
    assert all(load.wrong == load.lost == 0 for load in study.load)
    assert "Real resolvers" in path.with_suffix(".md").read_text()

    chosen = ["--qps-budget", "8", "--rto", "60s", "--from", str(path)]
    planned = tmp_path / "plan.json"
    done = CliRunner().invoke(main, ["plan", *chosen, "--output", str(planned)])
    assert done.exit_code == 0, done.output
    assert "keep" in done.output


def test_an_unknown_resolver_is_a_sentence() -> None:
    done = CliRunner().invoke(main, ["ttl", "--resolver", "djbdns=1"])
    assert done.exit_code == 1
    assert "--resolver djbdns=1: write a kind and how many of it" in done.output
