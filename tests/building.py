"""One zone built, as builders build many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.build.pipeline import build_zones

if TYPE_CHECKING:
    from dnsd.build.images import Job
    from dnsd.build.pipeline import BuildResult


def build_zone(job: Job) -> BuildResult:
    """Build the zone of ``job``; its image is a file of its own."""
    (result,) = build_zones([job])
    return result
