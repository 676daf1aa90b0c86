"""The admin commands of the failover plane: what operators ask of it, and order.

An order is on disk before it is obeyed, unless the disk refuses it or takes too long. It is
answered when it is obeyed.
"""

from __future__ import annotations

import time
from math import isfinite
from typing import TYPE_CHECKING, Any

from dnsd.config import origins
from dnsd.config.members import read_spoken
from dnsd.control.failover.report import ballot, drained, report
from dnsd.control.failover.table import OrderTarget
from dnsd.errors import AdminError
from dnsd.failover import drain as drains
from dnsd.failover.member import Forced, MemberOrder
from dnsd.failover.orders import Directive, PlannedOrder
from dnsd.text import shortlist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dnsd.control.admin import Command
    from dnsd.control.failover.engine import FailoverEngine
    from dnsd.control.failover.live import LivePool
    from dnsd.failover.quorum import Ballot

LONGEST_REASON = 500

LONGEST_PLAN_S = 366 * 86400.0
"""What is planned for later than that is mistyped."""

_NAMED = 5
"""Pools that a sentence names."""


def commands(engine: FailoverEngine) -> dict[str, Command]:
    """Return the commands by name."""
    desk = _Desk(engine)
    return {
        "failover": desk.show,
        "votes": desk.votes,
        "force": desk.force,
        "cancel_plan": desk.cancel,
        "failback": desk.fail_back,
        "drain_member": desk.drain,
        "undrain_member": desk.undrain,
        "drained": desk.drained,
    }


