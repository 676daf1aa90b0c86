"""For how long a node that was withdrawn stays away: longer each time it happens again soon.

A node that comes and goes moves its clients each time, and routers damp what flaps (RFC 2439,
RFC 7196). Nothing else does it for us: BIRD announces whatever it is told. Pure.
"""

from __future__ import annotations

LONGEST_S = 300.0

CALM_S = 600.0
"""What happens so long after the last hold-down was over is no part of a series."""


class HoldDown:
    """Holds down for ``first`` seconds, then twice as long each time, up to ``LONGEST_S``."""

    def __init__(self, first: float) -> None:
        self._first = first
        self._length = 0.0
        self._until = float("-inf")

    def start(self, now: float) -> None:
        """Note that the node was withdrawn at ``now``, which begins a hold-down."""
        again = now < self._until + CALM_S
        longer = min(2 * self._length, max(LONGEST_S, self._first))
        self._length = longer if again and self._length else self._first
        self._until = now + self._length

    def left(self, now: float) -> float:
        """Return for how many seconds more the node has to stay away."""
        return max(0.0, self._until - now)

    def forgive(self) -> None:
        """Forget all of it: somebody has looked, and says that the node is well."""
        self._length = 0.0
        self._until = float("-inf")
