"""What nodes remember of each other: that a node had orders, in case that it forgets them itself.

A node whose state directory is lost does not know that anything was ordered of its members. The
others do: they hear it from its votes, and tell it. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.failover.quorum import LONGEST_AGE_S, Recall

if TYPE_CHECKING:
    from dnsd.failover.quorum import Ballot


class Recalls:
    """What this process remembers of other nodes."""

    def __init__(self) -> None:
        self._ordering: dict[str, tuple[str, float]] = {}
        self._missing: dict[str, str] = {}
        """Runs that have said that they miss orders."""

    def hear(self, ballot: Ballot, at: float) -> None:
        """Take in what a node says, which was asked ``at`` (monotonic seconds)."""
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
