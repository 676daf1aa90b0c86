"""The figures on README's first screen are those of the reference runs that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAD = (ROOT / "README.md").read_text().split("\n## ")[0]
ROWS = [line for line in HEAD.splitlines() if re.match(r"\| (?!measured|---)", line)]


def test_the_first_screen_has_four_lines_and_a_picture() -> None:
    assert len(ROWS) == 4
    (picture,) = re.findall(r"^!\[[^]]+\]\(([^)]+)\)$", HEAD, re.MULTILINE)
    assert (ROOT / picture).exists()


@pytest.mark.parametrize("row", ROWS)
def test_each_figure_stands_in_the_report_that_the_row_names(row: str) -> None:
    _, _, ours, others, source, _ = row.split("|")
    (link,) = re.findall(r"\]\(([^)]+)\)", source)
    report = (ROOT / link).read_text()
    figures = re.findall(r"\d[\d,.]*\d|\d", ours + others)
    assert figures
    missing = [
        one
        for one in figures
        if not re.search(rf"(?<![\d.,]){re.escape(one)}(?![\d.,]*\d)", report)
    ]
    assert missing == []
