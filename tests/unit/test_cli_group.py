"""The group of commands: names, lazy loading, and how errors end a command."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import dnsd
from dnsd import cli
from dnsd.errors import AdminError, ConfigError, DnsdError, NotRunning

COMMANDS = [
    *("serve", "check", "explain", "status", "zones", "stats", "reload", "zone"),
    *("config", "restart", "upgrade", "stop", "top", "querylog", "log-level"),
    *("failover", "rto", "demand", "horizon", "declare"),
    *("anycast", "drain", "undrain", "withdraw", "announce", "balance", "backend"),
    *("import", "bird-config"),
    "version",
]


def test_help_names_the_commands_in_order() -> None:
    result = CliRunner().invoke(cli.main, ["--help"])
    assert result.exit_code == 0
    listed = result.stdout.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in listed] == COMMANDS


def test_an_address_that_is_none_is_wrong_usage() -> None:
    for given in (["127.0.0.1:53x"], ["127.0.0.1:53", "127.0.0.1:53"]):
        words = [word for one in given for word in ("--listen", one)]
        result = CliRunner().invoke(cli.main, ["serve", *words])
        assert result.exit_code == 2
        assert given[0] in result.output


def test_nothing_is_wrong_usage_and_shows_help() -> None:
    result = CliRunner().invoke(cli.main, [])
    assert result.exit_code == 2
    assert "Commands:" in result.output


def test_an_unknown_command() -> None:
    result = CliRunner().invoke(cli.main, ["srve"])
    assert result.exit_code == 2
    assert "No such command 'srve'" in result.stderr


@pytest.mark.parametrize("name", ["check", "explain", "version"])
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(cli.main, [name, "-h"])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main {name} ")


def test_help_and_version_load_no_command() -> None:
    script = (
        "import sys\nfrom dnsd.cli import main\n"
        "main(['--help'], standalone_mode=False)\nmain(['version'], standalone_mode=False)\n"
        "heavy = {'rich', 'dns', 'uvloop', 'asyncio', 'pyroute2', 'dnsd.zone', 'dnsd.compile'}\n"
        "sys.exit(' '.join(sorted(heavy & sys.modules.keys())) or 0)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("error", "exit_code", "shown"),
    [
        (DnsdError("the disk is full"), 1, "dnsd: the disk is full\n"),
        (AdminError("no such zone"), 1, "dnsd: no such zone\n"),
        (NotRunning("no node answers"), 3, "dnsd: no node answers\n"),
        (ConfigError(["a: b", "c: d"]), 1, "dnsd: a: b\ndnsd: c: d\n"),
    ],
)
def test_errors_are_sentences(
    monkeypatch: pytest.MonkeyPatch, error: DnsdError, exit_code: int, shown: str
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr("dnsd.cli.version.version", failing)
    result = CliRunner().invoke(cli.main, ["version"])
    assert (result.exit_code, result.stdout, result.stderr) == (exit_code, "", shown)


def test_version() -> None:
    result = CliRunner().invoke(cli.main, ["version"])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"dnsd {dnsd.__version__}"
    labels = [line.split(":")[0].strip() for line in lines[1:]]
    assert labels[:3] == ["hot path", "Python", "system"]
    assert "dnspython" in labels
    assert not any("not installed" in line for line in lines)


def test_version_survives_a_hot_path_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNSD_HOTPATH", "steam")
    result = CliRunner().invoke(cli.main, ["version"])
    assert result.exit_code == 0
    assert "hot path:   none (DNSD_HOTPATH=steam" in result.stdout


def test_version_option() -> None:
    result = CliRunner().invoke(cli.main, ["--version"])
    assert result.stdout == f"dnsd {dnsd.__version__}\n"
