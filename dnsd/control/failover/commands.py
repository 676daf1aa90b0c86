"""The admin commands of the failover plane: what operators ask of it, and order.

An order is in force at once, and is answered when it is on disk, or when that takes too long.
"""

from __future__ import annotations

import asyncio
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from dnsd.config import origins
from dnsd.control.failover.report import ballot, drained, report
from dnsd.errors import AdminError
from dnsd.failover import drain as drains
from dnsd.failover.member import Forced, Order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dnsd.control.admin import Command
    from dnsd.control.failover.engine import Engine
    from dnsd.control.failover.live import LivePool
    from dnsd.failover.quorum import Ballot

WRITE_S = 5.0
"""How long a disk may take to write an order down."""

LONGEST_REASON = 500

_NAMED = 5
"""Pools that a sentence names."""


def commands(engine: Engine) -> dict[str, Command]:
    """Return the commands by name."""
    desk = _Desk(engine)
    return {
        "failover": desk.show,
        "votes": desk.votes,
        "force": desk.force,
        "failback": desk.fail_back,
        "drain_member": desk.drain,
        "undrain_member": desk.undrain,
        "drained": desk.drained,
    }


class _Desk:
    """Takes orders; each answer is what is true after it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def show(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return report(self._engine)

    async def votes(self, _request: Mapping[str, Any]) -> Ballot:
        return ballot(self._engine)

    async def force(self, request: Mapping[str, Any]) -> dict[str, Any]:
        pool = self._named(request)
        member = _member(pool, request)
        forced = request.get("forced")
        if forced not in ("up", "down", "auto"):
            raise AdminError('"forced" must be "up", "down" or "auto"')
        order = None if forced == "auto" else _order(request, Forced(forced))
        if order is not None:
            _object([(pool, member)], order.forced, request)
        pool.force(member, order)
        return await self._ordered([pool])

    async def fail_back(self, request: Mapping[str, Any]) -> dict[str, Any]:
        pool = self._named(request)
        now = time.monotonic()
        wanted = [_member(pool, request)] if request.get("member") else list(pool.state.members)
        # All of them, not until the first one.
        held = [one for one in wanted if pool.state.members[one].fail_back(now)]
        if not held:
            which = f"{wanted[0]} is not held" if len(wanted) == 1 else "no member is held"
            raise AdminError(
                f"{pool.key}: {which}: there is nothing to fail back; see dnsd failover"
            )
        return await self._ordered([pool])

    async def drain(self, request: Mapping[str, Any]) -> dict[str, Any]:
        address = _address(request.get("member"))
        pools = self._with(address, request)
        order = _order(request, Forced.DRAIN)
        fresh = [pool for pool in pools if address not in pool.state.drains]
        _object([(pool, address) for pool in fresh], Forced.DRAIN, request)
        for pool in pools:
            self._drain(pool, address, order, directly=bool(request.get("direct")))
        await self._ordered(pools)
        return self._progress(address, pools, request)

    async def undrain(self, request: Mapping[str, Any]) -> dict[str, Any]:
        address = _address(request.get("member"))
        pools = [pool for pool in self._with(address, request) if address in pool.state.drains]
        if not pools:
            raise AdminError(f"{address} is not drained; see dnsd failover")
        for pool in pools:
            pool.force(address, None)
        return await self._ordered(pools)

    async def drained(self, request: Mapping[str, Any]) -> dict[str, Any]:
        address = _address(request.get("member"))
        return self._progress(address, self._with(address, request), request)

    # -- drains -------------------------------------------------------------------------------

    def _drain(self, pool: LivePool, address: str, order: Order, *, directly: bool) -> None:
        """Begin a drain; one that has begun goes on, at once if that is wanted now."""
        now = time.monotonic()
        drain = pool.state.drains.get(address)
        if drain is None:
            until = now if directly else self._horizon(pool, address, now)
            drain = drains.direct(now) if directly else drains.lowered(now, until)
        elif directly:
            drain.switch(now)
        pool.drain(address, order, drain)

    def _horizon(self, pool: LivePool, address: str, now: float) -> float:
        """Return when caches have forgotten the answers with ``address`` given up to now."""
        self._engine.table.sweep(now)
        return max(now, self._engine.memory.latest(pool.key, address))

    def _progress(
        self, address: str, pools: list[LivePool], request: Mapping[str, Any]
    ) -> dict[str, Any]:
        self._engine.judge_drains()
        return drained(self._engine, address, pools, alone=bool(request.get("name")))

    # -- what is meant ------------------------------------------------------------------------

    def _named(self, request: Mapping[str, Any]) -> LivePool:
        """Return the pool of ``name`` and ``type``; AdminError if there is none."""
        name, rtype = request.get("name"), request.get("type")
        if not isinstance(name, str) or not isinstance(rtype, str):
            raise AdminError('"name" and "type" must say which pool is meant')
        try:
            name, rtype = origins.normal(name), rtype.upper()
        except ValueError as error:
            raise AdminError(str(error)) from error
        for pool in self._engine.table.pools.values():
            if pool.key[1:] == (name, rtype):
                return pool
        raise AdminError(f"there is no pool {name} {rtype}{self._hint()}")

    def _with(self, address: str, request: Mapping[str, Any]) -> list[LivePool]:
        """Return the pools that have the member ``address``, or the one that is named."""
        if request.get("name"):
            pool = self._named(request)
            _member(pool, request)
            return [pool]
        pools = self._engine.table.pools.values()
        found = [pool for pool in pools if address in pool.state.members]
        if not found:
            raise AdminError(f"{address} is a member of no pool{self._hint()}")
        return found

    def _hint(self) -> str:
        every = sorted(str(key) for key in self._engine.table.pools)
        if not every:
            return ": this node has none, because no zone has a policy beside it"
        more = [f"{len(every) - _NAMED} more"] if len(every) > _NAMED else []
        return f": there are {', '.join([*every[:_NAMED], *more])}"

    async def _ordered(self, pools: Iterable[LivePool]) -> dict[str, Any]:
        """Have orders obeyed now, written down soon, and answer with what is true then."""
        self._engine.file.demand()
        for pool in pools:
            self._engine.settle(pool)
        await asyncio.wait((asyncio.ensure_future(self._engine.save()),), timeout=WRITE_S)
        return report(self._engine, pools)


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
        raise AdminError(f"{'; '.join(objections)}: if that is meant, order it with --force")


def _member(pool: LivePool, request: Mapping[str, Any]) -> str:
    """Return the member that ``request`` names; AdminError if it is none of the pool's."""
    address = _address(request.get("member"))
    if address not in pool.state.members:
        members = ", ".join(pool.state.members)
        raise AdminError(f"{address} is no member of {pool.key}: its members are {members}")
    return address


def _address(text: object) -> str:
    try:
        return str(ip_address(str(text)))
    except ValueError:
        raise AdminError(f"{text!r} is no address of a member") from None


def _order(request: Mapping[str, Any], forced: Forced) -> Order:
    """Return the order that ``request`` gives; AdminError if it is none."""
    seconds, reason = request.get("for"), request.get("reason", "")
    if not isinstance(reason, str) or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise AdminError(f'"reason" must be one line of at most {LONGEST_REASON} characters')
    if seconds is not None and (not isinstance(seconds, int | float) or seconds <= 0):
        raise AdminError('"for" must be a number of seconds, more than 0')
    return Order(forced, None if seconds is None else time.monotonic() + seconds, reason)
