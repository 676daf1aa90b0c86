"""The syntax of gdnsd's configuration (vscf): hashes, arrays and strings, each with its line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from dnsd.importer.outcome import Place
from dnsd.importer.texts import included, text_of

if TYPE_CHECKING:
    from pathlib import Path

_TOKEN = re.compile(
    r"""(?P<blank>\s+|[#;][^\n]*)|(?P<arrow>=>?)|(?P<mark>[{}\[\],])"""
    r"""|\$include\{\s*(?P<include>(?:"(?:[^"\\]|\\.)*"|(?:[^\s"}\\]|\\.)+))\s*\}"""
    r"""|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>(?:[^\s\]\[}{;#,"=\\$]|\\.)(?:[^\s\]\[}{;#,"=\\]|\\.)*)""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:(\d{3})|(.))", re.DOTALL)
_MOST_NESTED = 50


class Value(msgspec.Struct, frozen=True):
    """A string, an array (``items``), or a hash (``pairs``)."""

    place: Place
    text: str | None = None
    items: tuple[Value, ...] = ()
    pairs: dict[str, Value] | None = None

    @property
    def string(self) -> str:
        """Its text."""
        if self.text is None:
            raise self.place.fault("a string is needed here")
        return self.text

    @property
    def hash(self) -> dict[str, Value]:
        """Its pairs."""
        if self.pairs is None:
            raise self.place.fault("a hash is needed here: { KEY => VALUE }")
        return self.pairs

    @property
    def array(self) -> tuple[Value, ...]:
        """Its items; anything else is an array of one."""
        return self.items if self.text is None and self.pairs is None else (self,)

    @property
    def is_true(self) -> bool:
        """Whether it is the boolean true."""
        return self.string.lower() == "true"


class _Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    place: Place


def read(path: Path) -> Value:
    """Return the hash (or array) that the file ``path`` contains."""
    return _Parser(path, 0).whole()


class _Parser:
    def __init__(self, path: Path, depth: int) -> None:
        self._path = path
        self._depth = depth
        self._tokens = _tokens(path)
        self._at = 0

    def whole(self) -> Value:
        start = Place(self._path, 1)
        if self._next_is("mark", "["):
            self._at += 1
            found = self._array(start, 0)
        else:
            found = self._hash(start, 0, closing="")
        if self._at < len(self._tokens):
            token = self._tokens[self._at]
            raise token.place.fault(f"{token.text!r} closes nothing")
        return found

    def _next_is(self, kind: str, text: str = "") -> bool:
        if self._at >= len(self._tokens):
            return False
        token = self._tokens[self._at]
        return token.kind == kind and (not text or token.text == text)

    def _take(self, start: Place) -> _Token:
        if self._at >= len(self._tokens):
            raise start.fault("what begins here never ends")
        self._at += 1
        return self._tokens[self._at - 1]

    def _hash(self, start: Place, nested: int, closing: str = "}") -> Value:
        pairs: dict[str, Value] = {}
        while self._at < len(self._tokens) or closing:
            token = self._take(start)
            if token.kind == "mark" and token.text == closing:
                break
            if token.kind == "include":
                for path in included(token.place, token.text, self._depth):
                    inner = _Parser(path, self._depth + 1).whole()
                    for key, value in inner.hash.items():
                        self._put(pairs, key, value)
            elif token.kind != "string":
                raise token.place.fault(f"{token.text!r} where a key is needed")
            else:
                if not self._next_is("arrow"):
                    raise token.place.fault(f"the key {token.text!r} needs => and a value")
                self._at += 1
                self._put(pairs, token.text, self._value(token.place, nested + 1))
            if self._next_is("mark", ","):
                self._at += 1
        return Value(start, pairs=pairs)

    def _put(self, pairs: dict[str, Value], key: str, value: Value) -> None:
        if key in pairs:
            raise value.place.fault(f"the key {key!r} is there twice")
        pairs[key] = value

    def _array(self, start: Place, nested: int) -> Value:
        items: list[Value] = []
        while not self._next_is("mark", "]"):
            items.append(self._value(start, nested + 1))
            if self._next_is("mark", ","):
                self._at += 1
        self._at += 1
        return Value(start, items=tuple(items))

    def _value(self, start: Place, nested: int) -> Value:
        token = self._take(start)
        if nested > _MOST_NESTED:
            raise token.place.fault("this is nested too deeply")
        match token.kind, token.text:
            case "string", text:
                return Value(token.place, text=text)
            case "mark", "{":
                return self._hash(token.place, nested)
            case "mark", "[":
                return self._array(token.place, nested)
            case "include", pattern:
                paths = included(token.place, pattern, self._depth)
                if len(paths) != 1:
                    raise token.place.fault(f"{pattern!r} must be one file here")
                return _Parser(paths[0], self._depth + 1).whole()
        raise token.place.fault(f"{token.text!r} where a value is needed")


def _tokens(path: Path) -> list[_Token]:
    text, at, line = text_of(path), 0, 1
    found: list[_Token] = []
    while at < len(text):
        match = _TOKEN.match(text, at)
        place = Place(path, line)
        if not match:
            shown = text[at : at + 20].splitlines()[0]
            raise place.fault(f"{shown!r} cannot be read: a quotation mark that is never closed?")
        if match["arrow"] or match["mark"]:
            found.append(_Token("arrow" if match["arrow"] else "mark", match[0], place))
        elif match["include"]:
            found.append(_Token("include", _plain(match["include"].strip('"')), place))
        elif match["quoted"] is not None or match["plain"]:
            word = match["quoted"] if match["quoted"] is not None else match["plain"]
            found.append(_Token("string", _plain(word), place))
        line += match[0].count("\n")
        at = match.end()
    return found


def _plain(text: str) -> str:
    """Return ``text`` without escapes."""
    return _ESCAPE.sub(lambda one: chr(min(int(one[1]), 255)) if one[1] else one[2], text)
