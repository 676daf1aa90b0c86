"""``python -m tests.sizes``: how large the rooms of dnsd are, as the table in ARCHITECTURE.md.

Lines of a function are those of its body, without its docstring.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class RoomSize(NamedTuple):
    """The size of one package: ``longest`` is of its modules, ``half`` and ``most`` of functions.

    Half of the functions have at most ``half`` lines, 99 of 100 at most ``most``.
    """

    modules: int
    lines: int
    native: int
    longest: int
    functions: int
    half: int
    most: int


def sizes() -> dict[str, RoomSize]:
    """Return the size of each package of dnsd, and of all together."""
    paths = [path for end in ("py", "pyx", "pxd") for path in (ROOT / "dnsd").rglob(f"*.{end}")]
    rooms = defaultdict(list)
    for path in paths:
        rooms[str(path.parent.relative_to(ROOT))].append(path)
    # The parts of native modules are in directories of their own.
    rooms["dnsd/hotpath"] += rooms.pop("dnsd/hotpath/native")
    found = {f"`{room}/`": _size(files) for room, files in sorted(rooms.items())}
    return {**found, "all": _size(paths)}


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines the body of a function has, without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) and node.body[1:] else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def _size(files: list[Path]) -> RoomSize:
    python = [path for path in files if path.suffix == ".py"]
    counts = [path.read_text().count("\n") for path in python]
    native = sum(path.read_text().count("\n") for path in files if path.suffix != ".py")
    functions = [
        body_lines(node)
        for path in python
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ] or [0]
    most = quantiles(functions, n=100)[98] if len(functions) > 1 else functions[0]
    return RoomSize(
        len(python),
        sum(counts),
        native,
        max(counts),
        len(functions),
        round(median(functions)),
        min(max(functions), round(most)),
    )


def table() -> str:
    """Return the table in Markdown."""
    rows = [
        "| room | modules | lines | native lines | longest module | functions | median | 99 % |",
        "| --- | --: | --: | --: | --: | --: | --: | --: |",
    ]
    rows += [f"| {room} | {' | '.join(map(str, size))} |" for room, size in sizes().items()]
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())  # noqa: T201 -- a program
