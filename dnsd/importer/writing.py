"""Writes what an import makes: dnsd.toml, secrets, policies and zone files in a directory."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnsd.config import origins
from dnsd.config.policyfile import path_for
from dnsd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.importer.outcome import Outcome, Table

_SHARED = ("notify", "notify_ns", "allow_transfer")
_FEWEST_SHARING = 2

_HEAD = """\
# Written by "dnsd import". Every key is explained in deploy/CONFIGURATION.md and by
# "dnsd config reference"; "dnsd check --config" this file says what is wrong with it.

"""


def write(outcome: Outcome, directory: Path) -> list[Path]:
    """Write all files below ``directory``; ConfigError if one of them is there already."""
    import tomli_w  # only a command that writes TOML needs it

    files = {directory / "dnsd.toml": (_HEAD + tomli_w.dumps(_tables(outcome)), 0o644)}
    for name, secret in outcome.secrets.items():
        files[directory / name] = (secret, 0o640)
    zones = directory / "zones"
    for origin, text in outcome.zone_texts.items():
        files[zones / origins.file_name(origin)] = (text, 0o644)
    for origin, policy in outcome.policies.items():
        file = path_for(zones / origins.file_name(origin))
        files[file] = (tomli_w.dumps(policy), 0o644)
    there = [str(path) for path in files if os.path.lexists(path)]
    if there:
        raise ConfigError([f"{path} is there already: choose another directory" for path in there])
    for path, (text, mode) in files.items():
        _write(path, text, mode)
    return [*files]


def _write(path: Path, text: str, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError([f"cannot write {path}: {error.strerror}"]) from error


def _tables(outcome: Outcome) -> dict[str, Any]:
    """Return the tables of dnsd.toml, without empty ones."""
    tables: dict[str, Any] = {"server": outcome.server, **outcome.others}
    zones = [dict(zone) for zone in outcome.zones.values()]
    if outcome.zone_texts:
        tables["zones"] = {"directory": "zones"}
    elif directory := _directory(zones):
        tables["zones"] = {"directory": str(directory)}
        for zone in zones:
            if Path(zone.get("file", "")).parent == directory:
                del zone["file"]
    shared = _shared(zones)
    if shared:
        tables["transfers"] = shared
    tables["key"] = [*outcome.keys.values()]
    tables["zone"] = [zone for zone in zones if len(zone) > 1]
    return {name: value for name, value in tables.items() if value}


def _shared(zones: list[Table]) -> Table:
    """Take out of ``zones`` what all of them say alike, and return it."""
    found: Table = {}
    if len(zones) >= _FEWEST_SHARING:
        for key in _SHARED:
            said = [zone.get(key) for zone in zones]
            if said[0] and all(one == said[0] for one in said):
                found[key] = said[0]
                for zone in zones:
                    del zone[key]
    return found


def _directory(zones: list[Table]) -> Path | None:
    """Return the directory in which each file NAME.zone is one of ``zones``, if there is one.

    Any other zone file there would be served, too.
    """
    files = {Path(zone["file"]): zone["name"] for zone in zones if "file" in zone}
    plain = [path for path, origin in files.items() if path.name == origins.file_name(origin)]
    most = Counter(path.parent for path in plain).most_common(1)
    if not most or most[0][1] < _FEWEST_SHARING:
        return None
    directory = most[0][0]
    if any(path.parent == directory and path not in plain for path in files):
        return None
    return directory if set(_zone_files(directory)) <= {*plain} else None


def _zone_files(directory: Path) -> Iterator[Path]:
    try:
        yield from directory.glob(f"*{origins.SUFFIX}")
    except OSError:
        return
