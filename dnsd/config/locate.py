"""Where in a TOML text a key stands: tomllib tells values, not places.

Knows just enough of TOML to walk over strings, comments and brackets; the text has been read
by tomllib before, so it is well-formed. Keys inside inline tables are not looked for.
"""

from __future__ import annotations

import re

KeyPath = tuple[str | int, ...]
"""Keys from the top; an element of an array of tables is a number, from 1."""

_TOKEN = re.compile(
    r"""
      (?P<string> \"\"\"(?:\\.|[^\\])*?\"\"\"\"{0,2} | '''.*?''''{0,2}
                | "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
    | (?P<comment> \#[^\n]* )
    | (?P<open> [\[{] )
    | (?P<close> [\]}] )
    | (?P<newline> \n )
    | (?P<other> [^\s"'\#\[\]{}]+ | [^\S\n]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)


def lines(text: str) -> dict[KeyPath, int]:
    """Return the line, from 1, of every table header and of every key at its own line.

    An array of tables as a whole is where its first one is.
    """
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    for number, statement in _statements(text.replace("\r\n", "\n")):
        if statement.startswith("["):
            table = _header(statement, counts)
            found.setdefault(table, number)
            if isinstance(table[-1], int):
                found.setdefault(table[:-1], number)
        else:
            found[(*table, *_keys(statement))] = number
    return found


def nearest(found: dict[KeyPath, int], path: KeyPath) -> int:
    """Return the line of ``path``, or of the innermost table around it; 0 if unknown."""
    while path and path not in found:
        path = path[:-1]
    return found.get(path, 0)


def _statements(text: str) -> list[tuple[int, str]]:
    """Return each statement with its line: what stands between newlines outside brackets."""
    found = []
    line, start, depth, current = 1, 1, 0, ""
    for token in _TOKEN.finditer(text):
        if token["newline"] and depth == 0:
            if current.strip():
                found.append((start, current.strip()))
            current = ""
        elif not token["comment"]:
            start = start if current.strip() else line
            depth += bool(token["open"]) - bool(token["close"])
            current += token[0]
        line += token[0].count("\n")
    if current.strip():
        found.append((start, current.strip()))
    return found


def _header(statement: str, counts: dict[KeyPath, int]) -> KeyPath:
    """Return the path of the table that ``[a.b]`` or ``[[a.b]]`` opens."""
    path: KeyPath = ()
    keys = _keys(statement.strip("[]").strip())
    for key in keys:
        path = (*path, key)
        if path in counts and not (statement.startswith("[[") and len(path) == len(keys)):
            path = (*path, counts[path])
    if statement.startswith("[["):
        counts[path] = counts.get(path, 0) + 1
        path = (*path, counts[path])
    return path


def _keys(statement: str) -> tuple[str, ...]:
    """Return the dotted key at the beginning of ``statement``, unquoted."""
    import tomllib  # lines are needed only to report a problem

    parts: list[str] = []
    for token in _TOKEN.finditer(statement):
        if token["string"]:
            parts.append(tomllib.loads(f"key = {token[0]}")["key"])
        elif token["other"] and not token[0].isspace():
            before, equals, _ = token[0].partition("=")
            parts.extend(key for key in before.split(".") if key)
            if equals:
                break
    return tuple(parts)
