"""Kinds of values in the policy of a zone: owners, TTLs, ways to fail back, members.

As in :mod:`dnsd.config.kinds`: each reads one TOML value, or says in a sentence why it can't.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from dnsd.config import origins
from dnsd.config.kinds import Count, Duration, OneOf, wanted
from dnsd.config.members import read_member
from dnsd.config.netkinds import MOST_NODES, read_each
from dnsd.config.pattern import Pattern
from dnsd.config.statuscodes import FIRST, LAST, read_range
from dnsd.config.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LONGEST_TTL = 2_147_483_647
"""RFC 2181 §8: a TTL has 31 bits."""

HEAVIEST = 1000

MOST_TAKEN = 32
"""Members of a pool."""

PUBLIC, PRIVATE = ".key", ".private"
"""The suffixes of a key's files."""

_TYPES = OneOf(("A", "AAAA", "CNAME"))
_HOLD = Duration("1s", "7d", 'failback = "manual" waits longer')
_STATUS = Count(FIRST, LAST, "HTTP has no other status codes")
_WEIGHT = Count(0, HEAVIEST, "weights count only beside each other")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,15}", re.ASCII)
_QUORUM = re.compile(r"quorum:(\d{1,4})/(\d{1,4})", re.ASCII)
_SOME = re.compile(r"some:(\d{1,4})", re.ASCII)
_SHOWN = 60
"""Characters of a long value that a message repeats."""

_CONTROL = re.compile(r"[\x00-\x20\x7f]")


class Failback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a recovered member comes back: ``"auto"``, ``"hold:300s"``, ``"manual"``.

    ``seconds`` is how long it is held; 0 unless ``kind`` is ``"hold"``.
    """

    kind: Literal["auto", "hold", "manual"] = "auto"
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"hold:{format_duration(self.seconds)}" if self.kind == "hold" else self.kind


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who decides on a member's state: ``"local"``, this node; ``"quorum:2/3"``, two of three.

    ``need`` of ``nodes`` must agree that it is down, or up; that is a majority, so that both
    cannot happen at once.
    """

    kind: Literal["local", "quorum"] = "local"
    need: int = 1
    nodes: int = 1

    def __str__(self) -> str:
        return f"quorum:{self.need}/{self.nodes}" if self.kind == "quorum" else self.kind


class Owner(msgspec.Struct, frozen=True):
    """The owner of an RRset, as zone files write it: ``@``, relative, or with a final dot."""

    def read(self, value: object, _base: Path) -> str:
        """Return the name in lower case; without a final dot it has yet to be completed."""
        if not isinstance(value, str):
            raise wanted("a name in a string", value)
        if value == "@":
            return value
        name = origins.normal(value)
        return name if origins.is_absolute(value) else name.removesuffix(".")


class Name(msgspec.Struct, frozen=True):
    """A domain name; it is absolute even without a final dot."""

    def read(self, value: object, _base: Path) -> str:
        """Return the name, absolute and in lower case."""
        if not isinstance(value, str):
            raise wanted("a name in a string", value)
        return origins.normal(value)


class PoolType(msgspec.Struct, frozen=True):
    """The type of a pool's records."""

    def read(self, value: object, base: Path) -> str:
        """Return it."""
        if value in ("ALIAS", "ANAME"):
            raise ValueError(
                f'"{value}" is not a record type: write [[alias]] instead of [[pool]], with a '
                "name and its target; its A and AAAA records follow the addresses of the target"
            )
        return _TYPES.read(value, base)


class Ttl(msgspec.Struct, frozen=True):
    """A TTL: whole seconds, as a number or as a duration."""

    def read(self, value: object, _base: Path) -> int:
        """Return the seconds."""
        if type(value) is int:
            seconds: float = value
        elif isinstance(value, str):
            seconds = parse_duration(value)
        else:
            raise wanted('a TTL: a number of seconds, or a duration such as "1m"', value)
        if seconds != int(seconds):
            raise ValueError(f"{value!r} is not a TTL: write whole seconds")
        if not 0 <= seconds <= LONGEST_TTL:
            raise ValueError(f"{value} is out of bounds: a TTL is from 0 to {LONGEST_TTL}")
        return int(seconds)


