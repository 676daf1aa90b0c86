"""What the operator has ordered of one member: now, and from a planned moment on.

Orders belong to (pool, address): they stand whether the zone has the member or not. Pure; times are
monotonic seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.failover.drain import direct
from dnsd.failover.member import Forced, MemberOrder

if TYPE_CHECKING:
    from dnsd.failover.drain import Drain


class PlannedOrder(NamedTuple):
    """An ``order`` that is obeyed from ``start`` on, in the place of what was ordered before."""

    start: float
    order: MemberOrder

    def is_over(self, now: float) -> bool:
        """Return whether even its end has passed: dnsd was away for all of it."""
        return self.order.until is not None and now >= self.order.until

    def shifted(self, seconds: float) -> PlannedOrder:
        """Return the plan for so much later: the clock of the day was set."""
        until = self.order.until
        ends = None if until is None else until + seconds
        return PlannedOrder(self.start + seconds, self.order._replace(until=ends))


class Directive(NamedTuple):
    """All orders about one member; ``drain`` is set if the order is one to drain."""

    order: MemberOrder | None = None
    drain: Drain | None = None
    plan: PlannedOrder | None = None

    def at(self, now: float) -> Directive:
        """Return what is ordered at ``now``: a plan that has begun is the order.

        Of one that is over nothing is left: dnsd was away for all of it.
        """
        if self.plan is None or now < self.plan.start:
            return self
        if self.plan.is_over(now):
            return self._replace(plan=None)
        # Its TTL has been lowered: longer answers have expired by now.
        is_drain = self.plan.order.forced == Forced.DRAIN
        return Directive(self.plan.order, direct(self.plan.start) if is_drain else None)


class StoredPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a plan survives a restart: seconds until it ``starts``, and until it ends."""

    address: str
    starts: float
    ends: float | None
    forced: Forced
    reason: str = ""

    def aged(self, seconds: float) -> StoredPlan:
        """Return it as it is ``seconds`` later."""
        ends = None if self.ends is None else self.ends - seconds
        return msgspec.structs.replace(self, starts=self.starts - seconds, ends=ends)

    def plan(self, now: float) -> PlannedOrder:
        """Return the plan, if this is how it was stored at ``now``."""
        ends = None if self.ends is None else now + self.ends
        return PlannedOrder(now + self.starts, MemberOrder(self.forced, ends, self.reason))


def to_stored(address: str, plan: PlannedOrder, now: float) -> StoredPlan:
    """Return what must survive a restart."""
    forced, until, reason = plan.order
    return StoredPlan(
        address=address,
        starts=plan.start - now,
        ends=None if until is None else until - now,
        forced=forced,
        reason=reason,
    )
