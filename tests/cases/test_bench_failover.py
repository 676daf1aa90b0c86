"""A whole failover study, too short to mean anything: every step of it is taken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.failover.results import FailoverStudy
from bench.lab import namespaces
from bench.study.results import load
from tests.conftest import CI


@pytest.mark.needs("ip", "nsd", "haproxy", "unbound")
def test_users_of_a_script_and_of_a_proxy_are_counted(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        if CI:
            pytest.fail("the study needs root, and in CI nothing may be missing")
        pytest.skip("the study needs root")
    output = tmp_path / "failover.json"
    done = CliRunner().invoke(main, ["failover", "--sweep", "smoke", "--output", str(output)])
    assert done.exit_code == 0, done.output
    script, proxy = load(output, FailoverStudy).cells
    assert 0 < script.lost < script.sent
    assert script.outcomes.get("refused"), "nobody listens where the service was"
    assert script.verdicts[0].flip_s is not None
    assert script.verdicts[0].flips >= 2, "there and back"
    assert (script.seen, proxy.seen) == (1.0, 0.0), "a proxy hides the users' addresses"
    assert proxy.parts.carries == ["haproxy"]
    assert not list(namespaces.NAMED.glob(f"dnsdfo-{os.getpid()}-*"))
