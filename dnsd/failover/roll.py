"""The members of a pool, present and absent, with the orders about them, for now and for later.

A member that an edit removes is kept as long as an order is about it, or the operator must agree
before it comes back. Pure: given the time (seconds, monotonic); what follows for the
answer, :mod:`pool` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from dnsd.failover.drain import Drain
from dnsd.failover.member import OUT, Member
from dnsd.failover.orders import Directive, to_stored
from dnsd.failover.stored import BELIEVED_S, StoredPool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dnsd.config.policy import PoolPolicy
    from dnsd.failover.member import StoredMember
    from dnsd.failover.orders import PlannedOrder

_T = TypeVar("_T")


class Away(NamedTuple):
    """A member that the zone no longer has, ``since`` then."""

    member: Member
    since: float


class Roll:
    """The ``members`` by address in the order of the zone, and those that are ``away``.

    ``drains`` and ``plans`` are of both.
    """

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.away: dict[str, Away] = {}
        self.drains: dict[str, Drain] = {}
        self.plans: dict[str, PlannedOrder] = {}

    def edit(self, policy: PoolPolicy, addresses: Sequence[str], now: float) -> None:
        """Go on with the members that the zone has now; those that stay keep their state."""
        self._policy = policy
        for one in self.members.keys() - set(addresses):
            self.away[one] = Away(self.members[one], now)
        known = self.members
        self.members = {one: known.get(one) or self._arrived(one, now) for one in addresses}
        for member in self.members.values():
            member.adopt(policy, now)
        self._forget()

    def known(self, address: str) -> Member | None:
        """Return a member, even an absent one; None if it is unknown."""
        away = self.away.get(address)
        return self.members.get(address) or (away.member if away else None)

    def ordered(self, address: str) -> Directive:
        """Return the orders about a member, even an absent one."""
        member = self.known(address)
        order = member.order if member else None
        return Directive(order, self.drains.get(address), self.plans.get(address))

    def obey(self, address: str, directive: Directive) -> None:
        """Apply an order about a member, which may be away."""
        _put(self.drains, address, directive.drain)
        _put(self.plans, address, directive.plan)
        if member := self.known(address):
            member.force(directive.order)
        self._forget()

    def shift_plans(self, seconds: float) -> None:
        """Move plans by so many seconds: the clock was set."""
        self.plans = {one: plan.shifted(seconds) for one, plan in self.plans.items()}

    def switch_of(self, member: Member) -> float | None:
        """Return when ``member`` will leave the answer, if a drain has it still there."""
        drain = self.drains.get(member.address)
        return None if drain is None or drain.switched else drain.switch_at

    # -- in time ------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Have plans begin and orders end."""
        for address, plan in tuple(self.plans.items()):
            if now >= plan.start:
                self.obey(address, self.ordered(address).at(now))
        for drain in self.drains.values():
            drain.tick(now)
        for member in self.members.values():
            member.tick(now)
        for away in self.away.values():
            away.member.end_order(now)
        for address in tuple(self.drains):
            if self.ordered(address).order is None:
                del self.drains[address]
        self._forget()

    def wakeups(self) -> Iterator[float]:
        """Yield when :meth:`tick` will have something to do."""
        for drain in self.drains.values():
            if not drain.switched:
                yield drain.switch_at
        for plan in self.plans.values():
            yield plan.start
        for member in self.members.values():
            if (at := member.due) is not None:
                yield at
        for away in self.away.values():
            if (order := away.member.order) and order.until is not None:
                yield order.until

    # -- over a restart -----------------------------------------------------------------------

    def to_stored(self, now: float, last_good: tuple[str, ...]) -> StoredPool:
        """Return what must survive a restart."""
        everyone = [*self.members.values(), *(away.member for away in self.away.values())]
        return StoredPool(
            name=self._policy.name,
            type=self._policy.type,
            members=tuple(member.to_stored(now) for member in everyone),
            drains=tuple(drain.to_stored(one, now) for one, drain in self.drains.items()),
            last_good=last_good,
            plans=tuple(to_stored(one, plan, now) for one, plan in self.plans.items()),
        )

    def restore(self, stored: StoredPool, ago: float, *, fresh: bool, now: float) -> None:
        """Take over what was stored; what was ordered of members that are not there stands."""
        for one in stored.members:
            member = self.members.get(one.address)
            if member is None:
                member = Member(one.address, self._policy, now)
                self.away[one.address] = Away(member, now - ago)
            _restore(member, one, ago, fresh=fresh, now=now)
        for drain in stored.drains:
            self.drains[drain.address] = Drain.restored(drain, ago, now)
        for plan in stored.plans:
            self.plans[plan.address] = plan.aged(ago).plan(now)
        self.tick(now)

    # -- absent members -----------------------------------------------------------------------

    def _arrived(self, address: str, now: float) -> Member:
        """Return a member that is new in the zone, or is there again."""
        away = self.away.pop(address, None)
        if away and now - away.since <= BELIEVED_S:
            return away.member
        member = Member(address, self._policy, now)
        if away:
            member.restore_debt(away.member.to_stored(now), now)
            member.force(away.member.order)
        return member

    def _forget(self) -> None:
        """Forget absent members that no order is about and that wait for no operator."""
        for address, (member, _) in tuple(self.away.items()):
            is_owed = member.state in OUT and self._policy.failback.kind == "manual"
            if not (member.order or address in self.plans or is_owed):
                del self.away[address]


def _put(where: dict[str, _T], address: str, what: _T | None) -> None:
    if what is None:
        where.pop(address, None)
    else:
        where[address] = what


def _restore(member: Member, stored: StoredMember, ago: float, *, fresh: bool, now: float) -> None:
    if fresh:
        member.restore_state(stored, ago, now)
    else:
        member.restore_debt(stored, now)
    member.restore_order(stored, ago, now)