class _Desk:
    """Takes orders; each answer is what is true after it."""

    def __init__(self, engine: FailoverEngine) -> None:
        self._engine = engine

    async def show(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return report(self._engine)

    async def votes(self, _request: Mapping[str, Any]) -> Ballot:
        return ballot(self._engine)

    async def force(self, request: Mapping[str, Any]) -> dict[str, Any]:
        forced = request.get("forced")
        if forced == "auto":
            return await self._free(request)
        pool = self._named(request)
        member = _member(pool, request)
        if forced not in ("up", "down"):
            raise AdminError('"forced" must be "up", "down" or "auto"')
        return await self._forced([pool], member, Forced(forced), request)

    async def cancel(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Forget what is planned."""
        at = self._place(request)
        if self._directive(at).plan is None:
            raise AdminError(f"nothing is planned for {at.address} in {at.name} {at.type}")
        return await self._order({at: lambda _: self._directive(at)._replace(plan=None)})

    async def _free(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Have the checks decide again, or do so once the member is there again."""
        at = self._place(request)
        return await self._order(
            {at: lambda _: self._directive(at)._replace(order=None, drain=None)}
        )

    async def _forced(
        self, pools: list[LivePool], member: str, forced: Forced, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Force ``member``, now or when that is planned."""
        start = _start(request)
        order = _order(request, forced, start)
        _object([(pool, member) for pool in pools], forced, request)
        places = [OrderTarget(*pool.key[1:], member) for pool in pools]
        if start is None:
            return await self._order({at: self._enforcing(at, order) for at in places})
        if taken := [at for at in places if self._directive(at).plan]:
            at = taken[0]
            raise AdminError(
                f"a change is planned for {member} in {at.name} {at.type} already: cancel it "
                f"first (dnsd failover cancel {at.name} {at.type} {member})"
            )
        return await self._order(
            {at: self._planning(at, PlannedOrder(start, order)) for at in places}
        )

    def _enforcing(self, at: OrderTarget, order: MemberOrder) -> Callable[[float], Directive]:
        return lambda _: self._directive(at)._replace(order=order, drain=None)

    def _planning(self, at: OrderTarget, plan: PlannedOrder) -> Callable[[float], Directive]:
        return lambda _: self._directive(at)._replace(plan=plan)

    async def fail_back(self, request: Mapping[str, Any]) -> dict[str, Any]:
        pool = self._named(request)
        now = time.monotonic()
        wanted = [_member(pool, request)] if request.get("member") else list(pool.state.members)
        # All of them, not until the first one; nothing is kept out by it, so it may come first.
        held = [one for one in wanted if pool.state.members[one].fail_back(now)]
        if not held:
            which = f"{wanted[0]} is not held" if len(wanted) == 1 else "no member is held"
            raise AdminError(
                f"{pool.key}: {which}: there is nothing to fail back; see dnsd failover"
            )
        self._engine.decide(pool)
        return await self._order({})

    async def drain(self, request: Mapping[str, Any]) -> dict[str, Any]:
        address = _address(request.get("member"))
        pools = self._with(address, request)
        fresh = [pool for pool in pools if address not in pool.state.drains]
        if request.get("at") is not None:
            if not fresh:
                raise AdminError(f"{address} is drained already; see dnsd failover")
            return await self._forced(fresh, address, Forced.DRAIN, request)
        order = _order(request, Forced.DRAIN, None)
        _object([(pool, address) for pool in fresh], Forced.DRAIN, request)
        directly = bool(request.get("direct"))
        await self._order(
            {
                OrderTarget(*pool.key[1:], address): self._draining(pool, address, order, directly)
                for pool in pools
            }
        )
        return self._progress(address, pools, request)

    async def undrain(self, request: Mapping[str, Any]) -> dict[str, Any]:
        address = _address(request.get("member"))
        if request.get("name"):
            places = [self._place(request)]
        else:
            places = [at for at in self._places() if at.address == address]
        drained = [at for at in places if _is_drained(self._directive(at))]
        if not drained:
            raise AdminError(f"{address} is not drained; see dnsd failover")
        return await self._order({at: self._freeing(at) for at in drained})

    def _freeing(self, at: OrderTarget) -> Callable[[float], Directive]:
        return lambda _: self._directive(at)._replace(order=None, drain=None)

    async def drained(self, request: Mapping[str, Any]) -> dict[str, Any]:
        address = _address(request.get("member"))
        return self._progress(address, self._with(address, request), request)

    # -- drains -------------------------------------------------------------------------------

    def _draining(
        self, pool: LivePool, address: str, order: MemberOrder, directly: bool
    ) -> Callable[[float], Directive]:
        """Begin a drain; one that has begun goes on, at once if that is wanted now."""

        def make(now: float) -> Directive:
            known = pool.state.ordered(address).at(now)
            drain = known.drain
            if drain is None:
                until = now if directly else self._horizon(pool, address, now)
                drain = drains.direct(now) if directly else drains.lowered(now, until)
            elif directly:
                drain.switch(now)
            return known._replace(order=order, drain=drain)

        return make

    def _horizon(self, pool: LivePool, address: str, now: float) -> float:
        """Return when caches have forgotten the answers with ``address`` given up to now."""
        self._engine.sweep()
        return max(now, self._engine.memory.latest(pool.key, address))

    def _progress(
        self, address: str, pools: list[LivePool], request: Mapping[str, Any]
    ) -> dict[str, Any]:
        self._engine.judge_drains()
        return drained(self._engine, address, pools, alone=bool(request.get("name")))

    # -- what is meant ------------------------------------------------------------------------

    def _named(self, request: Mapping[str, Any]) -> LivePool:
        """Return the pool of ``name`` and ``type``, or raise AdminError."""
        name, rtype = _pool_name(request)
        if pool := self._engine.table.find(name, rtype):
            return pool
        raise AdminError(f"there is no pool {name} {rtype}{self._hint()}")

    def _place(self, request: Mapping[str, Any]) -> OrderTarget:
        """Return the member that the request is about; it need not be in a pool now."""
        at = OrderTarget(*_pool_name(request), _address(request.get("member")))
        if at in self._engine.table.absent_orders(time.monotonic()):
            return at
        _member(self._named(request), request)
        return at

    def _places(self) -> list[OrderTarget]:
        """Return all members, and absent ones that an order is about."""
        table = self._engine.table
        here = [
            OrderTarget(*key[1:], address)
            for key, pool in table.pools.items()
            for address in pool.state.members
        ]
        return [*here, *table.absent_orders(time.monotonic())]

    def _directive(self, at: OrderTarget) -> Directive:
        """Return what is ordered now; of a pool that is not there, as it was stored."""
        now = time.monotonic()
        return self._engine.table.directive(at, now).at(now)

    def _with(self, address: str, request: Mapping[str, Any]) -> list[LivePool]:
        """Return the pools that have the member ``address``, or the one that is named."""
        if request.get("name"):
            pool = self._named(request)
            _member(pool, request)
            return [pool]
        pools = self._engine.table.pools.values()
        found = [
            pool for pool in pools if address in pool.state.members or address in pool.state.drains
        ]
        if not found:
            raise AdminError(f"{address} is not a member of any pool{self._hint()}")
        return found

    def _hint(self) -> str:
        every = sorted(str(key) for key in self._engine.table.pools)
        if not every:
            return ": this node has none, because no zone has a policy beside it"
        return f": there are {', '.join(shortlist(every, _NAMED))}"

    async def _order(
        self, wanted: Mapping[OrderTarget, Callable[[float], Directive]]
    ) -> dict[str, Any]:
        """Have orders written down, then obeyed, and answer with what is true then."""
        await self._engine.order(wanted)
        return report(self._engine, self._pools(wanted))

    def _pools(self, places: Iterable[OrderTarget]) -> list[LivePool]:
        found = [self._engine.table.find(at.name, at.type) for at in places]
        return [pool for pool in dict.fromkeys(found) if pool]


def _object(wanted: list[tuple[LivePool, str]], forced: Forced, request: Mapping[str, Any]) -> None:
    """Refuse what would leave a pool worse off, unless the operator insists."""
    if request.get("force"):
        return
    objections = [
        f"{pool.key}: {objection}"
        for pool, member in wanted
        if (objection := pool.state.objection(member, forced))
    ]
    if objections:
        raise AdminError(f"{'; '.join(objections)}: if this is intended, order it with --force")


def _member(pool: LivePool, request: Mapping[str, Any]) -> str:
    """Return the member that ``request`` names; AdminError if it is none of the pool's."""
    address = _address(request.get("member"))
    if address not in pool.state.members:
        members = ", ".join(pool.state.members)
        raise AdminError(f"{address} is not a member of {pool.key}: its members are {members}")
    return address


def _address(text: object) -> str:
    try:
        return read_spoken(str(text))
    except ValueError:
        raise AdminError(f"{text!r} is neither an address of a member nor a name") from None


def _pool_name(request: Mapping[str, Any]) -> tuple[str, str]:
    name, rtype = request.get("name"), request.get("type")
    if not isinstance(name, str) or not isinstance(rtype, str):
        raise AdminError('"name" and "type" must say which pool is meant')
    try:
        return origins.normal(name), rtype.upper()
    except ValueError as error:
        raise AdminError(str(error)) from error


def _is_drained(directive: Directive) -> bool:
    return directive.order is not None and directive.order.forced == Forced.DRAIN


def _start(request: Mapping[str, Any]) -> float | None:
    """Return when an order begins (monotonic seconds); None: now."""
    at = request.get("at")
    if at is None:
        return None
    if not isinstance(at, int | float) or not isfinite(at):
        raise AdminError('"at" must be a time in POSIX seconds')
    left = at - time.time()
    if left <= 0:
        raise AdminError(f"a planned change must be in the future: that was {-left:.0f} s ago")
    if left > LONGEST_PLAN_S:
        raise AdminError("a planned change must begin within a year")
    return time.monotonic() + left


def _order(request: Mapping[str, Any], forced: Forced, start: float | None) -> MemberOrder:
    """Return the order that ``request`` gives; AdminError if it is none."""
    seconds, reason = request.get("for"), request.get("reason", "")
    if not isinstance(reason, str) or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise AdminError(f'"reason" must be one line of at most {LONGEST_REASON} characters')
    if seconds is None:
        return MemberOrder(forced, None, reason)
    if not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_PLAN_S:
        raise AdminError('"for" must be a number of seconds, more than 0 and at most a year')
    begins = time.monotonic() if start is None else start
    return MemberOrder(forced, begins + seconds, reason)
