"""From the text of a TOML file to a Config, or to every problem in it at once.

Walks the structs of :mod:`dnsd.config.model` beside the parsed TOML; a new key needs no
change here. Reads no other file than the configuration itself.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import msgspec

from dnsd.config import locate
from dnsd.config.anycast import Anycast, Bgp, Bird, Check, Neighbor, Query
from dnsd.config.kinds import Kind
from dnsd.config.model import Config, Limits, Server, ZoneFile, Zones
from dnsd.config.problems import Problem, show_key

if TYPE_CHECKING:
    from pathlib import Path

TABLES: dict[locate.KeyPath, type[msgspec.Struct]] = {
    ("server",): Server,
    ("zones",): Zones,
    ("zones", "limits"): Limits,
    ("anycast",): Anycast,
    ("anycast", "check"): Check,
    ("anycast", "bird"): Bird,
    ("anycast", "bgp"): Bgp,
}
"""The tables that stand once, by path."""

LISTS: dict[locate.KeyPath, type[msgspec.Struct]] = {
    ("zone",): ZoneFile,
    ("anycast", "query"): Query,
    ("anycast", "neighbor"): Neighbor,
}
"""The tables that stand once for each thing they describe, by path."""

TOP = tuple(path[0] for path in (*TABLES, *LISTS) if len(path) == 1)
"""What may stand at the top."""

_S = TypeVar("_S", bound=msgspec.Struct)
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def kinds_of(struct: type[msgspec.Struct]) -> dict[str, Kind]:
    """Return the keys of the table that ``struct`` is, with the kind of each."""
    return {
        field.name: note
        for field in msgspec.structs.fields(struct)
        for note in get_args(field.type)[1:]
        if isinstance(note, Kind)
    }


def read(path: Path) -> tuple[Config | None, tuple[Problem, ...]]:
    """Return the configuration in the file ``path``, or None and every problem."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        message = f"cannot read the configuration: {error.strerror}"
        return None, (Problem(str(path), 0, "", message),)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return None, (Problem(str(path), line, "", "is not UTF-8, which TOML must be"),)
    return read_text(text, path)


