"""Takes over the configuration of another server: NSD, BIND, Knot, gdnsd.

    kind_of(path)        which server a file or directory is of, by its name
    read(path, kind)     the Outcome: tables, secrets, policies, zone files, and what is missing
    write(outcome, dir)  writes them, dnsd.toml first of all

Knows the formats of the others and the keys of dnsd's, and neither sockets nor zones: whether what
comes out can be used, ``dnsd check`` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.errors import ConfigError
from dnsd.importer import bind, gdnsd, knot, nsd
from dnsd.importer.outcome import Note, Outcome
from dnsd.importer.writing import write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["KINDS", "Note", "Outcome", "kind_of", "read", "write"]

_READERS: dict[str, Callable[[Path], Outcome]] = {
    "nsd": nsd.read,
    "bind": bind.read,
    "knot": knot.read,
    "gdnsd": gdnsd.read,
}
KINDS = tuple(_READERS)

_NAMES = {"nsd.conf": "nsd", "named.conf": "bind", "knot.conf": "knot", "config": "gdnsd"}


def kind_of(path: Path) -> str:
    """Return the server that ``path`` belongs to; ConfigError if its name does not say it."""
    if path.is_dir():
        if (path / "config").is_file() or (path / "zones").is_dir():
            return "gdnsd"
    elif path.name in _NAMES:
        return _NAMES[path.name]
    raise ConfigError(
        [f"cannot tell from its name which server {path} is of: add --from {'|'.join(KINDS)}"]
    )


def read(path: Path, kind: str) -> Outcome:
    """Return what the configuration ``path`` of a server of this kind becomes."""
    return _READERS[kind](path)
