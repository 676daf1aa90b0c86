"""Every command in bench/README.md is one that is there, with options and values that it takes.

Those that need neither root nor a server nor a log of the reader's are run.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bench.__main__ import KINDS, main
from bench.study import parameters
from bench.study.command import Deferred

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
BENCH = "python -m bench "
COMMANDS = [
    line.removeprefix(BENCH).partition(" #")[0].rstrip()
    for block in re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith(BENCH)
]
RUN = [one for one in COMMANDS if one.startswith(("query-file ", "plan --lookups "))]


def test_every_study_is_told_of() -> None:
    told = {one.split()[0] for one in COMMANDS}
    assert set(KINDS) - {"balance"} <= told
    assert "lab balance" in COMMANDS
    assert len(RUN) == 3


@pytest.mark.parametrize("command", COMMANDS)
def test_it_takes_what_is_given(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for word in re.findall(r"[\w./-]+\.(?:zone|gz|pcap|toml)\b|\bqueries\b", command):
        file = tmp_path / word
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found: click.Command = main
    name, *rest = "bench", *shlex.split(command)
    while isinstance(found, click.Group):
        name, *rest = rest
        found = found.commands[name]
    given = found.make_context(name, list(rest)).params
    if isinstance(found, Deferred):
        kind = found.kind().parameters
        names = kind.__dataclass_fields__
        chosen = {one: value for one, value in given.items() if one in names}
        assert parameters.build(kind, chosen, set())


@pytest.mark.parametrize("command", RUN)
def test_it_runs(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    output = tmp_path / "found"
    words = shlex.split(re.sub(r" --output \S+", "", command))
    done = CliRunner().invoke(main, [*words, "--output", str(output)])
    assert done.exit_code == 0, done.output
    assert output.stat().st_size
