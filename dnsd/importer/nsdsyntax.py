"""The syntax of nsd.conf: sections of attributes and values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from dnsd.importer.outcome import Place
from dnsd.importer.texts import included, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WORD = re.compile(
    r"""\s+|#[^\n]*|"(?P<double>[^"\n]*)"|'(?P<single>[^'\n]*)'|(?P<plain>[^\s"'#]+)"""
)
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9-]*:")

SECTIONS = ("server", "remote-control", "key", "tls-auth", "pattern", "zone", "verify", "dnstap")


class Attribute(NamedTuple):
    """An attribute and its values."""

    place: Place
    name: str
    values: tuple[str, ...]

    @property
    def value(self) -> str:
        """Its only value."""
        if len(self.values) != 1:
            raise self.place.fault(f"{self.name} needs one value, not {len(self.values)}")
        return self.values[0]


class Section(NamedTuple):
    """A section with its attributes."""

    place: Place
    name: str
    attributes: list[Attribute]

    def all(self, name: str) -> list[Attribute]:
        """Return the attributes of this name."""
        return [one for one in self.attributes if one.name == name]

    def last(self, name: str) -> Attribute | None:
        """Return the attribute of this name that holds: the last one."""
        return next(iter(self.all(name)[::-1]), None)


def read(path: Path) -> list[Section]:
    """Return the sections of the file ``path`` and of the files that it includes."""
    sections: list[Section] = []
    for attribute in _attributes(path, 0):
        if attribute.name in SECTIONS and not attribute.values:
            sections.append(Section(attribute.place, attribute.name, []))
        elif not sections:
            raise attribute.place.fault(f"{attribute.name}: stands in no section such as server:")
        else:
            sections[-1].attributes.append(attribute)
    return sections


def _attributes(path: Path, depth: int) -> Iterator[Attribute]:
    name, values, place = "", [], Place(path, 1)
    for word, is_quoted, line in _words(path):
        if is_quoted or not _ATTRIBUTE.fullmatch(word):
            if not name:
                raise Place(path, line).fault(f"{word!r} is not an attribute, such as server:")
            values.append(word)
            continue
        if name:
            yield from _whole(Attribute(place, name, tuple(values)), depth)
        name, values, place = word[:-1], [], Place(path, line)
    if name:
        yield from _whole(Attribute(place, name, tuple(values)), depth)


def _whole(attribute: Attribute, depth: int) -> Iterator[Attribute]:
    """Yield the attribute, or those of the files that it includes."""
    if attribute.name != "include":
        yield attribute
        return
    for path in included(attribute.place, attribute.value, depth):
        yield from _attributes(path, depth + 1)


def _words(path: Path) -> Iterator[tuple[str, bool, int]]:
    """Yield each word, whether it was quoted, and its line."""
    text, at, line = text_of(path), 0, 1
    while at < len(text):
        match = _WORD.match(text, at)
        if not match:
            raise Place(path, line).fault("a quotation mark is never closed")
        word = match["double"] if match["double"] is not None else match["single"]
        if match["plain"]:
            yield match["plain"], False, line
        elif word is not None:
            yield word, True, line
        line += match[0].count("\n")
        at = match.end()
