"""Checks TTLs against [zones.limits] longest_ttl, which the horizon relies on."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from dnsd.config.limits import WEEK_S
from dnsd.config.units import format_duration
from dnsd.zone.faults import called, error_at
from dnsd.zone.suspects import Suspicion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.config.limits import Limits
    from dnsd.zone.findings import Finding
    from dnsd.zone.suspects import Suspects


def too_long(suspects: Suspects, limits: Limits) -> Iterator[Finding]:
    """Yield an error for each RRset with a larger TTL than ``limits`` allow."""
    if limits.longest_ttl >= WEEK_S:
        return
    longest = int(limits.longest_ttl)
    for rrset in chain.from_iterable(types.values() for _, types in suspects.of(Suspicion.LONG)):
        if rrset.ttl > longest:
            yield error_at(
                rrset,
                "ttl-too-long",
                f"{called(rrset)} has the TTL {rrset.ttl}, but [zones.limits] longest_ttl is "
                f"{format_duration(longest)}: lower the TTL, or raise longest_ttl first",
            )
