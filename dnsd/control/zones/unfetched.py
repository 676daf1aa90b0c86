"""Zones that are fetched: those of which there is nothing to build yet, and those too old."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from dnsd.build.pipeline import failed
from dnsd.config.zones import received_directory
from dnsd.control.zones.report import NOT_FETCHED
from dnsd.transfer.kept import is_expired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dnsd.build.images import Job
    from dnsd.build.pipeline import BuildResult
    from dnsd.config import Config, ZoneTransfers

UNFETCHED = "it has not been fetched from its primaries yet: dnsd zone status shows why"


def expired(
    config: Config, files: Mapping[str, Path], said: Callable[[str], ZoneTransfers]
) -> set[str]:
    """Return which zones, with their ``files``, are fetched and too old to be answered.

    ``said`` tells what holds for a zone. The process of transfers says so later, too.
    """
    fetched, now = received_directory(config), time.time()
    return {
        origin
        for origin, file in files.items()
        if file.parent == fetched and said(origin).primaries and is_expired(file, now)
    }


def unfetched(config: Config, jobs: Iterable[Job]) -> dict[str, BuildResult]:
    """Return what becomes of those ``jobs``, by origin, whose record file is not there yet."""
    fetched = f"{received_directory(config)}/"
    return {
        job.origin: failed(job, UNFETCHED, NOT_FETCHED)
        for job in jobs
        if job.file.startswith(fetched) and not Path(job.file).exists()
    }
