"""The reference as Markdown: deploy/CONFIGURATION.md."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from dnsd.config.reference.entries import configuration, policies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dnsd.config.reference.entries import TableEntry

_WIDTH = 120

_HEAD = (
    "`dnsd config reference --format markdown` writes this page from the code. `dnsd config "
    "reference WORD` shows the keys and tables that contain a word; `dnsd check` checks a file; "
    "`dnsd config show` prints the configuration in force.",
    "Both files are TOML. An unknown key is an error. Relative paths begin at the directory of "
    'the file. A duration is a string with units, from large to small (`"1h30m"`, `"10s"`, '
    '`"50ms"`); a size is a string with `KiB`, `MiB` or `GiB` (`"4MiB"`). Tables in a list may '
    'stand in one line: `notify = [{ address = "192.0.2.2" }]` is the same as `[[zone.notify]]` '
    "with a line below it.",
)
_CONFIGURATION = (
    "[dnsd.example.toml](dnsd.example.toml) shows all of it with comments, "
    "[director.example.toml](director.example.toml) that of a director.",
)
_POLICIES = ("[policy.example.toml](policy.example.toml) shows all of it with comments.",)


def markdown() -> str:
    """Return the page."""
    parts = (
        _chapter("Every key of dnsd", _HEAD),
        _chapter("The configuration: dnsd.toml", _CONFIGURATION),
        _sections(configuration()),
        _chapter("Policies: NAME.toml beside NAME.zone", _POLICIES),
        _sections(policies()),
    )
    return "\n".join("".join(part) for part in parts)


def _chapter(title: str, paragraphs: Iterable[str]) -> Iterator[str]:
    yield f"# {title}\n"
    for text in paragraphs:
        yield f"\n{_wrapped(text, '')}\n"


def _sections(tables: Iterable[TableEntry]) -> Iterator[str]:
    for number, table in enumerate(tables):
        before = "\n" if number else ""
        yield f"{before}## {', '.join(f'`{header}`' for header in table.headers)}\n\n"
        yield _wrapped(table.meaning, "") + "\n\n"
        for key in table.keys:
            yield _wrapped(f"**`{key.name}`**: {key.explained}", "- ") + "\n"


def _wrapped(text: str, first: str) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
