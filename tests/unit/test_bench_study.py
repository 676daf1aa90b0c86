"""What all studies share: files that come back, reports without typed figures, steady pictures."""

from __future__ import annotations

import signal
from pathlib import Path

import msgspec
import pytest
from matplotlib.figure import Figure

from bench.study import picture, results, text
from bench.study.errors import StudyError
from bench.study.kind import Kind
from bench.study.results import Study
from bench.study.signals import ending
from bench.tables import Table


class Row(msgspec.Struct, frozen=True):
    name: str
    rate: float
    note: str | None = None


class Sample(Study, frozen=True, kw_only=True):
    rows: list[Row]


def _draw(study: Sample) -> Figure:
    drawn = picture.figure(4, 3)
    axes = drawn.subplots()
    axes.plot([0, 1, 60], [row.rate for row in study.rows], label="rate")
    picture.ttl_axis(axes, [0, 1, 60])
    axes.legend()
    return drawn


def _table(study: Sample) -> Table:
    return Table("Rates", ["name", "rate"], [[row.name, f"{row.rate:.1f}"] for row in study.rows])


KIND = Kind("sample", Sample, "A sample", lambda s: s.rows, lambda s: [_table(s), "Words."], _draw)


def _study() -> Sample:
    about = results.about({"dnsd": "1"}, {"seconds": "2"}, {"demand": 7}, ["BIND is not there"])
    rows = [Row("one", 1 / 3), Row("two", 2.0, "odd, and\nbroken"), Row("three", 1e6)]
    return Sample(kind="sample", about=about, rows=rows)


def test_all_files_of_a_study_are_written_and_come_back(tmp_path: Path) -> None:
    study, path = _study(), tmp_path / "found" / "sample.json"
    written = KIND.write(study, path)
    assert [each.suffix for each in written] == [".json", ".csv", ".md", ".svg", ".png"]
    assert all(each.stat().st_size for each in written)
    assert results.load(path, Sample) == study
    assert results.kind_of(path) == "sample"
    csv = path.with_suffix(".csv").read_text()
    assert csv == 'name,rate,note\none,0.333333,\ntwo,2,"odd, and\nbroken"\nthree,1e+06,\n'


def test_the_report_says_how_to_repeat_it(tmp_path: Path) -> None:
    path = tmp_path / "sample.json"
    KIND.write(_study(), path)
    report = path.with_suffix(".md").read_text()
    assert report.startswith("# A sample\n\nMeasured ")
    assert "![A sample](sample.svg)" in report
    assert "| name | rate |\n| --- | ---: |\n| one | 0.3 |" in report
    for line in ("Command: `python -m bench", "Versions: dnsd 1", "Seeds: demand 7"):
        assert f"- {line}" in report
    assert "- Not measured: BIND is not there" in report


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "sample.json"
    first = {each: each.read_bytes() for each in KIND.write(_study(), path)[1:]}
    assert {each: each.read_bytes() for each in KIND.again(path)} == first


def test_files_that_hold_no_study_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text('{"rows": []}')
    with pytest.raises(StudyError, match="holds no results that can be read"):
        results.load(tmp_path / "odd.json", Sample)
    with pytest.raises(StudyError, match=r"absent\.json cannot be read: No such file"):
        results.kind_of(tmp_path / "absent.json")


def test_versions_are_read_from_what_programs_print() -> None:
    assert results.version("echo", "Version 1.17.1-2, built") == "1.17.1-2"
    assert results.version("echo", "libevent 2.1, Server 4.8;", after="Server") == "4.8"
    assert results.version("no-such-program-at-all") == "not installed"


def test_tables_look_alike_on_a_terminal() -> None:
    shown = text.grid(_table(_study()))
    assert shown.row_count == 3
    assert [column.header for column in shown.columns] == ["name", "rate"]


def test_a_study_that_is_told_to_end_cleans_up() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as raised, ending():
        signal.raise_signal(signal.SIGTERM)
    assert raised.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before
