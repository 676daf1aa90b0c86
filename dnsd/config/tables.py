"""From TOML to structs, or every problem at once, for all files that dnsd reads.

Walks the structs of a :class:`Schema` beside the parsed TOML; a new key needs no change here. The
caller knows what a file means, and which tables it may have.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import msgspec

from dnsd.config import locate
from dnsd.config.kinds import ValueKind
from dnsd.config.problems import Problem, show_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Structs = dict[locate.KeyPath, type[msgspec.Struct]]

_S = TypeVar("_S", bound=msgspec.Struct)
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@cache
def kinds_of(struct: type[msgspec.Struct]) -> Mapping[str, ValueKind]:
    """Return the keys of the table ``struct``, with the kind of each.

    The result is cached: msgspec evaluates every annotation again, which takes 10 ms, and a policy
    may have thousands of tables.
    """
    return MappingProxyType(
        {
            field.name: note
            for field in msgspec.structs.fields(struct)
            for note in get_args(field.type)[1:]
            if isinstance(note, ValueKind)
        }
    )


@cache
def _required(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the required keys of the table ``struct``."""
    return tuple(field.name for field in msgspec.structs.fields(struct) if field.required)


def text_of(
    path: Path, what: str, read: Callable[[Path], bytes] = Path.read_bytes
) -> str | Problem:
    """Return the text of the file ``path``, or why ``what`` (for messages) cannot be read."""
    try:
        return read(path).decode()
    except OSError as error:
        return Problem(str(path), 0, "", f"cannot read {what}: {error.strerror}")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return Problem(str(path), line, "", "is not UTF-8, which TOML must be")


def parse(text: str, path: Path) -> dict[str, Any] | Problem:
    """Return the tables in the TOML ``text`` of the file ``path``, or why it cannot be parsed."""
    import tomllib  # imported only if there is a file to read

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _TOML_PLACE.search(str(error))
        line = int(match[1] or text.count("\n") + 1) if match else 0
        message = _TOML_PLACE.sub("", str(error))
        return Problem(str(path), line, "", f"is not TOML: {message[:1].lower()}{message[1:]}")
    except RecursionError:
        return Problem(str(path), 0, "", "is nested too deeply: no key needs that")


class Schema:
    """What a file may contain: ``tables`` occur once, ``lists`` any number of times."""

    def __init__(self, tables: Structs, lists: Structs) -> None:
        self.tables = tables
        self.lists = lists
        paths = [(path, tables[path]) for path in tables]
        paths += [((*path, 1), lists[path]) for path in lists]
        self._homes = {title(path): [*kinds_of(struct)] for path, struct in paths}
        for inner in (*tables, *lists):
            if len(inner) > 1:
                home = (*inner[:-1], 1) if inner[:-1] in lists else inner[:-1]
                self._homes[title(home)].append(str(inner[-1]))
        self._top = [title(path) for path, _ in paths if len(_without_numbers(path)) == 1]

    def unknown(self, path: locate.KeyPath, value: object) -> str:
        """Return a message about an unknown key: the nearest key, or where it belongs."""
        key, table = str(path[-1]), path[:-1]
        for home, keys in self._homes.items():
            if key in keys and not isinstance(value, dict):
                return f"is unknown here; it belongs in {home}"
        here = self._homes[title(table)] if table else self._top
        if near := _nearest(key, here):
            return f"is unknown; did you mean {near}?"
        for home, keys in self._homes.items():
            if (near := _nearest(key, keys)) and not isinstance(value, dict):
                return f"is unknown; did you mean {near} in {home}?"
        kind = "keys here are" if table else "tables are"
        return f"is unknown; the {kind} {', '.join(here)}"


