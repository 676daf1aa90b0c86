"""Zones as metrics: how they are served, and what it took to build them."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

from dnsd.control.zones.report import ZoneOutcome
from dnsd.control.zones.table import ZoneState
from dnsd.control.zones.tally import BuildTally
from dnsd.metrics.prometheus import MetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dnsd.control.zones.table import ZoneRow

MOST = 20
"""Zones whose builds have samples of their own: those that took longest."""


class BuildFigures(NamedTuple):
    """What was built since control began, and what is: zones, and seconds of the oldest build."""

    tally: BuildTally
    zones: int = 0
    oldest: float = 0.0


NO_BUILDS = BuildFigures(BuildTally())


def families(rows: Sequence[ZoneRow], builds: BuildFigures) -> Iterator[MetricFamily]:
    """Yield the metrics of ``rows`` and their ``builds``."""
    yield from _zones(rows)
    yield from _builds(rows, builds)


def _builds(rows: Sequence[ZoneRow], builds: BuildFigures) -> Iterator[MetricFamily]:
    yield MetricFamily(
        "dnsd_builds_total",
        "counter",
        "Loads of zones since control was started, by outcome; failed: no fault of the zone.",
        [
            ({"outcome": outcome.value}, builds.tally.outcomes[outcome])
            for outcome in (ZoneOutcome.LOADED, ZoneOutcome.BROKEN, ZoneOutcome.FAILED)
        ],
    )
    yield MetricFamily(
        "dnsd_build_seconds_total",
        "counter",
        "Seconds that these builds took, added up; an image that is used again takes none.",
        [({}, round(builds.tally.seconds, 6))],
    )
    yield MetricFamily(
        "dnsd_zones_building", "gauge", "Zones that are being built now.", [({}, builds.zones)]
    )
    yield MetricFamily(
        "dnsd_building_seconds",
        "gauge",
        "For how long the oldest of these builds is under way; 0: there is none.",
        [({}, round(builds.oldest, 3))],
    )
    slowest = heapq.nlargest(MOST, rows, key=lambda row: row.seconds)
    yield MetricFamily(
        "dnsd_zone_build_seconds",
        "gauge",
        f"How long the last build of a zone took; of many zones the {MOST} that took longest.",
        [({"zone": row.origin}, round(row.seconds, 6)) for row in slowest],
    )


def _zones(rows: Sequence[ZoneRow]) -> Iterator[MetricFamily]:
    states = [row.state for row in rows]
    yield MetricFamily(
        "dnsd_zones",
        "gauge",
        "Zones by how they are served.",
        [({"state": state.value}, states.count(state)) for state in ZoneState],
    )
    served = [(row.origin, row.served, row.state) for row in rows if row.served is not None]
    yield MetricFamily(
        "dnsd_zone_serial",
        "gauge",
        "The serial number that a zone is served with.",
        [({"zone": origin}, of.serial) for origin, of, _ in served],
    )
    yield MetricFamily(
        "dnsd_zone_records",
        "gauge",
        "Records of a zone.",
        [({"zone": origin}, of.records) for origin, of, _ in served],
    )
    yield MetricFamily(
        "dnsd_zone_stale",
        "gauge",
        "Whether a zone's file is broken, so that its earlier data is served.",
        [({"zone": origin}, int(state == ZoneState.STALE)) for origin, _, state in served],
    )
