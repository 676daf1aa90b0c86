"""How long a node that got worse waits before it gets better: longer each time it recurs soon.

A node that comes and goes moves its clients each time, and routers damp flapping routes (RFC 2439,
RFC 7196). BIRD announces whatever it is told, so the damping is here: one policy for everything
that moves clients. A change for the worse takes effect at once; only the way back waits. So the
number of changes in any time is bounded, whatever is killed, restarted or flaps.

An operator's order ends the wait, but not the series: the next fault waits longer all the same.

Pure: what it knows is a :class:`Past`, which outlives the process.
"""

from __future__ import annotations

import math

import msgspec

LONGEST_S = 300.0

CALM_S = 600.0
"""A fault this many seconds after the end of the last wait begins a new series."""


class Hold(msgspec.Struct, frozen=True):
    """The state of a series: the ``length`` of its last wait, which ends at ``until``.

    Both in seconds, of a clock that is the same for all processes of one boot. ``until`` is
    None where there is no series.
    """

    length: float = 0.0
    until: float | None = None


class Past(msgspec.Struct, frozen=True):
    """What outlives a process: the series, and whether the node was ``on_route``.

    ``away`` is the series of failures, ``drained`` that of soft faults, ``repair`` that of repairs
    of the VIPs' interface.
    """

    away: Hold = Hold()
    drained: Hold = Hold()
    repair: Hold = Hold()
    on_route: bool = False

    def of_earlier_boot(self, now: float) -> Past:
        """Return it as it counts at ``now``, if its times are from another boot.

        It is unknown how long ago the waits ended, so they end now, and the series continue.
        """
        away, drained, repair = (
            _ended(hold, now) for hold in (self.away, self.drained, self.repair)
        )
        return Past(away, drained, repair)


def _ended(hold: Hold, now: float) -> Hold:
    return hold if hold.until is None else Hold(hold.length, now)


class HoldDown:
    """A series of waits: ``first`` seconds, then twice as long each time, up to ``LONGEST_S``.

    ``lenient`` series begin with no wait at all.
    """

    def __init__(self, first: float, hold: Hold = Hold(), *, lenient: bool = False) -> None:  # noqa: B008 -- it is frozen
        self._first = first
        self._fresh = 0.0 if lenient else first
        self._length = hold.length
        self._until = -math.inf if hold.until is None else hold.until

    @property
    def hold(self) -> Hold:
        """How far the series has come."""
        return Hold(self._length, None if math.isinf(self._until) else self._until)

    def start(self, now: float) -> None:
        """Note that the node got worse at ``now``: it must wait before it may get better."""
        if now < self._until + CALM_S:
            longest = max(LONGEST_S, self._first)
            self._length = min(max(2 * self._length, self._first), longest)
        else:
            self._length = self._fresh
        self._until = now + self._length

    def left(self, now: float) -> float:
        """Return for how many more seconds the node must wait."""
        return max(0.0, self._until - now)

    def end(self, now: float) -> None:
        """End the current wait: an operator says that the node is well."""
        self._until = min(self._until, now)


class Damping:
    """The three series of a node, whose first wait is ``first`` seconds."""

    def __init__(self, first: float, past: Past = Past()) -> None:  # noqa: B008 -- it is frozen
        self.away = HoldDown(first, past.away)
        self.drained = HoldDown(first, past.drained)
        self.repair = HoldDown(first, past.repair, lenient=True)

    def past(self, *, on_route: bool) -> Past:
        """Return what must outlive the process."""
        return Past(self.away.hold, self.drained.hold, self.repair.hold, on_route)
