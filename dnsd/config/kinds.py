"""Kinds of values that a setting can have: each reads one TOML value or says why it can't.

A kind stands in the annotation of a field in :mod:`dnsd.config.model`. It knows its bounds
and their reason, but neither the key nor the file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import msgspec

from dnsd.config import origins, paths
from dnsd.config.endpoint import Endpoint
from dnsd.config.units import format_duration, format_size, parse_duration, parse_size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_T = TypeVar("_T")

_ACCOUNT = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?)?", re.ASCII)
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%", re.ASCII)

_TOML_NAMES = {bool: "true or false", int: "a number", str: "a string"}
_TOML_NAMES |= {float: "a number with a fraction", list: "a list", dict: "a table"}


@runtime_checkable
class ValueKind(Protocol):
    """Reads a value of one kind."""

    def read(self, value: object, base: Path) -> Any:
        """Return the setting for the TOML ``value``; ``base`` is where relative paths begin.

        ValueError is a sentence (or several lines of them) without the key.
        """
        ...


def name_of(value: object) -> str:
    """Return the type of ``value``, in TOML's terms."""
    return _TOML_NAMES.get(type(value), "a date or time")


def wanted(what: str, value: object) -> ValueError:
    """Return the error for a ``value`` that is not ``what`` it must be."""
    return ValueError(f"must be {what}, not {name_of(value)}")


def _bounded(value: float, low: float, high: float, show: Callable[[Any], str], why: str) -> None:
    if not low <= value <= high:
        raise ValueError(
            f"{show(value)} is out of bounds: from {show(low)} to {show(high)}, because {why}"
        )


class Count(msgspec.Struct, frozen=True):
    """A whole number from ``low`` to ``high``."""

    low: int
    high: int
    why: str

    def read(self, value: object, _base: Path) -> int:
        """Return the number."""
        if type(value) is not int:
            raise wanted("a whole number", value)
        _bounded(value, self.low, self.high, str, self.why)
        return value


class Duration(msgspec.Struct, frozen=True):
    """A duration from ``low`` to ``high`` (texts with units), held in seconds."""

    low: str
    high: str
    why: str

    def read(self, value: object, _base: Path) -> float:
        """Return the seconds."""
        if type(value) in (int, float):
            raise ValueError(f'must be a duration with its unit, such as "{value}s"')
        if not isinstance(value, str):
            raise wanted('a duration, such as "1s"', value)
        seconds = parse_duration(value)
        low, high = parse_duration(self.low), parse_duration(self.high)
        _bounded(seconds, low, high, format_duration, self.why)
        return seconds


class Size(msgspec.Struct, frozen=True):
    """A size from ``low`` to ``high`` (texts with units), held in octets."""

    low: str
    high: str
    why: str

    def read(self, value: object, _base: Path) -> int:
        """Return the octets."""
        if type(value) is int:
            octets = value
        elif isinstance(value, str):
            octets = parse_size(value)
        else:
            raise wanted('a size, such as "4MiB"', value)
        _bounded(octets, parse_size(self.low), parse_size(self.high), format_size, self.why)
        return octets


class Share(msgspec.Struct, frozen=True):
    """A share of a whole, such as ``"50%"``, held as a number from 0 to 1."""

    def read(self, value: object, _base: Path) -> float:
        """Return the number."""
        found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
        if found is None or float(found[1]) > 100:
            shown = f"{value!r}" if isinstance(value, str | int | float) else name_of(value)
            raise ValueError(f'must be a share from "0%" to "100%", not {shown}')
        return float(found[1]) / 100


class Text(msgspec.Struct, frozen=True):
    """A string of at most ``longest`` octets in UTF-8; an empty one means None."""

    longest: int
    why: str

    def read(self, value: object, _base: Path) -> str | None:
        """Return the string."""
        if not isinstance(value, str):
            raise wanted("a string", value)
        size = len(value.encode())
        if size > self.longest:
            raise ValueError(f"has {size} octets; {self.longest} are allowed, because {self.why}")
        return value or None


