"""What nodes remember of each other: that a node had orders, in case that it forgets them itself.

A node whose state directory is lost does not know that anything was ordered of its members. The
others do: they hear it from its votes, and tell it. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from dnsd.failover.quorum import LONGEST_AGE_S, Recall

if TYPE_CHECKING:
    from dnsd.failover.quorum import Ballot


class StoredRecalls(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered, as it survives a restart: ``missing`` are runs by the name of a node."""

    ordering: tuple[Recall, ...]
    missing: dict[str, str]


class Recalls:
    """What this node remembers of other nodes."""

    def __init__(self) -> None:
        self._ordering: dict[str, tuple[str, float]] = {}
        self._missing: dict[str, str] = {}
        """Runs that have said that they miss orders."""

    def hear(self, ballot: Ballot, at: float) -> bool:
        """Take in what a node says, which was asked ``at`` (monotonic seconds).

        Return whether that is news, but for the time.
        """
        before = self._runs()
        self._hear(ballot, at)
        return self._runs() != before

    def _runs(self) -> tuple[dict[str, str], dict[str, str]]:
        return {node: run for node, (run, _) in self._ordering.items()}, {**self._missing}

    def to_stored(self, now: float) -> StoredRecalls:
        """Return what is to survive a restart."""
        return StoredRecalls(ordering=self.told(now), missing={**self._missing})

    def restore(self, stored: StoredRecalls, ago: float, now: float) -> None:
        """Take over what was stored ``ago`` seconds ago."""
        self._ordering = {one.node: (one.instance, now - one.ago - ago) for one in stored.ordering}
        self._missing = {**stored.missing}

    def _hear(self, ballot: Ballot, at: float) -> None:
        node, instance = ballot.node, ballot.instance
        if ballot.missing:
            self._missing[node] = instance
        elif ballot.ordering:
            self._ordering[node] = instance, at
        elif instance in (self._ordering.get(node, ("", 0.0))[0], self._missing.get(node)):
            # It knows its orders, and has none: they were taken back, or are missed no more.
            self._ordering.pop(node, None)
            self._missing.pop(node, None)

    def told(self, now: float) -> tuple[Recall, ...]:
        """Return what is to be told to others."""
        return tuple(
            Recall(node=node, instance=instance, ago=min(max(0.0, now - at), LONGEST_AGE_S))
            for node, (instance, at) in self._ordering.items()
        )


def of_before(ballot: Ballot, node: str, instance: str) -> Recall | None:
    """Return what ``ballot`` recalls of a run of ``node`` before this one, the ``instance``."""
    for one in ballot.recalls:
        if one.node == node and one.instance != instance:
            return one
    return None
