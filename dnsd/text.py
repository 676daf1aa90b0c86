r"""Text for people: whatever came from outside can be printed, and stays where it is put.

The one function that every log and every command uses for what it shows: names of files and
nodes, what other programs said, names that were asked for. (Names of zone files' own text are
escaped as zone files do it, \DDD, in :mod:`dnsd.wire.name`.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def printable(text: object) -> str:
    r"""Return ``text`` as one line: control characters, and octets that are no text, as \xNN."""
    plain = str(text)
    if plain.isprintable():
        return plain
    return "".join(
        char if char.isprintable() else repr(char)[1:-1].replace("\\udc", "\\x") for char in plain
    )


def printable_lines(text: str) -> str:
    """Return ``text`` with its line breaks and tabs; all else is made :func:`printable`."""
    if text.isprintable():
        return text
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def shortlist(items: Sequence[str], most: int, rest: str = "{} more") -> tuple[str, ...]:
    """Return the first ``most`` of ``items``, then ``rest`` with the number of the others, if any.

    >>> ", ".join(shortlist(("a", "b", "c"), 1))
    'a, 2 more'
    """
    others = len(items) - most
    return (*items[:most], rest.format(others)) if others > 0 else tuple(items)


def duration(seconds: float) -> str:
    """Return ``seconds`` as people say it, in the two largest units."""
    left = int(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, left = divmod(left, size)
        if amount or (unit == "s" and not parts):
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2])
