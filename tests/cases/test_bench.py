"""A whole measurement, too short to mean anything: every step of it is taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import results
from bench.__main__ import main


@pytest.mark.needs("dnsperf", "nsd", "cc")
def test_two_peers_are_measured_and_reported(tmp_path: Path) -> None:
    output = tmp_path / "run.json"
    size = ["--names", "200", "--queries", "1000", "--rounds", "2", "--seconds", "0.2"]
    what = ["--peer", "nsd", "--peer", "floor", "--mix", "mixed", "--reference", "nsd"]
    done = CliRunner().invoke(main, ["peers", *size, *what, "--output", str(output)])
    assert done.exit_code == 0, done.output
    report = results.load(output)
    assert [(s.server, s.round) for s in report.samples] == [
        ("nsd", 1),
        ("floor", 1),
        ("floor", 2),
        ("nsd", 2),
    ]
    assert all(s.qps > 0 and s.cpu_us > 0 and s.wrong == 0 for s in report.samples)
    assert all(s.pss > 0 and s.seconds > 0 for s in report.starts)
    assert "| nsd |" in output.with_suffix(".md").read_text()
    shown = CliRunner().invoke(main, ["show", str(output)])
    assert "CPU per query" in shown.output


@pytest.mark.needs("dnsperf")
def test_a_server_that_cannot_start_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("nsd", "dnsperf"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho 'version 0'; echo 'no such zone' >&2; exit 3\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    arguments = ["peers", "--names", "10", "--queries", "10", "--rounds", "2", "--peer", "nsd"]
    output = tmp_path / "run.json"
    done = CliRunner().invoke(main, [*arguments, "--output", str(output)])
    assert done.exit_code == 1
    assert "nsd exited with 3: version 0\nno such zone" in results.load(output).skipped["nsd"]
