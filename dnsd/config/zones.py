"""Finds the zone files: those in the configuration, and those in the directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dnsd.config import origins
from dnsd.config.problems import Problem
from dnsd.process import descriptors
from dnsd.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.config.model import Config


RECEIVED = "secondary"
"""The directory of fetched zones, in the state directory."""
PRODUCED = "catalogs"
"""The directory of produced catalogs, in the state directory."""


class ZoneFiles(NamedTuple):
    """The zones of a configuration and its directory.

    ``files`` is the file of each zone by its name (absolute, lower case). ``odd`` are files of
    the directory that are not served, each with the reason; other files are not affected.
    ``problems`` mean that the list of zones is unknown.
    """

    files: dict[str, Path]
    odd: tuple[Problem, ...]
    problems: tuple[Problem, ...]


def find(config: Config) -> ZoneFiles:
    """Return the zones of ``config``.

    From the directory: files ``NAME.zone``, without hidden files and subdirectories; ``@.zone`` or
    ``root.zone`` is the root zone. If several files have one zone, the one that the configuration
    lists is used, else the one whose name has the zone's spelling.
    """
    source = str(config.path or "")
    problems: list[Problem] = []
    files = _listed(config, source, problems)
    odd: list[Problem] = []
    received = {zone.name for zone in config.zone if zone.primaries}
    received |= {catalog.name for catalog in config.catalog if catalog.primaries}
    for origin, path in sorted(_named(_zone_paths(config, source, problems), odd), key=_rank):
        first = files.setdefault(origin, path)
        if origin in received:
            message = (
                f"is not served: the zone {origin} is fetched from its primaries; remove the file, "
                "or leave out primaries"
            )
            odd.append(Problem(printable(path), 0, "", message))
        elif first is not path:
            message = (
                f"is not served: the zone {origin} is served from {printable(first)} already; "
                "remove or rename one of the two"
            )
            odd.append(Problem(printable(path), 0, "", message))
    odd += _without_file(config, source, files)
    odd.sort(key=lambda problem: problem.file)
    return ZoneFiles(dict(sorted(files.items())), tuple(odd), tuple(problems))


def received_file(config: Config, origin: str) -> Path:
    """Return the record file of the fetched or updated zone ``origin``."""
    return received_directory(config) / f"{origins.file_stem(origin)}.records"


def received_directory(config: Config) -> Path:
    """Return the directory of the record files of fetched zones."""
    return config.server.state_directory / RECEIVED


def produced_file(config: Config, origin: str) -> Path:
    """Return the zone file of the produced catalog ``origin``."""
    stem = origins.file_stem(origin)
    return config.server.state_directory / PRODUCED / f"{stem}{origins.SUFFIX}"


def _listed(config: Config, source: str, problems: list[Problem]) -> dict[str, Path]:
    """Return the zones in the configuration; one that is listed twice is a problem."""
    files: dict[str, Path] = {}
    seen: dict[str, Path | None] = {}
    for zone in config.zone:
        if zone.name in seen:
            first, then = seen[zone.name], zone.file
            more = "is listed more than once"
            if first is not None and then is not None:
                more = f"has more than one file: {first} and {then}"
            message = f"the zone {zone.name} {more}; keep one of them"
            problems.append(Problem(source, zone.line, "", message))
            continue
        seen[zone.name] = zone.file
        received = received_file(config, zone.name)
        if zone.primaries or (zone.update and received.exists()):
            files[zone.name] = received
        elif zone.file is not None:
            files[zone.name] = zone.file
    for catalog in config.catalog:
        file = produced_file if catalog.produce else received_file
        files[catalog.name] = file(config, catalog.name)
    return files


def _without_file(config: Config, source: str, files: dict[str, Path]) -> list[Problem]:
    """Return problems about zones without a file or primaries."""
    return [
        Problem(
            source,
            zone.line,
            "",
            f"the zone {zone.name} is not served: it has neither file nor primaries, and there is "
            f"no file of it in the directory",
        )
        for zone in config.zone
        if zone.name not in files
    ]


def _named(paths: list[Path], odd: list[Problem]) -> Iterator[tuple[str, Path]]:
    """Yield each of ``paths`` with the zone that it is named after."""
    for path in paths:
        try:
            yield origins.from_file_name(path), path
        except ValueError as error:
            message = f"is not served, because it is not named after a zone: {error}"
            odd.append(Problem(printable(path), 0, "", message))


def _rank(one: tuple[str, Path]) -> tuple[bool, Path]:
    """Return a sort key: files whose name has the zone's spelling come first."""
    origin, path = one
    return path.name != origin.removesuffix(".") + origins.SUFFIX, path


def _zone_paths(config: Config, source: str, problems: list[Problem]) -> list[Path]:
    directory = config.zones.directory
    if directory is None:
        return []
    try:
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in entries if _is_zone_file(entry))
    except OSError as error:
        descriptors.excuse(error, f"the directory {directory}")
        message = f"cannot list {directory}: {error.strerror}"
        problems.append(Problem(source, 0, "[zones] directory", message))
        return []
    return [directory / name for name in names]


def _is_zone_file(entry: os.DirEntry[str]) -> bool:
    if not entry.name.endswith(origins.SUFFIX) or entry.name.startswith("."):
        return False
    # Only a link needs to be looked at: the listing tells the kind of everything else.
    if entry.is_symlink():
        return not Path(entry.path).is_dir()
    return not entry.is_dir(follow_symlinks=False)
