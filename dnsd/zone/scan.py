"""Master file text to entries: tokens, quotes, parentheses and comments (RFC 1035 §5.1).

Knows nothing of what the tokens mean. Text is one character for each octet of the file
(latin-1), so that every octet survives; callers that need UTF-8 decode it from there. Escapes
stay in the tokens as they were written. A fault costs as little of the file as possible: the
scanner goes on at the next line, or, when it was inside parentheses, at the next line that
does not begin with white space.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"

_TOKEN = re.compile(
    r"""
      ((?> (?: [^ \t\r\n"();\\\x00]++ | \\[^\r\n\x00] )+ ))  # 1: a word
    | "((?> (?: [^"\\\n\x00]++ | \\[^\n\x00] )* ))"          # 2: a quoted string
    | ([\n\r])
    | (\()
    | (\))
    | [ \t]++ | ;[^\r\n]*+
    """,
    re.VERBOSE,
)
_WORD, _QUOTED, _NEWLINE, _OPEN, _CLOSE = range(1, 6)
_VALUES = (_WORD, _QUOTED)

_GAP = re.compile(r"(?>(?:[ \t]*+(?:;[^\r\n]*+)?[\r\n])*)(?:[ \t]*+(?:;[^\r\n]*+)?\Z)?")
"""Blank lines and lines that are only a comment."""

_RECORD_START = re.compile(r"\n(?=[^\s;)])")
_MAX_UNCLOSED = 16
"""After so many unclosed parentheses the rest of the file is skipped: each costs a pass over it."""


@dataclass(slots=True)
class Token:
    """A word or a quoted string, its escapes untouched; ``spaced``: not glued to what precedes."""

    text: str
    quoted: bool = False
    spaced: bool = True


@dataclass(slots=True)
class Entry:
    """One logical line: a record or a directive; at least one token.

    ``line`` is where it begins, counted from 1; ``blank`` says that it begins with white
    space, which means "the same owner as before".
    """

    line: int
    blank: bool
    tokens: list[Token]


@dataclass(slots=True)
class SyntaxFault:
    """Text that cannot be an entry, and the line where the fault begins."""

    line: int
    code: str
    message: str


def decode(data: bytes) -> str:
    """Return the text of a file: a byte order mark is dropped, CRLF ends a line like LF."""
    data = data.removeprefix(_BOM)
    if b"\r\n" in data:
        data = data.replace(b"\r\n", b"\n")
    return data.decode("latin-1")


class Scanner:
    """Yields the entries of a text; ``at`` and ``line`` say where the next one is looked for.

    The caller may advance both after reading a line by other means.
    """

    def __init__(self, text: str, entry_octets: int) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self._limit = entry_octets
        self._unclosed = 0

    def next(self) -> Entry | SyntaxFault | None:
        """Return the next entry, or a fault in its place, or None at the end of the text."""
        self.skip_blank()
        while self.at < len(self.text):
            found = self._read()
            if isinstance(found, SyntaxFault) or found.tokens:
                return found
            self.skip_blank()
        return None

    def skip_blank(self) -> None:
        """Move on over blank lines and lines that are only a comment."""
        gap = _GAP.match(self.text, self.at)
        if gap is not None:
            self.line += gap[0].count("\n")
            self.at = gap.end()

    def _read(self) -> Entry | SyntaxFault:
        """Read the entry that begins here."""
        text, at, line = self.text, self.at, self.line
        entry = Entry(line, text[at] in " \t", [])
        opened: list[tuple[int, int]] = []
        spaced = True
        while found := _TOKEN.match(text, at):
            kind = found.lastindex
            if kind in _VALUES:
                entry.tokens.append(Token(found[kind], kind == _QUOTED, spaced))
            elif kind == _NEWLINE:
                line += found[0] == "\n"
                if not opened:
                    at = found.end()
                    break
            elif kind == _OPEN:
                opened.append((line, at))
            elif kind == _CLOSE:
                if not opened:
                    return self._skip_line(line, at, _STRAY)
                opened.pop()
            spaced = kind not in _VALUES
            at = found.end()
            if at - self.at > self._limit:
                return self._give_up(entry.line, self.at, _TOO_LONG)
        else:
            if at < len(text):
                skip = self._skip_record if opened else self._skip_line
                return skip(line, at, _NO_TOKEN.get(text[at], _NUL))
            if opened:
                return self._give_up(*opened[0], _UNCLOSED)
        self.at, self.line = at, line
        return entry

    def _skip_line(self, line: int, at: int, what: tuple[str, str]) -> SyntaxFault:
        """Go on at the line after the one with ``at``."""
        end = self.text.find("\n", at)
        self.at = len(self.text) if end < 0 else end + 1
        self.line = line + 1
        return SyntaxFault(line, *what)

    def _skip_record(self, line: int, at: int, what: tuple[str, str]) -> SyntaxFault:
        """Go on at the next line after ``at`` that begins in the first column."""
        found = _RECORD_START.search(self.text, at)
        self.at = found.end() if found else len(self.text)
        self.line = line + self.text.count("\n", at, self.at)
        return SyntaxFault(line, *what)

    def _give_up(self, line: int, at: int, what: tuple[str, str]) -> SyntaxFault:
        """Go on like :meth:`_skip_record`; after too many of these, at the end of the text."""
        self._unclosed += 1
        fault = self._skip_record(line, at, what)
        if self._unclosed >= _MAX_UNCLOSED:
            self.at = len(self.text)
        return fault


_STRAY = (
    "unbalanced-parenthesis",
    "a parenthesis is closed that was not opened on this line: "
    "remove it, or open one before the first line break of the record",
)
_UNCLOSED = (
    "unbalanced-parenthesis",
    "the parenthesis opened here is never closed: put ')' at the end of the record",
)
_TOO_LONG = (
    "entry-too-long",
    "the record that begins here does not end within a million octets: "
    "look for a parenthesis that is not closed",
)
_QUOTE = (
    "unterminated-quote",
    "the quoted string on this line does not end on it: "
    'close it with ", and write \\010 for a line break inside a string',
)
_BACKSLASH = (
    "bad-escape",
    "a backslash at the end of a line escapes nothing: remove it, or write \\\\ for a backslash",
)
_NUL = (
    "nul-octet",
    "the line holds a NUL octet: save the file as plain text, and write \\000 for such an octet",
)
_NO_TOKEN = {'"': _QUOTE, "\\": _BACKSLASH}
