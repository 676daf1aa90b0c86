"""The reference as plain lines, one for each key: what ``dnsd config reference`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.config.reference.entries import configuration, policies

if TYPE_CHECKING:
    from collections.abc import Iterator


def lines(word: str) -> Iterator[str]:
    """Yield a line for each table and key whose name contains ``word``, dnsd.toml's first."""
    for file, tables in (("dnsd.toml", configuration()), ("policy", policies())):
        for table in tables:
            headers = ", ".join(table.headers)
            is_whole = word in headers.replace("[", "").replace("]", "").split(", ") or not word
            if is_whole or word in headers:
                yield f"{file} {headers}: {table.meaning}".replace("`", "")
            for key in table.keys:
                if is_whole or word in key.name:
                    yield f"{file} {headers} {key.name}: {key.explained}".replace("`", "")