class AccountName(msgspec.Struct, frozen=True):
    """The name of a user or group of the system; an empty one means None."""

    def read(self, value: object, _base: Path) -> str | None:
        """Return the name; whether the account exists is checked later."""
        if not isinstance(value, str):
            raise wanted("a name in a string", value)
        if not _ACCOUNT.fullmatch(value):
            raise ValueError(f"{value!r} is not the name of a user or group")
        return value or None


class Flag(msgspec.Struct, frozen=True):
    """True or false."""

    def read(self, value: object, _base: Path) -> bool:
        """Return the value."""
        if not isinstance(value, bool):
            raise wanted("true or false", value)
        return value


class OneOf(msgspec.Struct, frozen=True):
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, value: object, _base: Path) -> str:
        """Return the word."""
        if value not in self.words:
            listed = " or ".join(f'"{word}"' for word in self.words)
            shown = f"{value!r}" if isinstance(value, str) else name_of(value)
            raise ValueError(f"must be {listed}, not {shown}")
        return str(value)


class Texts(msgspec.Struct, frozen=True):
    """A list of strings."""

    def read(self, value: object, _base: Path) -> tuple[str, ...]:
        """Return the strings in their order."""
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise wanted("a list of strings", value)
        return tuple(items)


class FilePath(msgspec.Struct, frozen=True):
    """A path; a relative one begins at the directory of the configuration file."""

    def read(self, value: object, base: Path) -> Path:
        """Return the path."""
        if not isinstance(value, str):
            raise wanted("a path in a string", value)
        if not value or "\x00" in value:
            raise ValueError("must be a path, not an empty string or one with a NUL")
        return base / value


class FilePaths(msgspec.Struct, frozen=True):
    """A list of paths, or one of them as a string."""

    def read(self, value: object, base: Path) -> tuple[Path, ...]:
        """Return the paths in their order."""
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list):
            raise wanted("a list of paths", value)
        return read_items(items, lambda item: FilePath().read(item, base))


class SocketPath(msgspec.Struct, frozen=True):
    """The path of a unix socket: a path that the kernel limits."""

    def read(self, value: object, base: Path) -> Path:
        """Return the path."""
        return check_socket_path(FilePath().read(value, base))


def check_socket_path(path: Path) -> Path:
    """Return ``path`` unless it is too long for a unix socket (ValueError)."""
    size = len(str(path).encode())
    if size > paths.MAX_SOCKET_PATH:
        raise ValueError(
            f"{path} has {size} octets; the path of a unix socket may have {paths.MAX_SOCKET_PATH}"
        )
    return path


class Origin(msgspec.Struct, frozen=True):
    """The name of a zone."""

    def read(self, value: object, _base: Path) -> str:
        """Return the name, absolute and in lower case."""
        if not isinstance(value, str):
            raise wanted("a zone's name in a string", value)
        return origins.normal(value)


class Endpoints(msgspec.Struct, frozen=True):
    """A list of addresses to listen on, or one of them as a string."""

    def read(self, value: object, _base: Path) -> tuple[Endpoint, ...]:
        """Return the endpoints in their order."""
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list):
            raise wanted("a list of ADDRESS:PORT", value)
        if not items:
            raise ValueError('needs at least one address, such as "127.0.0.1:53"')
        return parse_endpoints(items)


def parse_endpoints(items: list[Any]) -> tuple[Endpoint, ...]:
    """Return the endpoints that ``items`` name; ValueError tells every fault, a line each."""
    return read_items(items, _endpoint)


def read_items(items: list[Any], read: Callable[[Any], _T]) -> tuple[_T, ...]:
    """Return what ``read`` makes of each item; ValueError tells every fault, a line each."""
    found: list[_T] = []
    faults: list[str] = []
    for item in items:
        try:
            one = read(item)
        except ValueError as error:
            faults.append(str(error))
            continue
        if one in found:
            faults.append(f"{str(one)!r} is listed twice")
        found.append(one)
    if faults:
        raise ValueError("\n".join(faults))
    return tuple(found)


def _endpoint(item: object) -> Endpoint:
    if not isinstance(item, str):
        raise wanted("a list of ADDRESS:PORT in strings", item)
    return Endpoint.parse(item)
