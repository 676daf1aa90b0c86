"""``python -m bench worlds``: what it plays, writes, and says of a world that breaks a law."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.study import results
from bench.worlds.kind import KIND
from bench.worlds.study import LAWS, Failure, Worlds, faults


def test_worlds_are_played_and_counted(tmp_path: Path) -> None:
    output = tmp_path / "worlds.json"
    options = ["--worlds", "2", "--seed", "40", "--jobs", "1", "--output", str(output)]
    ran = CliRunner().invoke(main, ["worlds", *options])
    assert ran.exit_code == 0, ran.output
    study = results.load(output, Worlds)
    assert (study.first, study.worlds, study.failures) == (40, 2, [])
    assert min(study.seconds, study.events, study.calls, study.answers, study.verdicts) > 0
    assert "seeds                                40 to 41" in ran.output


def test_one_world_is_played_again() -> None:
    ran = CliRunner().invoke(main, ["worlds", "--replay", "40"])
    assert ran.exit_code == 0, ran.output
    assert ran.output == "the world of seed 40 breaks no law\n"


@pytest.mark.parametrize("law", LAWS)
def test_a_world_that_breaks_a_law_is_told_with_the_command_that_shows_it(
    tmp_path: Path, law: str
) -> None:
    again = "python -m bench worlds --replay 7"
    numbers = dict.fromkeys(("events", "calls", "answers", "verdicts", "safe"), 1)
    study = Worlds(
        kind="worlds",
        about=results.about({}),
        first=0,
        worlds=10,
        wall=1.0,
        seconds=36000.0,
        failures=[Failure(7, f"{law}: something", again)],
        **numbers,  # type: ignore[arg-type]
    )
    KIND.write(study, tmp_path / "x.json")
    text = (tmp_path / "x.md").read_text()
    assert faults(study) == ["1 of 10 worlds break a law"]
    assert f"| {LAWS[law]} | 1 |" in text
    assert f"{law}: something\n    {again}\n" in text
