"""The syntax of knot.conf: sections, whose items have keys and values.

It looks like YAML and is not: Knot takes plain values that YAML forbids, such as ``%s.zone``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from dnsd.importer.outcome import Place
from dnsd.importer.texts import included, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LINE = re.compile(
    r"(?P<indent>[ ]*)(?P<dash>-[ ]+)?(?P<key>[a-z0-9-]+)[ ]*:(?:[ ]+(?P<value>.*))?"
)
_PART = re.compile(r'\s+|,|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,"\[\]]+)')
_COMMENT = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^"#])*)(?:#.*)?')


class Setting(NamedTuple):
    """A key with its values."""

    place: Place
    name: str
    values: tuple[str, ...]

    @property
    def value(self) -> str:
        """Its only value."""
        if len(self.values) != 1:
            raise self.place.fault(f"{self.name} needs one value")
        return self.values[0]

    @property
    def is_on(self) -> bool:
        """Whether it is true."""
        return self.value in ("on", "true")


class KnotItem(NamedTuple):
    """An item of a section, or all of one that has no items."""

    place: Place
    section: str
    settings: list[Setting]

    @property
    def id(self) -> str:
        """What identifies it: the value of its first key."""
        return self.settings[0].value if self.settings else ""

    def get(self, name: str) -> Setting | None:
        """Return the setting that holds: the last of this name."""
        return next((one for one in self.settings[::-1] if one.name == name), None)

    def values(self, name: str) -> tuple[str, ...]:
        """Return all values of a key."""
        return tuple(value for one in self.settings if one.name == name for value in one.values)


def read(path: Path) -> list[KnotItem]:
    """Return the items of the file ``path`` and of those that it includes."""
    return _items(path, 0)


def _items(path: Path, depth: int) -> list[KnotItem]:
    items: list[KnotItem] = []
    section = ""
    for place, indent, is_new, name, text in _lines(path):
        if not indent and not is_new and name == "include":
            for inner in included(place, _values(place, text)[0], depth):
                items += _items(inner, depth + 1)
        elif not indent and not is_new:
            section = name
            items.append(KnotItem(place, section, []))
            if text:
                raise place.fault(f"{name} is not a section: its keys stand below it, indented")
        elif not section:
            raise place.fault(f"{name} stands in no section such as server:")
        else:
            if is_new:
                items.append(KnotItem(place, section, []))
            items[-1].settings.append(Setting(place, name, _values(place, text)))
    return [one for one in items if one.settings]


def _lines(path: Path) -> Iterator[tuple[Place, int, bool, str, str]]:
    """Yield each key: its place, indentation, whether it begins an item, name, value."""
    waiting = None
    for number, raw in enumerate(text_of(path).expandtabs().splitlines(), 1):
        place = Place(path, number)
        comment = _COMMENT.fullmatch(raw)
        if comment is None:
            raise place.fault("a quotation mark is never closed")
        line = comment[1].rstrip()
        if waiting:
            begun, indent, is_new, name, text = waiting
            waiting = (begun, indent, is_new, name, f"{text} {line.strip()}")
        elif not line.strip():
            continue
        elif match := _LINE.fullmatch(line):
            indent = len(match["indent"])
            waiting = (place, indent, bool(match["dash"]), match["key"], match["value"] or "")
        else:
            raise place.fault(f"{line.strip()!r} is not a key and a value, such as rundir: /run")
        if waiting[4].count("[") == waiting[4].count("]"):
            yield waiting
            waiting = None
    if waiting:
        raise waiting[0].fault("this [ is never closed")


def _values(place: Place, text: str) -> tuple[str, ...]:
    text = text.strip()
    is_list = text.startswith("[") and text.endswith("]")
    found, at = [], 0
    text = text[1:-1] if is_list else text
    while at < len(text):
        match = _PART.match(text, at)
        if not match:
            raise place.fault(f"{text[at:]!r} cannot be read")
        if match["quoted"] is not None:
            found.append(re.sub(r"\\(.)", r"\1", match["quoted"]))
        elif match["plain"]:
            found.append(match["plain"])
        at = match.end()
    if is_list:
        return tuple(found)
    return (" ".join(found),) if found else ()
