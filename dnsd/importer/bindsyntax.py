"""The syntax of named.conf: statements of words and blocks, each with its line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from dnsd.importer.outcome import Place
from dnsd.importer.texts import included, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TOKEN = re.compile(
    r"""(?P<blank>\s+|//[^\n]*|\#[^\n]*|/\*.*?\*/)|(?P<mark>[{};!])"""
    r"""|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>(?:(?!/\*|//)[^\s{};!"])+)""",
    re.DOTALL,
)
_MOST_NESTED = 50


class _Token(NamedTuple):
    """A word or a mark, with its line; ``mark`` is empty for a word."""

    text: str
    mark: str
    place: Place


class Statement(NamedTuple):
    """What ends with a semicolon: words, and blocks of statements, in their order."""

    place: Place
    parts: tuple[str | tuple[Statement, ...], ...]

    @property
    def name(self) -> str:
        """Its first word; empty if it begins with a block."""
        first = self.parts[0] if self.parts else ""
        return first if isinstance(first, str) else ""

    @property
    def words(self) -> tuple[str, ...]:
        """Its words, without the first one."""
        return tuple(part for part in self.parts if isinstance(part, str))[bool(self.name) :]

    @property
    def block(self) -> tuple[Statement, ...]:
        """Its first block; empty if there is none."""
        return next((part for part in self.parts if not isinstance(part, str)), ())

    @property
    def value(self) -> str:
        """Its only word after the name."""
        if len(self.words) != 1:
            raise self.place.fault(f"{self.name} needs one value")
        return self.words[0]

    def after(self, word: str) -> str | None:
        """Return the word after ``word``, if it is there."""
        words = self.words
        return words[words.index(word) + 1] if word in words[:-1] else None

    def all(self, *names: str) -> list[Statement]:
        """Return the statements of its block with one of these names."""
        return [one for one in self.block if one.name in names]

    def last(self, *names: str) -> Statement | None:
        """Return the last of them."""
        return next(iter(self.all(*names)[::-1]), None)


def read(path: Path) -> tuple[Statement, ...]:
    """Return the statements of the file ``path``, with those that it includes in their places."""
    return _statements(path, 0)


def _statements(path: Path, depth: int) -> tuple[Statement, ...]:
    tokens = [*_tokens(path)]
    statements, at = _block(tokens, 0, 0)
    if at < len(tokens):
        raise tokens[at].place.fault("there is a } that closes nothing")
    return tuple(_with_included(statements, depth))


def _with_included(statements: tuple[Statement, ...], depth: int) -> Iterator[Statement]:
    for one in statements:
        if one.name == "include" and not one.block:
            for path in included(one.place, one.value, depth):
                yield from _statements(path, depth + 1)
        else:
            parts = (
                part if isinstance(part, str) else tuple(_with_included(part, depth))
                for part in one.parts
            )
            yield one._replace(parts=tuple(parts))


def _block(tokens: list[_Token], at: int, depth: int) -> tuple[tuple[Statement, ...], int]:
    """Return the statements from ``at`` on, and where the block ends."""
    found: list[Statement] = []
    parts: list[str | tuple[Statement, ...]] = []
    begun = tokens[at].place if at < len(tokens) else None
    while at < len(tokens) and tokens[at].mark != "}":
        token = tokens[at]
        begun = begun if parts else token.place
        at += 1
        if token.mark == ";":
            if parts and begun:
                found.append(Statement(begun, tuple(parts)))
            parts = []
        elif token.mark == "{":
            if depth >= _MOST_NESTED:
                raise token.place.fault("blocks are nested too deeply")
            inner, at = _block(tokens, at, depth + 1)
            if at >= len(tokens):
                raise token.place.fault("this { is never closed")
            parts.append(inner)
            at += 1
        else:
            parts.append(token.mark or token.text)
    if parts and begun:
        raise begun.fault("a ; is missing behind this statement")
    return tuple(found), at


def _tokens(path: Path) -> Iterator[_Token]:
    text, at, line = text_of(path), 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        place = Place(path, line)
        if not match:
            raise place.fault("a quotation mark or a comment is never closed")
        if match["mark"]:
            yield _Token("", match["mark"], place)
        elif match["quoted"] is not None:
            yield _Token(match["quoted"].replace('\\"', '"'), "", place)
        elif match["plain"]:
            yield _Token(match["plain"], "", place)
        line += match[0].count("\n")
        at = match.end()
