"""Signatures as metrics: how many signed zones are well, and those by name that end first.

Labels are bounded: of very many signed zones the most urgent have samples of their own.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dnsd.control.zones.signatures import signed_zones
from dnsd.metrics.prometheus import MetricFamily
from dnsd.zone.validity import SigningState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dnsd.control.zones.table import ZoneRow

MOST = 100
"""Zones with samples of their own."""


def families(rows: Iterable[ZoneRow], now: float) -> Iterator[MetricFamily]:
    """Yield the metrics of the signatures of ``rows`` at ``now`` (POSIX seconds)."""
    found = signed_zones(rows, now)
    states = Counter(one.state for one in found)
    yield MetricFamily(
        "dnsd_signed_zones",
        "gauge",
        "Signed zones by their signatures: good, end soon, ended, or not valid yet (early).",
        [({"state": state.value}, states[state]) for state in SigningState],
    )
    yield MetricFamily(
        "dnsd_zone_signatures_state",
        "gauge",
        f"How the signatures of a zone are: 1; of many zones the {MOST} most urgent ones.",
        [({"zone": one.zone, "state": one.state.value}, 1) for one in found[:MOST]],
    )
    yield MetricFamily(
        "dnsd_zone_signatures_end_timestamp_seconds",
        "gauge",
        "When the first signature of a zone ends (POSIX seconds); of the same zones.",
        [({"zone": one.zone}, one.validity.ends) for one in found[:MOST]],
    )
