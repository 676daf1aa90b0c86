"""Records that live longer than any may: caches would hold them longer than the horizon expects."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from dnsd.config.units import format_duration
from dnsd.zone.faults import called, error_at
from dnsd.zone.limits import WEEK_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.zone.findings import Finding
    from dnsd.zone.limits import Limits
    from dnsd.zone.records import RRset, Zone


def too_long(zone: Zone, limits: Limits) -> Iterator[Finding]:
    """Yield an error for each RRset with a larger TTL than ``limits`` allow."""
    if limits.longest_ttl >= WEEK_S:
        return
    longest = int(limits.longest_ttl)
    for rrset in _rrsets(zone, longest):
        if rrset.ttl > longest:
            yield error_at(
                rrset,
                "ttl-too-long",
                f"{called(rrset)} has the TTL {rrset.ttl}, but [zones.limits] longest_ttl is "
                f"{format_duration(longest)}: lower the TTL, or raise longest_ttl first",
            )


def _rrsets(zone: Zone, longest: int) -> Iterator[RRset]:
    """Yield all RRsets among which there may be one with a larger TTL than ``longest``."""
    yield from chain.from_iterable(types.values() for types in zone.nodes.values())
    if zone.bulk is not None and zone.bulk.longest_ttl > longest:
        yield from chain.from_iterable(zone.at(owner).values() for owner in zone.bulk)
