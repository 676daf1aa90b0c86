"""Which configuration and which node a command speaks of, and what it says if there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsd.cli import main
from dnsd.cli.console import SafeConsole
from dnsd.cli.tables import table
from dnsd.cli.waiting import goes_on
from dnsd.config import paths


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DNSD_CONFIG", raising=False)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr(paths, "CONFIGURATION", tmp_path / "etc" / "dnsd.toml")


def write(path: Path, state: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'[server]\nstate_directory = "{state}"\n[zones]\ndirectory = "{state}"\n')


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_the_machines_configuration_is_taken_where_it_is(tmp_path: Path) -> None:
    write(paths.CONFIGURATION, tmp_path / "own")
    told = run("status")
    assert told.exit_code == 3
    assert f"nothing listens on {tmp_path}/own/admin.sock" in told.output
    assert "configuration of another node" not in told.output


def test_a_configuration_that_is_named_comes_first(tmp_path: Path) -> None:
    write(paths.CONFIGURATION, tmp_path / "own")
    other = tmp_path / "other.toml"
    write(other, tmp_path / "other")
    assert f"{tmp_path}/other/admin.sock" in run("status", "--config", str(other)).output


def test_without_one_it_says_which_node_it_looked_for(tmp_path: Path) -> None:
    told = run("status")
    assert told.exit_code == 3
    assert f"nothing listens on {tmp_path}/state/admin.sock (there is no {tmp_path}" in told.output


def test_what_is_about_the_example_zones_says_so() -> None:
    told = run("explain", "www.example.com")
    assert told.exit_code == 0
    assert told.stderr.startswith("dnsd: no configuration: this is about the example zones in /")


def test_a_file_that_is_named_is_checked_alone() -> None:
    """The machine's configuration may be broken: that is not the question."""
    paths.CONFIGURATION.parent.mkdir()
    paths.CONFIGURATION.write_text("broken")
    file = str(Path(__file__).parents[2] / "zones" / "example.com.zone")
    assert run("check", file).exit_code == 0
    assert run("check").exit_code == 1
    assert run("check", "--config", str(paths.CONFIGURATION), file).exit_code == 1


def test_one_that_may_not_be_looked_at_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, **_: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refused)
    assert paths.configuration() == paths.CONFIGURATION


def test_no_name_is_split_for_a_program(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    name = ".".join(["a" * 60] * 4) + "."
    shown = table("name", "type", "why")
    shown.add_row(name, "A", "because " * 40)
    SafeConsole().print(shown)
    _, line, *more = capsys.readouterr().out.splitlines()
    assert name in line
    assert more == []


def test_who_interrupts_is_told_what_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, goes_on("the drain goes on"):
        raise KeyboardInterrupt
    assert ended.value.code == 1
    assert capsys.readouterr().err == "dnsd: interrupted: the drain goes on\n"
