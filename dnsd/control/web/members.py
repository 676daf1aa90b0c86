"""Members of pools as metrics: one series of each kind for each member, at most MOST.

Labels are names and addresses from zone files, and dnsd's own words; never a service's output.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING

from dnsd.metrics.prometheus import MetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dnsd.control.failover.live import LivePool
    from dnsd.failover.member import Member

    Labels = dict[str, str]

MOST = 5000
"""Members with metrics of their own; the others are counted by their pools alone."""


def families(pools: Sequence[LivePool]) -> Iterator[MetricFamily]:
    """Yield the metrics of the members of ``pools``."""
    shown = list(islice(_members(pools), MOST))
    offset = time.time() - time.monotonic()
    yield MetricFamily(
        "dnsd_member_state",
        "gauge",
        "What the checks of a member say; 1 for the state that it is in.",
        [({**labels, "state": member.state.value}, 1) for labels, _, member in shown],
    )
    yield MetricFamily(
        "dnsd_member_answered",
        "gauge",
        "Whether a member is in the answer.",
        [(labels, int(member.address in pool.answered)) for labels, pool, member in shown],
    )
    yield MetricFamily(
        "dnsd_member_check_latency_seconds",
        "gauge",
        "How long the last check of a member took.",
        [(labels, member.last.latency) for labels, _, member in shown if member.last],
    )
    yield MetricFamily(
        "dnsd_member_checks_total",
        "counter",
        "Results of checks that were counted: ok, or of what kind the failure was.",
        [
            ({**labels, "result": result}, count)
            for labels, _, member in shown
            for result, count in sorted(member.counts.items())
        ],
    )
    yield MetricFamily(
        "dnsd_member_changed_timestamp_seconds",
        "gauge",
        "Since when a member is in its state (POSIX seconds).",
        [(labels, round(member.since + offset, 3)) for labels, _, member in shown],
    )
    count = sum(len(pool.state.members) for pool in pools)
    yield MetricFamily(
        "dnsd_members_without_metrics",
        "gauge",
        f"Members that have no metrics of their own, because {MOST} others have.",
        [({}, count - len(shown))],
    )


def _members(pools: Sequence[LivePool]) -> Iterator[tuple[Labels, LivePool, Member]]:
    for pool in pools:
        for address, member in pool.state.members.items():
            labels = {"pool": pool.key.name, "type": pool.key.type, "member": address}
            yield labels, pool, member