class FailbackKind(msgspec.Struct, frozen=True):
    """``"auto"``, ``"manual"``, or ``"hold:"`` and a duration."""

    def read(self, value: object, base: Path) -> Failback:
        """Return what it says."""
        match value:
            case "auto":
                return Failback("auto")
            case "manual":
                return Failback("manual")
            case str() if value.startswith("hold:"):
                return Failback("hold", _HOLD.read(value.removeprefix("hold:"), base))
        shown = f"{value!r}" if isinstance(value, str) else None
        what = '"auto", "manual", or "hold:" and a duration, such as "hold:300s"'
        raise ValueError(f"must be {what}, not {shown}") if shown else wanted(what, value)


class ScopeKind(msgspec.Struct, frozen=True):
    """``"local"``, or ``"quorum:"`` and how many nodes of how many must agree."""

    def read(self, value: object, _base: Path) -> Scope:
        """Return what it says."""
        what = '"local", or "quorum:2/3": so many nodes of so many must agree'
        if not isinstance(value, str):
            raise wanted(what, value)
        if value == "local":
            return Scope()
        if not (match := _QUORUM.fullmatch(value)):
            raise ValueError(f"must be {what}, not {value!r}")
        need, nodes = int(match[1]), int(match[2])
        if not 1 <= nodes <= MOST_NODES:
            raise ValueError(f"{value!r} is out of bounds: from 1 to {MOST_NODES} nodes can vote")
        if need > nodes:
            raise ValueError(f"{value!r} can never be reached: there are only {nodes} nodes")
        if 2 * need <= nodes:
            raise ValueError(
                f"{value!r} is not a majority: {need} could say that a member is up, and {need} "
                f"others that it is down; it takes {nodes // 2 + 1} of {nodes} at least"
            )
        return Scope("quorum", need, nodes)


class Quorum(msgspec.Struct, frozen=True):
    """How many members: a number, or a fraction of all of them."""

    def read(self, value: object, _base: Path) -> int | float:
        """Return the number, or the fraction: it is below 1."""
        if type(value) is int and value >= 1:
            return value
        if type(value) is float and 0 < value < 1:
            return value
        what = "a number of members from 1, or a fraction of them between 0 and 1, such as 0.5"
        if type(value) in (int, float):
            raise ValueError(f"must be {what}, not {value}")
        raise wanted(what, value)


class SelectKind(msgspec.Struct, frozen=True):
    """How many of the members that are up an answer has: "all", "one", "some:2", and so on."""

    def read(self, value: object, _base: Path) -> str:
        """Return the text, the number without leading zeros."""
        what = (
            '"all", "first", "one", "weighted", "sticky", or "some:" and a number, such as "some:2"'
        )
        if not isinstance(value, str):
            raise wanted(what, value)
        if value in {"all", "first", "one", "weighted", "sticky"}:
            return value
        if not (match := _SOME.fullmatch(value)):
            raise ValueError(f"must be {what}, not {value!r}")
        if not 1 <= int(match[1]) <= MOST_TAKEN:
            raise ValueError(f"{value!r} is out of bounds: from 1 to {MOST_TAKEN} can be answered")
        return f"some:{int(match[1])}"


class StatusCodes(msgspec.Struct, frozen=True):
    """HTTP status codes and ranges of them, such as ``"200-299"``, or one of these."""

    def read(self, value: object, base: Path) -> tuple[int, ...]:
        """Return the codes in their order."""
        items = value if isinstance(value, list) else [value]
        if not items:
            raise ValueError("needs at least one status code, such as 200")
        return tuple(code for item in items for code in self._codes(item, base))

    def _codes(self, item: object, base: Path) -> Iterable[int]:
        return read_range(item) if isinstance(item, str) else (_STATUS.read(item, base),)


class Regex(msgspec.Struct, frozen=True):
    """A regular expression; an empty one means None."""

    def read(self, value: object, _base: Path) -> str | None:
        """Return the expression as it is written."""
        if not isinstance(value, str):
            raise wanted("a regular expression in a string", value)
        try:
            Pattern(value)
        except ValueError as error:
            raise ValueError(f"{_beginning(value)!r}: {error}") from None
        return value or None


