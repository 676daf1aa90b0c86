"""Regular expressions that a policy may contain: RE2's, which take linear time.

Python's ``re`` backtracks: one pattern in one policy can keep a whole process busy for years. RE2
has no back-references and no look-around, since these are what needs backtracking; and it bounds
the memory of a pattern (https://github.com/google/re2/wiki/Syntax).
"""

from __future__ import annotations

LONGEST = 4096
"""Characters of a pattern."""

MOST_MEMORY = 1 << 18
"""Octets for a compiled pattern and what RE2 remembers while it searches. It also bounds the
time: a search in 64 KiB takes a second at the worst."""

_HINTS = {
    "(?=": "look-ahead (?=…) is not supported",
    "(?!": "negative look-ahead (?!…) is not supported",
    "(?<": "look-behind (?<=…) is not supported",
    "(?>": "atomic groups (?>…) are not supported",
    "(?P": "back-references (?P=…) are not supported",
    "(?(": "conditional groups (?(…)…) are not supported",
    "(?x": "verbose patterns (?x) are not supported: leave out the blanks",
    "(?a": "(?a) is not supported and not needed: \\w, \\d and \\s are ASCII here",
    "(?#": "comments (?#…) are not supported",
    "++": "possessive repetition is not supported: write + or *",
    "*+": "possessive repetition is not supported: write + or *",
    "?+": "possessive repetition is not supported: write ?",
    "\\Z": "write \\z instead of \\Z: it is the end of the text",
    "\\u": "\\u is not supported: write the character itself, or \\x{263a}",
    "\\N": "\\N is not supported: write the character itself, or \\x{263a}",
}
_NEEDS_BACKTRACKING = " (RE2 takes linear time, so it cannot backtrack)"


class Pattern:
    """A compiled pattern; ValueError says in a sentence why ``text`` is none."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise ValueError(f"too long: {len(text)} characters, {LONGEST} are allowed")
        import re2  # few nodes have a pattern

        options = re2.Options()
        options.log_errors = False
        options.max_mem = MOST_MEMORY
        options.never_capture = True
        try:
            self._compiled = re2.compile(text, options)
        except re2.error as error:
            (what,) = error.args
            raise ValueError(_why(what.decode("utf-8", "replace"))) from None
        except UnicodeEncodeError:
            raise ValueError("contains half a character (a surrogate)") from None

    def found_in(self, text: str) -> bool:
        """Return whether some part of ``text`` matches.

        As in most tools, ``$`` also matches before a final newline. The GIL is not held.
        """
        if self._compiled.search(text) is not None:
            return True
        return text.endswith("\n") and self._compiled.search(text[:-1]) is not None


def _why(error: str) -> str:
    """Return the sentence for RE2's ``error``, such as "invalid escape sequence: \\1"."""
    kind, _, what = error.partition(": ")
    if kind == "pattern too large - compile failed":
        return f"too large: compiled, it takes more than {MOST_MEMORY >> 10} KiB"
    if kind == "invalid escape sequence" and what[1:2].isdigit():
        return f"back-references such as {what} are not supported{_NEEDS_BACKTRACKING}"
    for sign, hint in _HINTS.items():
        if what.startswith(sign):
            return hint + (_NEEDS_BACKTRACKING if "look-" in hint or "back-" in hint else "")
    return f"not a regular expression: {error}"
