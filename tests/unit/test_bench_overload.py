"""The study of overload: what counts as a fault, and what the table says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bench.overload import picture
from bench.overload.study import Overload, Row, faults, parts, table
from bench.study.results import About

ROW = Row(
    server="dnsd",
    capacity=200_000.0,
    asked=3.0,
    answered=0.95,
    p50=20_000.0,
    p99=30_000.0,
    checks=40,
    checked=40,
    check_ms=9.0,
    status_ms=12.0,
    replaced=0,
)


def overload(*changes: dict[str, Any]) -> Overload:
    rows = [msgspec.structs.replace(ROW, **change) for change in changes]
    about = About("now", "python -m bench overload", {}, {})
    return Overload(kind="overload", about=about, factor=3.0, rows=rows)


def test_a_server_that_answers_what_it_can_has_no_fault() -> None:
    assert faults(overload({}, {"answered": 0.5}, {"answered": 0.99})) == [], "the median counts"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"answered": 0.79}, "dnsd answered 79% of its capacity, not 80%"),
        ({"checked": 38}, "2 checks of dnsd over TCP were not answered"),
        ({"replaced": 1}, "1 processes of dnsd were replaced"),
    ],
)
def test_each_fault_is_a_sentence_and_stands_in_the_report(
    change: dict[str, Any], sentence: str
) -> None:
    found = overload(change)
    assert faults(found) == [sentence]
    assert f"**{sentence}**" in parts(found)
    assert faults(overload({**change, "server": "nsd"})) == []


def test_the_table_has_the_medians_of_each_server() -> None:
    found = overload(
        {"answered": 0.9},
        {"answered": 0.8},
        {"answered": 1.0},
        {"server": "nsd", "status_ms": None},
    )
    dnsd, nsd = table(found).rows
    assert dnsd == ["dnsd", "200,000", "3.0 ×", "90%", "20.0", "30.0", "120 of 120", "9", "12", "0"]
    assert nsd[0] == "nsd"
    assert nsd[8] == ""
    picture.draw(found)
