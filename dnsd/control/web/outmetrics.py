"""Members that are out as metrics: whether the node knows that caches have forgotten them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dnsd.caches.judge import Safety
from dnsd.control.failover.out import MOST
from dnsd.metrics.prometheus import MetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dnsd.control.failover.out import OutMember


def families(found: Sequence[OutMember]) -> Iterator[MetricFamily]:
    """Yield the metrics of ``found``."""
    counts = Counter((one.pool, one.safety) for one in found)
    yield MetricFamily(
        "dnsd_pool_out_members",
        "gauge",
        f"Members out of the answer by what caches hold (safe: nothing); {MOST} are looked at.",
        [
            ({"pool": key.name, "type": key.type, "horizon": safety.value}, counts[key, safety])
            for key in dict.fromkeys(one.pool for one in found)
            for safety in Safety
        ],
    )
