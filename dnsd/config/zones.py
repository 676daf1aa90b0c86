"""Which zone files there are: the directory's, and those that are listed one by one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dnsd.config import origins
from dnsd.config.problems import Problem

if TYPE_CHECKING:
    from dnsd.config.model import Config


def find(config: Config) -> tuple[dict[str, Path], tuple[Problem, ...]]:
    """Return the file of each zone by its name (absolute, lower case), and every problem.

    From the directory: files ``NAME.zone``, no hidden ones, nothing below it; ``@.zone`` or
    ``root.zone`` is the root zone. A zone with two files is a problem; it gets neither.
    """
    source = str(config.path or "")
    problems: list[Problem] = []
    found: dict[str, list[tuple[Path, int]]] = {}
    for path in _zone_paths(config, source, problems):
        try:
            origin = origins.from_file_name(path)
        except ValueError as error:
            problems.append(Problem(str(path), 0, "", str(error)))
            continue
        found.setdefault(origin, []).append((path, 0))
    for zone in config.zone:
        found.setdefault(zone.name, []).append((zone.file, zone.line))
    for origin, places in found.items():
        if len(places) > 1:
            files = " and ".join(str(path) for path, _ in places)
            message = f"the zone {origin} has more than one file: {files}; keep one of them"
            problems.append(Problem(source, places[-1][1], "", message))
    single = {origin: places[0][0] for origin, places in found.items() if len(places) == 1}
    return dict(sorted(single.items())), tuple(problems)


def _zone_paths(config: Config, source: str, problems: list[Problem]) -> list[Path]:
    directory = config.zones.directory
    if directory is None:
        return []
    try:
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in entries if _is_zone_file(entry))
    except OSError as error:
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
