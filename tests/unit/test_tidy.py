"""The house is tidy: what a reader trusts without looking, held by a test.

One name for one thing, nothing that nobody uses, nothing too long to read, nothing unfinished.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "dnsd").rglob("*.py"))
NATIVE = sorted(path for end in ("*.pyx", "*.pxi") for path in (ROOT / "dnsd").rglob(end))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_public_class_has_the_name_of_another() -> None:
    places = defaultdict(list)
    for path in MODULES:
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(named(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_every_module_says_what_it_is_for() -> None:
    assert [named(path) for path in MODULES if not ast.get_docstring(tree(path))] == []


@pytest.mark.parametrize("path", [*MODULES, *NATIVE], ids=named)
def test_nothing_is_unfinished(path: Path) -> None:
    assert re.findall(r"\b(?:TODO|FIXME|XXX|HACK)\b", path.read_text()) == []
