"""The house is tidy: what a reader trusts without looking, held by a test.

One name for one thing, nothing that nobody uses, nothing too long to read, nothing unfinished.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests import numbers
from tests.sizes import body_lines, sizes

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "dnsd").rglob("*.py"))
NATIVE = sorted(path for end in ("*.pyx", "*.pxd") for path in (ROOT / "dnsd").rglob(end))


BENCH = sorted((ROOT / "bench").rglob("*.py"))

Declared = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

CALLED_BY_OTHERS = {
    "dnsd/cli/__init__.py: list_commands": "click asks a group for its commands",
    "dnsd/cli/__init__.py: get_command": "click asks a group for a command",
    "dnsd/cli/__init__.py: format_commands": "click writes the help of a group",
    "dnsd/xfrd/fetch.py: datagram_received": "asyncio gives a protocol its datagrams",
    "dnsd/xfrd/fetch.py: error_received": "asyncio tells a protocol of errors",
    "dnsd/xfrd/notifying.py: datagram_received": "asyncio tells a protocol what has come",
    "dnsd/xfrd/notifying.py: error_received": "asyncio tells a protocol what went wrong",
    "dnsd/process/log.py: emit": "logging hands a handler its records",
    "dnsd/process/recent.py: emit": "logging hands a handler its records",
    "dnsd/zone/rdatatext.py: get_eol_as_token": "dnspython reads rdata from a tokenizer",
    "dnsd/zone/rdatatext.py: as_name": "dnspython reads rdata from a tokenizer",
}
"""What a library calls by name, and why."""


LINES = 400
LINES_OF_A_FUNCTION = 45
"""So much of a function is read at once; without what it is declared with and its docstring."""

TOO_LONG: dict[str, str] = {}
"""What may be longer, and why."""


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


def uses(path: Path) -> Iterator[str]:
    """Yield the names that ``path`` uses, but does not define."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.alias(name=name):
                yield name.rpartition(".")[2]
            case ast.keyword(arg=str(name)):
                yield name


def declared(body: list[ast.stmt]) -> Iterator[Declared]:
    """Yield the public classes, functions and methods of a module; not what is decorated.

    A decorator may give a function to somebody else: a command to click, a property to a report.
    """
    for node in body:
        if isinstance(node, Declared):
            if not node.name.startswith("_") and not node.decorator_list:
                yield node
            if isinstance(node, ast.ClassDef):
                yield from declared(node.body)


def test_what_is_public_is_used_by_the_program_and_not_by_its_tests_alone() -> None:
    used = {name for path in (*MODULES, *BENCH) for name in uses(path)}
    for path in NATIVE:
        used.update(re.findall(r"\w+", path.read_text()))
    unused = {
        f"{named(path)}: {node.name}"
        for path in MODULES
        for node in declared(tree(path).body)
        if node.name not in used
    }
    assert unused == set(CALLED_BY_OTHERS)


def test_no_module_is_too_long_to_be_read() -> None:
    lines = {named(path): path.read_text().count("\n") for path in (*MODULES, *NATIVE)}
    assert {name: count for name, count in lines.items() if count > LINES}.keys() == TOO_LONG.keys()


def test_every_function_fits_on_a_screen() -> None:
    too_long = {}
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if (lines := body_lines(node)) > LINES_OF_A_FUNCTION:
                too_long[f"{named(path)}: {node.name}"] = lines
    assert too_long == {}


def test_native_modules_have_the_numbers_of_the_python_modules() -> None:
    """``python -m tests.numbers`` writes them again; then the native modules are built again."""
    assert {named(path): path.read_text() for path in numbers.declarations()} == {
        named(path): text for path, text in numbers.declarations().items()
    }


# -- ARCHITECTURE ------------------------------------------------------------------------------


def section(title: str) -> str:
    """The text below a heading of ARCHITECTURE.md, up to the next one."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    return re.split(r"^#+ ", text.split(f" {title}\n", 1)[1], maxsplit=1, flags=re.M)[0]


def test_the_layers_are_those_that_the_import_linter_holds() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (one["layers"] for one in linter["contracts"] if one["id"] == "layers")
    told = re.findall(r"^    (.+)$", section("What imports what"), flags=re.M)
    assert told == [re.sub("[()]", "", line) for line in layers]


def test_the_code_map_has_a_row_for_each_package() -> None:
    rooms = {f"{path.parent.relative_to(ROOT)}/" for path in MODULES if path.name == "__init__.py"}
    assert rooms - {"dnsd/"} - set(re.findall(r"`(dnsd/[\w/]+)`", section("Code map"))) == set()


def test_what_is_to_be_changed_is_where_the_map_says() -> None:
    places = re.findall(r"`(dnsd/[\w/.]+)`", section("Where to change what"))
    assert places
    assert [place for place in places if not (ROOT / place).is_file()] == []


def test_the_table_of_sizes_is_about_right() -> None:
    """``python -m tests.sizes`` writes it again; a fifth more or less is left alone."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table_of_sizes()]
    told = {room: [int(cell) for cell in cells] for room, *cells in rows}
    found = sizes()
    assert told.keys() == found.keys()
    wrong = {
        room: (told[room], size)
        for room, size in found.items()
        if any(abs(one - now) > max(5, now / 5) for one, now in zip(told[room], size, strict=True))
    }
    assert wrong == {}


def table_of_sizes() -> list[str]:
    return re.findall(r"^\| (?:`dnsd/|all ).*$", section("Sizes"), flags=re.M)


# -- mutants -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((ROOT / "tests/mutants").glob("*.toml")), ids=named)
def test_each_mutant_has_one_place(path: Path) -> None:
    mutants = tomllib.loads(path.read_text())["mutant"]
    counts = {one["name"]: (ROOT / one["file"]).read_text().count(one["old"]) for one in mutants}
    assert {name: count for name, count in counts.items() if count != 1} == {}


def test_the_modules_that_it_names_are_there() -> None:
    """A path may begin at the root, in dnsd/, or in a room that the text is about."""
    there = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("[!.]*/**/*.py*")]
    named = re.findall(r"`([\w/]+\.pyx?)`", (ROOT / "ARCHITECTURE.md").read_text())
    assert len(named) > 50
    assert [one for one in named if not any(f"/{path}".endswith(f"/{one}") for path in there)] == []
