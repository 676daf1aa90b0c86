"""What nodes remember of each other's orders, in case a node loses its own memory of them.

A node that has lost its state directory does not know that it had orders about its members. The
others do: they have heard it in its votes, and tell it. Pure.
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
        """Runs that have said that they miss their orders."""

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
        """Return what other nodes are to be told."""
        return tuple(
            Recall(node=node, instance=instance, ago=min(max(0.0, now - at), LONGEST_AGE_S))
            for node, (instance, at) in self._ordering.items()
        )


def of_before(ballot: Ballot, node: str, instance: str) -> Recall | None:
    """Return what ``ballot`` remembers of an earlier run of ``node`` than ``instance``."""
    for one in ballot.recalls:
        if one.node == node and one.instance != instance:
            return one
    return None
