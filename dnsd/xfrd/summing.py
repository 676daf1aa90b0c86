"""How the zones that are fetched are, in short: how many are well, and which will expire first."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from dnsd.transfer.ipc import TransferSummary, ZoneAge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.transfer.refresh import Refresh

NAMED = 100
"""Zones that are named, those that expire first."""


def summary(zones: Iterable[tuple[str, Refresh]], now: float) -> TransferSummary:
    """Return how ``zones`` are at ``now`` (POSIX seconds), each with its :class:`Refresh`."""
    current = failing = expired = missing = 0
    ages: list[tuple[float, str, float]] = []
    for name, refresh in zones:
        expires = refresh.expires
        if expires is None:
            missing += 1
            continue
        if now >= expires:
            expired += 1
        elif refresh.fault:
            failing += 1
        else:
            current += 1
        ages.append((expires, name, refresh.confirmed))
    soonest = tuple(
        ZoneAge(zone=name, confirmed_at=confirmed, expires_at=expires)
        for expires, name, confirmed in heapq.nsmallest(NAMED, ages)
    )
    return TransferSummary(
        current=current, failing=failing, expired=expired, missing=missing, soonest=soonest
    )
