"""Zone files of gdnsd as ordinary ones: DYNA and DYNC become records, with their policy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dnsd.config import origins
from dnsd.importer.outcome import Outcome, Place, Table
from dnsd.importer.texts import included, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dnsd.importer.gdnsdpools import Resource, Resources

_DYNAMIC = re.compile(
    r"(?P<owner>\S*)\s+(?:(?P<first>[0-9]\S*)\s+)?(?:IN\s+)?(?:(?P<second>[0-9]\S*)\s+)?"
    r"(?P<type>DYN[AC])\s+(?P<resource>\S+)\s*",
    re.IGNORECASE,
)
_DIRECTIVE = re.compile(r"\$(?P<name>\w+)\s+(?P<rest>.*)", re.DOTALL)
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|;[^\n]*|\\.|[^";\\]+|.', re.DOTALL)
_SPECIAL = re.compile(r"(?<![^\s.])@([ZF])(?![^\s;)])")
_TIME = re.compile(r"(?:\d+[wdhms]?)+", re.IGNORECASE)
_UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1, "": 1}


class ZoneWriter:
    """Writes one zone again; ``pools`` are the ``[[pool]]`` of its policy."""

    def __init__(self, outcome: Outcome, origin: str, resources: Resources) -> None:
        self._outcome = outcome
        self._zone = origin
        self._resources = resources
        self._taken: dict[tuple[str, str], str] = {}
        self._current = origin
        self._ttl = ""
        self._owner = ""
        self.pools: list[Table] = []

    def text(self, path: Path) -> str:
        """Return the text of the zone file ``path``."""
        return "".join(self._lines(path, self._zone, 0))

    def _lines(self, path: Path, base: str, depth: int) -> Iterator[str]:
        for place, raw in _entries(path):
            line = self._plain_origins(raw, base)
            body = _without_comment(line)
            directive = _DIRECTIVE.fullmatch(body.strip())
            dynamic = _DYNAMIC.fullmatch(body.rstrip("\n"))
            if directive and directive["name"].upper() == "INCLUDE":
                yield from self._included(place, directive["rest"].split(), depth)
                continue
            if directive:
                self._note(place, directive["name"].upper(), directive["rest"].strip())
            elif body.strip() and not body[:1].isspace():
                self._owner = self._named(place, body.split()[0])
            yield "".join(self._dynamic(place, dynamic)) if dynamic else line

    def _note(self, place: Place, name: str, rest: str) -> None:
        if name == "ORIGIN":
            self._current = self._named(place, rest)
        elif name == "TTL":
            self._ttl = rest

    def _named(self, place: Place, name: str) -> str:
        try:
            return origins.complete(name, self._current)
        except ValueError as error:
            raise place.fault(str(error)) from None

    def _included(self, place: Place, words: list[str], depth: int) -> Iterator[str]:
        """Yield the lines of another file; what it sets ends with it."""
        if not words:
            raise place.fault("$INCLUDE needs a file")
        before = self._current, self._ttl
        base = self._named(place, words[1]) if len(words) > 1 else self._current
        for path in included(place, words[0].strip('"'), depth):
            self._current = base
            yield f"$ORIGIN {base}\n"
            yield from self._lines(path, base, depth + 1)
        self._current, self._ttl = before
        yield f"\n$ORIGIN {self._current}\n"
        if self._ttl:
            yield f"$TTL {self._ttl}\n"

    def _plain_origins(self, line: str, base: str) -> str:
        """Return the line with the names that @Z and @F stand for."""
        if "@Z" not in line and "@F" not in line:
            return line
        names = {"Z": self._zone, "F": base}
        return "".join(
            piece if piece[:1] in ('"', ";") else _SPECIAL.sub(lambda one: names[one[1]], piece)
            for piece in _PIECE.findall(line)
        )

    def _dynamic(self, place: Place, found: re.Match[str]) -> Iterator[str]:
        """Yield the records that DYNA or DYNC becomes, and keep their policy."""
        owner = self._named(place, found["owner"]) if found["owner"] else self._owner
        name = found["resource"]
        resources = self._resources.of(name)
        most, least = _ttls(place, found["first"] or found["second"] or "")
        if resources is None:
            self._outcome.lost(
                place,
                f"{owner} {found['type']} {name}",
                "the zone has no record of it now: see the note about its plugin, or that it is "
                "not configured",
            )
            yield f"; not taken over: {found[0].strip()}\n"
            return
        for one in resources:
            yield from self._records(place, owner, one, most)
            self._pool(owner, one, most, least)

    def _records(self, place: Place, owner: str, one: Resource, most: int | None) -> Iterator[str]:
        key = (owner, one.rtype)
        if self._taken.setdefault(key, str(place)) != str(place):
            raise place.fault(f"{owner} {one.rtype} is there twice: in {self._taken[key]}, too")
        # A CNAME stands alone: the policy has the others.
        members = one.members[:1] if one.rtype == "CNAME" else one.members
        ttl = "" if most is None else f"{most} "
        for member in members:
            yield f"{owner} {ttl}IN {one.rtype} {member}\n"

    def _pool(self, owner: str, one: Resource, most: int | None, least: int | None) -> None:
        if not one.policy:
            return
        pool: Table = {"name": owner, "type": one.rtype, **one.policy}
        if least is not None:
            pool["ttl_min"] = least
        elif most is not None:
            pool["ttl_min"] = max(1, most // 2)
        if one.rtype == "CNAME":
            pool["members"] = list(one.members)
        self.pools.append(pool)


def _ttls(place: Place, text: str) -> tuple[int | None, int | None]:
    """Return the longest and the shortest TTL of ``MAX[/MIN]``, None where not given."""
    if not text:
        return None, None
    most, _, least = text.partition("/")
    return _seconds(place, most), _seconds(place, least) if least else None


def _seconds(place: Place, text: str) -> int:
    if not _TIME.fullmatch(text):
        raise place.fault(f"{text!r} is not a TTL")
    parts = re.findall(r"(\d+)([wdhms]?)", text.lower())
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _entries(path: Path) -> Iterator[tuple[Place, str]]:
    """Yield each entry with its place: lines that parentheses or quotes hold together are one."""
    begun, entry = 1, ""
    for number, line in enumerate(text_of(path).splitlines(keepends=True), 1):
        begun = begun if entry else number
        entry += line
        pieces = _PIECE.findall(entry)
        plain = "".join(piece for piece in pieces if piece[:1] not in ('"', ";", "\\"))
        depth = plain.count("(") - plain.count(")")
        if depth <= 0:
            yield Place(path, begun), entry
            entry = ""
    if entry:
        raise Place(path, begun).fault("a parenthesis is never closed")


def _without_comment(line: str) -> str:
    return "".join(piece for piece in _PIECE.findall(line) if piece[:1] != ";")
