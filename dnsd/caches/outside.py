"""Servers that answer from a node's zones and are no nodes: its secondaries, which have no account.

They are part of the site all the same. A node tells which ones it notifies; each must have been
asked, or else nothing is SAFE. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.caches.version import is_below

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from dnsd.caches.inquiry import Secondary
    from dnsd.caches.site import Census
    from dnsd.caches.version import Version

END = 'if it answers from it no more, say since when: "--fenced-at {0}=TIME"'
"""What to do about a secondary that does not answer."""


def unasked(there: Census, asked: Collection[Secondary]) -> Iterator[str]:
    """Yield sentences about secondaries that a node tells of, and that were not asked."""
    known = {(one.name, one.zone) for one in asked}
    told = {
        (one.server, one.zone): answer.node
        for answer in there.answers
        for one in answer.report.secondaries
    }
    for (server, zone), node in sorted(told.items()):
        if (server, zone) not in known and server not in there.fences:
            yield f"secondary {server} of {zone} has not been asked, but node {node} notifies it"


def longest_gone(
    bounds: Collection[tuple[Version, int]], current: Collection[Version], zone: str
) -> int | None:
    """Return the largest TTL of what ``zone`` had, and has no more; 0 if it had nothing else.

    ``bounds`` are versions with their TTLs, of all nodes. None: they say nothing of the zone.
    """
    there = [(version, ttl) for version, ttl in bounds if is_below(version.owner, zone)]
    if not there:
        return None
    return max((ttl for version, ttl in there if version not in current), default=0)