class TableReader:
    """Collects the problems of one file, whose ``text`` is TOML, while it builds the structs."""

    def __init__(self, schema: Schema, path: Path, text: str) -> None:
        self.path = path
        self.lines = locate.lines(text)
        self.problems: list[Problem] = []
        self._schema = schema
        self._base = path.parent.absolute()

    def report(self, path: locate.KeyPath, message: str) -> None:
        """Note each line of ``message`` as a problem of the key at ``path``."""
        line = locate.nearest(self.lines, path)
        for sentence in message.splitlines():
            self.problems.append(Problem(str(self.path), line, show_key(path), sentence))

    def sorted(self) -> tuple[Problem, ...]:
        """Return the problems in the order of the file."""
        return tuple(sorted(self.problems, key=lambda problem: (problem.line, problem.key)))

    def top(self, data: dict[str, Any]) -> None:
        """Report unknown keys at the top level."""
        known = {path[0] for path in (*self._schema.tables, *self._schema.lists)}
        for key, value in data.items():
            if key not in known:
                self.report((key,), self._schema.unknown((key,), value))

    def each(self, path: locate.KeyPath, values: object) -> Iterator[tuple[locate.KeyPath, Any]]:
        """Yield each of the tables ``[[path]]`` with its place."""
        if not isinstance(values, list):
            name = ".".join(_without_numbers(path))
            self.report(path, f"must be a list of tables: write [[{name}]] before each of them")
            return
        for number, value in enumerate(values, 1):
            yield (*path, number), value

    def structs(self, struct: type[_S], path: locate.KeyPath, values: object) -> tuple[_S, ...]:
        """Return one ``struct`` for each of the tables ``[[path]]`` that has no problem."""
        found = []
        for place, value in self.each(path, values):
            one = self.struct(struct, place, value)
            if one is not None:
                if "line" in struct.__struct_fields__:
                    line = locate.nearest(self.lines, place)
                    one = msgspec.structs.replace(one, line=line)
                found.append(one)
        return tuple(found)

    def struct(self, struct: type[_S], path: locate.KeyPath, value: object) -> _S | None:
        """Return ``struct`` filled from the table ``value``, None after a problem."""
        fields = self.fields(struct, path, value)
        if fields is None:
            return None
        self.require(struct, path, fields)
        return None if self.problems else self.built(struct, path, fields)

    def fields(
        self, struct: type[msgspec.Struct], path: locate.KeyPath, value: object
    ) -> dict[str, Any] | None:
        """Return the keys of the table ``value``; a key with a problem has the value None."""
        if not isinstance(value, dict):
            self.report(path, f"must be a table: write {title(path)} and its keys below it")
            return None
        fields: dict[str, Any] = {}
        known = kinds_of(struct)
        schema = self._schema
        for key, item in value.items():
            inner = (*path, key)
            known_as = _without_numbers(inner)
            if known_as in schema.tables:
                fields[key] = self.struct(schema.tables[known_as], inner, item)
            elif known_as in schema.lists:
                fields[key] = self.structs(schema.lists[known_as], inner, item)
            elif key in known:
                fields[key] = self._value(known[key], inner, item)
            else:
                self.report(inner, schema.unknown(inner, item))
        return fields

    def require(
        self, struct: type[msgspec.Struct], path: locate.KeyPath, fields: dict[str, Any]
    ) -> None:
        """Report the keys that ``fields`` lack."""
        for name in _required(struct):
            if name not in fields:
                self.report(path, f"needs the key {name}")

    def built(self, struct: type[_S], path: locate.KeyPath, fields: dict[str, Any]) -> _S | None:
        """Return the struct, or report that its values contradict each other."""
        try:
            return struct(**fields)
        except ValueError as error:
            key, _, message = str(error).partition(": ")
            self.report((*path, *key.split(".")), message)
            return None

    def _value(self, kind: ValueKind, path: locate.KeyPath, item: object) -> Any:
        try:
            return kind.read(item, self._base)
        except ValueError as error:
            self.report(path, str(error))
            return None


def title(path: locate.KeyPath) -> str:
    """Return the header of the table at ``path``."""
    name = ".".join(_without_numbers(path))
    return f"[[{name}]]" if isinstance(path[-1], int) else f"[{name}]"


def _without_numbers(path: locate.KeyPath) -> tuple[str, ...]:
    """Return the keys of ``path``, whichever of their tables it goes through."""
    return tuple(part for part in path if isinstance(part, str))


def _nearest(key: str, names: list[str]) -> str | None:
    """Return the one of ``names`` (keys, or headers in brackets) that ``key`` looks like."""
    plain = {name.strip("[]"): name for name in names}
    import difflib  # for a mistake only

    close = difflib.get_close_matches(key, plain, n=1, cutoff=0.7)
    return plain[close[0]] if close else None
