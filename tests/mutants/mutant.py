"""Lines of safety, each with a fault that may be put into it, and the tests that must find that.

The lists are TOML files beside this one, one for each part of dnsd. A mutant replaces the text
``old`` of ``file``, which stands there exactly once: so a list that the code has left behind is
noticed (``test_mutants.py``). Native sources have none: their Python twins answer the same octets.
"""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
LISTS = Path(__file__).parent


class MutantError(Exception):
    """A mutant does not fit the code."""


class Mutant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fault ``name``: ``new`` in the place of ``old``. ``tests`` are pytest's node ids."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def put_into(self, source: str) -> str:
        """Return ``source`` with the fault; MutantError if it does not fit."""
        if (count := source.count(self.old)) != 1:
            raise MutantError(f"{self.file} has {count} times, not once:\n{self.old}")
        mutated = source.replace(self.old, self.new)
        try:
            changed = ast.dump(ast.parse(mutated)) != ast.dump(ast.parse(source))
        except SyntaxError as error:
            raise MutantError(f"{self.file}: with the fault it is no Python: {error}") from error
        if not changed:
            raise MutantError(f"{self.file}: the fault changes nothing")
        return mutated

    def put_below(self, root: Path) -> None:
        """Put the fault into the file of a tree."""
        path = root / self.file
        path.write_text(self.put_into(path.read_text()))


class _List(msgspec.Struct, forbid_unknown_fields=True):
    mutant: tuple[Mutant, ...]


def every() -> dict[str, tuple[Mutant, ...]]:
    """Return the mutants by the name of their list."""
    return {
        path.stem: msgspec.toml.decode(path.read_bytes(), type=_List).mutant
        for path in sorted(LISTS.glob("*.toml"))
    }
