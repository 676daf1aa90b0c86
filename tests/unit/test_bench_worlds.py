"""``python -m bench worlds``: what it plays, writes, and says of a world that breaks a law."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from bench.worlds import cli
from bench.worlds.study import LAWS, Failure, Study, table


def test_worlds_are_played_and_counted(tmp_path: Path) -> None:
    output = tmp_path / "worlds.json"
    options = ["--worlds", "2", "--seed", "40", "--jobs", "1", "--output", str(output)]
    ran = CliRunner().invoke(cli.worlds, options)
    assert ran.exit_code == 0, ran.output
    study = msgspec.json.decode(output.read_bytes(), type=Study)
    assert (study.first, study.worlds, study.failures) == (40, 2, [])
    assert min(study.seconds, study.events, study.calls, study.answers, study.verdicts) > 0
    assert output.with_suffix(".md").read_text() in ran.output


def test_one_world_is_played_again() -> None:
    ran = CliRunner().invoke(cli.worlds, ["--replay", "40"])
    assert ran.exit_code == 0, ran.output
    assert ran.output == "the world of seed 40 breaks no law\n"


@pytest.mark.parametrize("law", LAWS)
def test_a_world_that_breaks_a_law_is_told_with_the_command_that_shows_it(law: str) -> None:
    again = "python -m bench worlds --replay 7"
    numbers = dict.fromkeys(("events", "calls", "answers", "verdicts", "safe"), 1)
    study = Study(
        command="worlds",
        machine={},
        first=0,
        worlds=10,
        wall=1.0,
        seconds=36000.0,
        failures=[Failure(7, f"{law}: something", again)],
        **numbers,
    )
    text = table(study)
    assert f"| {LAWS[law]} | 1 |" in text
    assert f"{law}: something\n    {again}\n" in text