def read_text(text: str, path: Path) -> tuple[Config | None, tuple[Problem, ...]]:
    """Return the configuration in ``text``; ``path`` is for messages and relative paths."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return None, (_syntax_problem(str(error), text, path),)
    reader = _Reader(path, locate.lines(text))
    config = reader.config(data)
    return (None if reader.problems else config), tuple(sorted(reader.problems, key=_place))


def _place(problem: Problem) -> tuple[int, str]:
    return problem.line, problem.key


def _syntax_problem(message: str, text: str, path: Path) -> Problem:
    match = _TOML_PLACE.search(message)
    line = int(match[1] or text.count("\n") + 1) if match else 0
    message = _TOML_PLACE.sub("", message)
    return Problem(str(path), line, "", f"is not TOML: {message[:1].lower()}{message[1:]}")


class _Reader:
    """Collects the problems of one file while it builds the structs."""

    def __init__(self, path: Path, lines: dict[locate.KeyPath, int]) -> None:
        self.path = path
        self.base = path.parent.absolute()
        self.lines = lines
        self.problems: list[Problem] = []

    def report(self, path: locate.KeyPath, message: str) -> None:
        """Note each line of ``message`` as a problem of the key at ``path``."""
        line = locate.nearest(self.lines, path)
        for sentence in message.splitlines():
            self.problems.append(Problem(str(self.path), line, show_key(path), sentence))

    def config(self, data: dict[str, Any]) -> Config | None:
        """Return the whole configuration, None after a problem."""
        for key, value in data.items():
            if key not in TOP:
                self.report((key,), _unknown((key,), value))
        server = self.struct(Server, ("server",), data.get("server", {}))
        zones = self.struct(Zones, ("zones",), data.get("zones", {}))
        anycast = self.struct(Anycast, ("anycast",), data.get("anycast", {}))
        zone = self.structs(ZoneFile, ("zone",), data.get("zone", []))
        if server is None or zones is None or anycast is None or self.problems:
            return None
        fields = {"server": server, "zones": zones, "anycast": anycast, "zone": zone}
        return self.built(Config, (), {**fields, "path": self.path})

    def structs(self, struct: type[_S], path: locate.KeyPath, values: object) -> tuple[_S, ...]:
        """Return one ``struct`` for each of the tables ``[[path]]``."""
        if not isinstance(values, list):
            name = ".".join(map(str, path))
            self.report(path, f"must be a list of tables: write [[{name}]] before each of them")
            return ()
        found = []
        for number, value in enumerate(values, 1):
            place = (*path, number)
            one = self.struct(struct, place, value)
            if one is not None:
                if "line" in struct.__struct_fields__:
                    line = locate.nearest(self.lines, place)
                    one = msgspec.structs.replace(one, line=line)
                found.append(one)
        return tuple(found)

    def struct(self, struct: type[_S], path: locate.KeyPath, value: object) -> _S | None:
        """Return ``struct`` filled from the table ``value``, None after a problem."""
        if not isinstance(value, dict):
            self.report(path, f"must be a table: write {title(path)} and its keys below it")
            return None
        fields: dict[str, Any] = {}
        known = kinds_of(struct)
        for key, item in value.items():
            inner = (*path, key)
            if inner in TABLES:
                fields[key] = self.struct(TABLES[inner], inner, item)
            elif inner in LISTS:
                fields[key] = self.structs(LISTS[inner], inner, item)
            elif key in known:
                self.value(fields, known[key], inner, item)
            else:
                self.report(inner, _unknown(inner, item))
        for field in msgspec.structs.fields(struct):
            if field.required and field.name not in value:
                self.report(path, f"needs the key {field.name}")
        return None if self.problems else self.built(struct, path, fields)

    def value(self, fields: dict[str, Any], kind: Kind, path: locate.KeyPath, item: object) -> None:
        """Put the value of one key into ``fields``."""
        try:
            fields[str(path[-1])] = kind.read(item, self.base)
        except ValueError as error:
            self.report(path, str(error))

    def built(self, struct: type[_S], path: locate.KeyPath, fields: dict[str, Any]) -> _S | None:
        """Return the struct, unless its values don't go together."""
        try:
            return struct(**fields)
        except ValueError as error:
            key, _, message = str(error).partition(": ")
            self.report((*path, *key.split(".")), message)
            return None


def title(path: locate.KeyPath) -> str:
    """Return the header of the table at ``path``."""
    if isinstance(path[-1], int):
        return f"[[{'.'.join(map(str, path[:-1]))}]]"
    return f"[{'.'.join(map(str, path))}]"


_TOP_TITLES = [
    *(title(path) for path in TABLES if len(path) == 1),
    *(title((*path, 1)) for path in LISTS if len(path) == 1),
]


def _unknown(path: locate.KeyPath, value: object) -> str:
    """Return what to say of an unknown key: the nearest one, or where it belongs."""
    key, table = str(path[-1]), path[:-1]
    homes = {title(path): [*kinds_of(TABLES[path])] for path in TABLES}
    homes |= {title((*path, 1)): [*kinds_of(LISTS[path])] for path in LISTS}
    for inner in (*TABLES, *LISTS):
        if len(inner) > 1:
            homes[title(inner[:-1])].append(str(inner[-1]))
    for home, keys in homes.items():
        if key in keys and not isinstance(value, dict):
            return f"is unknown here; it belongs into {home}"
    here = homes[title(table)] if table else _TOP_TITLES
    if near := _nearest(key, here):
        return f"is unknown; did you mean {near}?"
    for home, keys in homes.items():
        if (near := _nearest(key, keys)) and not isinstance(value, dict):
            return f"is unknown; did you mean {near} in {home}?"
    kind = "keys here are" if table else "tables are"
    return f"is unknown; the {kind} {', '.join(here)}"


def _nearest(key: str, names: list[str]) -> str | None:
    """Return the one of ``names`` (keys, or headers in brackets) that ``key`` looks like."""
    plain = {name.strip("[]"): name for name in names}
    close = difflib.get_close_matches(key, plain, n=1, cutoff=0.7)
    return plain[close[0]] if close else None