class RequestToken(msgspec.Struct, frozen=True):
    """Text without blanks that goes into a request; ``first`` is what it must begin with."""

    what: str
    first: str = ""

    def read(self, value: object, _base: Path) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise wanted(f"{self.what} in a string", value)
        if not value.startswith(self.first):
            raise ValueError(f"{value!r} is not {self.what}: it begins with {self.first!r}")
        if not value or _CONTROL.search(value) or not value.isascii():
            raise ValueError(f"{value!r} is not {self.what}: ASCII without blanks")
        return value


class FreeText(msgspec.Struct, frozen=True):
    """Any text of at most ``longest`` characters, without control characters."""

    longest: int

    def read(self, value: object, _base: Path) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise wanted("a string", value)
        if len(value) > self.longest or not value.isprintable():
            shown = _beginning(value)
            raise ValueError(f"{shown!r} is not text of up to {self.longest} printable characters")
        return value


class TypeName(msgspec.Struct, frozen=True):
    """The name of a type of records."""

    def read(self, value: object, _base: Path) -> str:
        """Return the name in upper case; whether there is such a type is seen later."""
        if not isinstance(value, str):
            raise wanted("the name of a type in a string", value)
        if not _TYPE.fullmatch(value):
            raise ValueError(f"{value!r} is not the name of a type, such as A")
        return value.upper()


class KeyFiles(msgspec.Struct, frozen=True):
    """A list of keys, each a pair of files ``K*.key`` and ``K*.private``, named with or without."""

    def read(self, value: object, base: Path) -> tuple[str, ...]:
        """Return the paths without what the two files end in."""
        what = "a list of the keys' files in strings"
        return read_each(value, what, lambda text: self._path(text, base))

    def _path(self, text: str, base: Path) -> str:
        stem = text.removesuffix(PRIVATE).removesuffix(PUBLIC)
        if not stem or "\x00" in stem:
            raise ValueError(f"{text!r} is not a key: its file is named Kexample.com.+013+12345")
        return str(base / stem)


class MemberNames(msgspec.Struct, frozen=True):
    """A list of members: IP addresses, or absolute names."""

    def read(self, value: object, _base: Path) -> tuple[str, ...]:
        """Return the members in their order and usual form."""
        return read_each(value, "a list of addresses in strings", read_member)


class Tiers(msgspec.Struct, frozen=True):
    """A list of lists of members."""

    def read(self, value: object, base: Path) -> tuple[tuple[str, ...], ...]:
        """Return the tiers in their order."""
        if not isinstance(value, list) or not all(isinstance(item, list) for item in value):
            what = 'a list of tiers, each a list of addresses, such as [["192.0.2.1"]]'
            raise (
                wanted(what, value)
                if not isinstance(value, list)
                else ValueError(f"must be {what}")
            )
        tiers = tuple(MemberNames().read(item, base) for item in value)
        if not all(tiers[1:]):
            raise ValueError("only the first tier may be empty: it has what the others don't name")
        named = [address for tier in tiers for address in tier]
        twice = sorted({address for address in named if named.count(address) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} cannot be in two tiers")
        return tiers


class Weights(msgspec.Struct, frozen=True):
    """A table of members, each with its weight."""

    def read(self, value: object, base: Path) -> dict[str, int]:
        """Return the weights by member in its usual form."""
        if not isinstance(value, dict):
            raise wanted('a table, such as { "192.0.2.1" = 2 }', value)
        found: dict[str, int] = {}
        faults: list[str] = []
        for text, weight in value.items():
            try:
                member = read_member(text)
                if member in found:
                    faults.append(f"{text!r} is listed twice")
                found[member] = _WEIGHT.read(weight, base)
            except ValueError as error:
                faults.append(f"{text}: {error}" if repr(text) not in str(error) else str(error))
        if faults:
            raise ValueError("\n".join(faults))
        return found


def _beginning(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
