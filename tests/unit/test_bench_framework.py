"""What all studies do alike: parameters, repeats with intervals, busy machines, files."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bench.study import busy, figures, parameters, results
from bench.study.busy import Shares, Ticks
from bench.study.command import command
from bench.study.errors import StudyError
from bench.study.figures import Figure
from bench.study.kind import Kind
from bench.study.parameters import parameter
from bench.tables import Table

if TYPE_CHECKING:
    from pathlib import Path

    from bench.study.work import Work


def _even(text: str) -> int:
    if int(text) % 2:
        raise ValueError("it must be even, such as 4")
    return int(text)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    seconds: float = parameter(4.0, "Length.", unit="s", above=0, most=60, short=1.0)
    names: int = parameter(10, "Names.", least=1)
    skew: float = parameter(1.0, "Skew.", least=0, most=4)
    kinds: tuple[str, ...] = parameter(("a", "b"), "Which.", choices=("a", "b"), option="kind")
    even: int | None = parameter(None, "An even number.", read=_even)
    calm: bool = parameter(True, "Calm.")
    seed: int = parameter(7, "Seed.")


class Row(results.Row, frozen=True):
    seed: int
    value: float


class Sample(results.Study, frozen=True, kw_only=True):
    rows: list[Row]


def measure(chosen: Parameters, work: Work) -> Sample:
    """Measure nothing."""
    rows = [Row(chosen.seed, chosen.seconds * chosen.seed)]
    return Sample(kind="sample", about=work.about({"dnsd": "1"}), rows=rows)


KIND = Kind(
    name="sample",
    type=Sample,
    title="A sample",
    rows=lambda found: found.rows,
    parts=lambda found: [Table("Rows", ["n"], [[str(len(found.rows))]])],
    parameters=Parameters,
    measure=measure,
    figures=lambda found: [Figure("value", "s", [found.rows[0].value])],
    faults=lambda found: ["it is odd"] if found.rows[0].seed == 13 else [],
)


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.study.command.STRIDE", 1)
    monkeypatch.setattr(busy, "before", list)
    monkeypatch.setattr(busy, "now", lambda: Ticks(0, 0, 0))


def _run(path: Path, *arguments: str) -> Any:
    output = ["--output", str(path / "sample.json")]
    return CliRunner().invoke(command(KIND), [*arguments, *output])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--seconds", "0"], "--seconds 0: it must be more than 0 s"),
        (["--seconds", "61"], "--seconds 61: it must be at most 60 s"),
        (["--seconds", "nan"], "--seconds nan: it must be a finite number of s"),
        (["--names", "0"], "--names 0: it must be at least 1"),
        (["--skew", "-1"], "--skew -1: it must be at least 0"),
        (["--even", "3"], "--even 3: it must be even, such as 4"),
    ],
)
def test_a_value_out_of_bounds_is_one_sentence(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    done = _run(tmp_path, *arguments)
    assert (done.exit_code, done.output) == (1, f"Error: {sentence}\n")
    assert not list(tmp_path.iterdir())


@given(st.floats(), st.integers())
def test_no_value_passes_its_bounds(seconds: float, names: int) -> None:
    usual = dict.fromkeys(("kinds", "even", "calm", "seed")) | {"skew": 1.0}
    is_within = 0 < seconds <= 60 and names >= 1
    try:
        found = parameters.build(Parameters, usual | {"seconds": seconds, "names": names}, set())
    except StudyError:
        assert not is_within
    else:
        assert (found.seconds, found.names, is_within) == (seconds, names, True)


def test_parameters_stand_in_the_results_and_short_ones_yield_to_given_ones(
    tmp_path: Path,
) -> None:
    assert _run(tmp_path, "--short", "--even", "4", "--kind", "b", "--no-calm").exit_code == 0
    about = results.load(tmp_path / "sample.json", Sample).about
    wanted = {"seconds": 1.0, "names": 10, "skew": 1.0, "kinds": ["b"], "even": 4, "calm": False}
    assert about.parameters == wanted | {"seed": 7}
    assert about.settings["seconds"] == "1.0 s"
    assert _run(tmp_path, "--short", "--seconds", "2").exit_code == 0
    assert results.load(tmp_path / "sample.json", Sample).about.parameters["seconds"] == 2


def test_repeats_have_other_seeds_and_intervals(tmp_path: Path) -> None:
    done = _run(tmp_path, "--repeat", "3", "--seconds", "1")
    assert done.exit_code == 0, done.output
    study = results.load(tmp_path / "sample.json", Sample)
    assert [(row.repeat, row.seed) for row in study.rows] == [(1, 7), (2, 8), (3, 9)]
    assert study.figures == [Figure("value", "s", [7.0, 8.0, 9.0])]
    assert (study.version, study.about.repeats) == (results.VERSION, 3)
    # Student's t with 2 degrees of freedom: 8 ± 4.303 / √3.
    assert "| value | s | 3 | 8 | 5.516 to 10.48 |" in (tmp_path / "sample.md").read_text()
    csv = (tmp_path / "sample.csv").read_text()
    assert csv == "seed,value,repeat\n7,7,1\n8,8,2\n9,9,3\n"


def test_rows_may_be_printed_as_csv(tmp_path: Path) -> None:
    assert _run(tmp_path, "--csv", "--seconds", "1").output == "seed,value,repeat\n7,7,1\n"


@pytest.mark.parametrize("size", [2, 3, 5, 40])
def test_intervals_hold_the_truth_as_often_as_they_say(size: int) -> None:
    draw = random.Random(size)
    held = 0
    for _ in range(2000):
        _, low, high = figures.interval([draw.gauss(3, 2) for _ in range(size)])
        held += low <= 3 <= high
    assert 0.935 < held / 2000 < 0.965


def test_one_run_has_no_interval() -> None:
    assert figures.interval([4.0]) == (4.0, 4.0, 4.0)
    assert figures.table([Figure("x", "s", [4.0])]).rows[0][4] == "one run: none"


STAT = "cpu  100 20 30 800 50 5 5 90 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"


def test_what_others_use_and_the_hypervisor_takes_is_read() -> None:
    start = busy.ticks(STAT)
    assert start == Ticks(used=160, stolen=90, total=1100)
    assert Ticks(260, 140, 1300).since(start) == Shares(used=0.5, stolen=0.25)
    assert busy.reasons(Shares(0.1, 0.0), 1.9, 2) == []
    assert busy.reasons(Shares(0.6, 0.12), 17.2, 2) == [
        "the load average is 17.2 on 2 cores",
        "other programs use 60% of the processors",
        "the hypervisor takes 12% of the processors (steal)",
    ]


def test_a_busy_machine_is_refused_or_its_results_are_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(busy, "before", lambda: ["the load average is 17.2 on 2 cores"])
    done = _run(tmp_path)
    assert done.exit_code == 1
    assert "this machine is busy: the load average is 17.2 on 2 cores" in done.output
    assert not list(tmp_path.iterdir())
    done = _run(tmp_path, "--busy-ok")
    mark = "Measured on a busy machine: the load average is 17.2 on 2 cores."
    assert done.exit_code == 0
    assert mark in done.output
    assert f"**{mark}**" in (tmp_path / "sample.md").read_text()


def test_steal_while_it_was_measured_marks_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([Ticks(0, 0, 0), Ticks(10, 30, 100)])
    monkeypatch.setattr(busy, "now", lambda: next(looks))
    assert "the hypervisor takes 30% of the processors" in _run(tmp_path).output


def test_old_results_of_a_busy_machine_are_marked() -> None:
    about = results.about({})
    old = {"cores": "2", busy.OLD_LOAD: "17.2"}
    assert "load average was 17.2" in busy.told(about.__class__("", "", old, {}))
    assert not busy.told(about.__class__("", "", old | {busy.OLD_LOAD: "1.2"}, {}))


def test_faults_fail_and_the_files_are_there(tmp_path: Path) -> None:
    done = _run(tmp_path, "--seed", "13")
    assert (done.exit_code, "Error: it is odd" in done.output) == (1, True)
    assert results.load(tmp_path / "sample.json", Sample).rows[0].seed == 13


def test_the_schema_describes_the_files(tmp_path: Path) -> None:
    found = KIND.schema()
    assert found["title"] == f"bench sample, version {results.VERSION}"
    definition = found["$defs"]["Sample"]
    assert definition["required"] == ["kind", "about", "rows"]
    _run(tmp_path)
    written = json.loads((tmp_path / "sample.json").read_text())
    assert written.keys() == definition["properties"].keys()


def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    _run(tmp_path)
    path = tmp_path / "sample.json"
    path.write_text(path.read_text().replace('"version": 2', '"version": 99'))
    with pytest.raises(StudyError, match="is of version 99: this bench reads versions up to 2"):
        results.load(path, Sample)


def test_a_reader_that_has_enough_loses_no_results(tmp_path: Path) -> None:
    """Fault 9: what is printed went into a closed pipe before the files were written."""
    program = (
        "import sys\n"
        "from tests.unit.test_bench_framework import KIND, Ticks, busy, command\n"
        "busy.before, busy.now = list, lambda: Ticks(0, 0, 0)\n"
        "sys.stdin.read()\n"
        "command(KIND)()\n"
    )
    line = [sys.executable, "-c", program, "--output", str(tmp_path / "sample.json")]
    with subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (1, "")
    assert math.isclose(results.load(tmp_path / "sample.json", Sample).rows[0].value, 28)
