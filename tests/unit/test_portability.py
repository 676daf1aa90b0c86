"""What works on the newest Python must work on the oldest one dnsd is for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "dnsd"


def test_no_group_is_repeated_possessively() -> None:
    """Python before 3.11.5 matches ``(...)*+`` wrongly (gh-106052); ``(?>(...)*)`` is right.

    Its fault is silent: lines of a zone file are skipped or lose their first blanks.
    """
    found = [
        f"{path.relative_to(PACKAGE.parent)}:{node.lineno}: {node.value}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(r"(?<!\\)\)[*+?]\+", node.value)
    ]
    assert found == []
