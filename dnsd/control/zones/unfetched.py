"""Zones that have to be fetched before there is anything to build."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dnsd.build.pipeline import failed
from dnsd.config.zones import received_directory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.build.images import Job
    from dnsd.build.pipeline import BuildResult
    from dnsd.config import Config

UNFETCHED = "it has not been fetched from its primaries yet: dnsd zone status shows why"


def unfetched(config: Config, jobs: Iterable[Job]) -> dict[str, BuildResult]:
    """Return what becomes of those ``jobs``, by origin, whose record file is not there yet."""
    fetched = received_directory(config)
    return {
        job.origin: failed(job, UNFETCHED, "not-fetched")
        for job in jobs
        if Path(job.file).parent == fetched and not Path(job.file).exists()
    }
