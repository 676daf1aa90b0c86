"""bench dig and bench retry-storm with real servers, too short to mean anything."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.dig.stand import stand
from bench.dig.study import Check
from bench.resolvers import RECURSOR, UNBOUND
from bench.storm import scene
from bench.storm.kind import KIND
from bench.storm.scene import Plan, Scene
from bench.storm.study import Storms
from bench.study import progress, results

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.mark.needs("dig", "unbound", "stdbuf")
def test_dig_checks_its_own_servers(tmp_path: Path) -> None:
    output = tmp_path / "dig.json"
    with stand() as own:
        server = ["--server", f"127.0.0.1:{own.port}", "--zone", str(own.zone)]
        bounds = ["--busy-ok", "--seconds", "4", "--count", "20", "--interval", "0.5"]
        watch = ["--watch", own.watched[0]]
        command = ["dig", *server, *bounds, *watch, "--output", str(output)]
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output
        wrong = tmp_path / own.zone.name
        wrong.write_text(own.zone.read_text().replace(" A 10.0.0.", " A 10.9.9."))
        server[-1] = str(wrong)
        faulty = CliRunner().invoke(main, ["dig", *server, *bounds, "--output", str(output)])
        against = ["--against", server[1], "--queries", str(_queries(tmp_path))]
        alike = CliRunner().invoke(
            main, ["dig", *server[:2], *against, *bounds, "--output", str(output)]
        )
    assert faulty.exit_code == 1
    assert "instead of 10.9.9." in faulty.output
    assert alike.exit_code == 0, alike.output


def _queries(directory: Path) -> Path:
    path = directory / "queries"
    path.write_text("h1.dig.example A\nalias.dig.example A\nno.dig.example A\n")
    return path


@pytest.mark.needs("dig", "stdbuf")
def test_a_server_that_is_not_there_is_missing(tmp_path: Path) -> None:
    output = tmp_path / "dig.json"
    command = [
        "dig",
        "--busy-ok",
        "--seconds",
        "4",
        "--server",
        "127.0.0.1:1",
        "--queries",
        str(_queries(tmp_path)),
    ]
    done = CliRunner().invoke(main, [*command, "--timeout", "1", "--output", str(output)])
    assert done.exit_code == 1
    found = results.load(output, Check)
    assert [(each.asked, each.missing) for each in found.answers] == [(3, 3), (3, 3)]
    assert "refused" in found.faults[0].why
    assert found.times
    assert all(each.lost == each.asked and each.p50 is None for each in found.times)


@pytest.mark.needs("stdbuf")
def test_a_program_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "dig"
    program.write_text("#!/bin/sh\necho 'dig: parse of /etc/resolv.conf failed'; exit 9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    command = ["dig", "--busy-ok", "--server", "127.0.0.1", "--queries", str(_queries(tmp_path))]
    done = CliRunner().invoke(main, [*command, "--watch", "h1.dig.example"])
    assert done.exit_code == 1
    assert "dig ended with 9: dig: parse of /etc/resolv.conf failed" in done.output


@ROOT
@pytest.mark.needs("unbound", "ip")
def test_a_storm_is_counted_while_nobody_answers(tmp_path: Path) -> None:
    recursor = ((RECURSOR, 1),) if shutil.which("pdns_recursor") else ()
    plan = Plan(
        resolvers=((UNBOUND, 1), *recursor),
        user_rate=40,
        caches=20,
        cache_rate=200,
        names=10,
        zipf=1,
        before=1,
        outage=2,
        after=2,
        seed=1,
        patience=0.5,
        lead=0.2,
    )
    with progress.steps() as steps:
        storm = scene.run(plan, Scene(1, "vanished"), steps)
    names = ["Unbound", *(kind.name for kind, _ in recursor), "patient", "eager"]
    assert [group.group for group in storm.groups] == names
    for group in storm.groups:
        assert len(group.udp) == plan.seconds
        assert group.udp[1] + group.udp[2] > 0, "it is counted while nobody answers"
        assert sum(group.answered) > 0
        assert sum(group.failed) > 0
    study = Storms(kind=KIND.name, about=results.about({}), words={}, storms=[storm])
    written = KIND.write(study, tmp_path / "storm.json")
    assert all(path.stat().st_size for path in written)
