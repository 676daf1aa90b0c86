"""Kinds of values about commands: what the configuration allows, what a policy may choose.

A policy lies beside its zone file, and the person who writes zone files may not be the one who runs
the node. So the configuration lists each command by name, with placeholders for its parameters::

    [failover.commands]
    backend = ["/usr/local/lib/check-backend", "--port={port}", "{address}"]

and a policy gives the name, and a value for each placeholder: ``command = "backend"``,
``parameters = { port = "8080" }``. ``{address}`` is the address of the member.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

from dnsd.config.kinds import FilePath, Texts, wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_T = TypeVar("_T")

ADDRESS = "address"
"""The placeholder that a policy cannot fill."""

LONGEST_VALUE = 255

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)
_PLACE = re.compile(r"\{([a-z][a-z0-9_-]{0,63})\}", re.ASCII)
# No value can look like an option, like several arguments of a shell, or like a placeholder.
_VALUE = re.compile(r"[A-Za-z0-9/_.:][A-Za-z0-9/_.:@%+=,~-]*", re.ASCII)


def places(line: tuple[str, ...]) -> set[str]:
    """Return the parameters that a policy must give for the command ``line``."""
    return {name for text in line for name in _PLACE.findall(text)} - {ADDRESS}


def filled(line: tuple[str, ...], values: Mapping[str, str]) -> tuple[str, ...]:
    """Return ``line`` with the placeholders in ``values`` filled in; others stay."""
    program, *arguments = line
    return program, *(
        _PLACE.sub(lambda place: values.get(place[1], place[0]), text) for text in arguments
    )


class CommandLines(msgspec.Struct, frozen=True):
    """A table of commands by name: each is the full path of a program, and its arguments."""

    def read(self, value: object, base: Path) -> dict[str, tuple[str, ...]]:
        """Return the commands; relative paths begin at the directory of the file."""
        if not isinstance(value, dict):
            raise wanted("a table of commands by name", value)
        return _each(value, lambda line: _line(line, base))


class CommandName(msgspec.Struct, frozen=True):
    """The name of a command that the configuration lists."""

    def read(self, value: object, _base: Path) -> str:
        """Return the name."""
        if not isinstance(value, str):
            raise wanted(
                "the name of a command that [failover.commands] of the configuration lists", value
            )
        return _name(value)


class ListedName(msgspec.Struct, frozen=True):
    """The name of something that the configuration lists in its table ``home``."""

    home: str

    def read(self, value: object, _base: Path) -> str:
        """Return the name."""
        if not isinstance(value, str):
            raise wanted(f"a name that [{self.home}] of the configuration lists", value)
        return _name(value)


class NamedFiles(msgspec.Struct, frozen=True):
    """A table of files by name."""

    def read(self, value: object, base: Path) -> dict[str, str]:
        """Return the paths; relative ones begin at the directory of the file."""
        if not isinstance(value, dict):
            raise wanted('a table of files by name, such as { internal = "ca.pem" }', value)
        return _each(value, lambda path: str(FilePath().read(path, base)))


class Parameters(msgspec.Struct, frozen=True):
    """A table of parameters by name."""

    def read(self, value: object, _base: Path) -> dict[str, str]:
        """Return the parameters; numbers become text."""
        if not isinstance(value, dict):
            raise wanted('a table, such as { port = "8080" }', value)
        return _each(value, _value)


def _each(table: Mapping[str, object], read: Callable[[object], _T]) -> dict[str, _T]:
    """Return what ``read`` makes of each value, by name; ValueError names all that are wrong."""
    faults = []
    found = {}
    for name, value in table.items():
        try:
            found[_name(name)] = read(value)
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise ValueError("\n".join(faults))
    return found


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a valid name: use up to 64 lower-case letters, digits, _ and -, a "
            f"letter first"
        )
    return text


def _line(value: object, base: Path) -> tuple[str, ...]:
    example = '["/usr/local/lib/check-backend", "{address}"]'
    if not isinstance(value, list):
        raise wanted(f"a list: the program and its arguments, such as {example}", value)
    program, *arguments = Texts().read(value, base) or ("",)
    if "/" not in program:
        raise ValueError(f"needs the program with its path first, such as {example}")
    if any("\x00" in text for text in (program, *arguments)):
        raise ValueError("no argument of a program can have a NUL")
    if _PLACE.search(program):
        raise ValueError(f"{program!r} contains a placeholder: only arguments can contain one")
    return str(base / program), *arguments


def _value(value: object) -> str:
    if type(value) not in (str, int):
        raise wanted("a text or a whole number", value)
    text = str(value)
    if len(text) > LONGEST_VALUE or not _VALUE.fullmatch(text):
        raise ValueError(
            f"{text[:LONGEST_VALUE]!r} is not allowed: up to {LONGEST_VALUE} letters, digits and "
            '"/_.:@%+=,~-", and none of "@%+=,~-" first'
        )
    return text
