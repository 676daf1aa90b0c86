"""The states of members and names, for the calculated checks of other pools.

They are the ones that answers are made of: an order counts before results, what nodes agree on
before what this node sees. What is unknown, or cannot be checked any more, is neither up nor down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.checks.calculated import CalculatedState
from dnsd.control.failover.live import PoolKey
from dnsd.failover.choice import Eligibility

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.checks.calculated import States
    from dnsd.config.references import Reference
    from dnsd.control.failover.live import LivePool


def states_in(pools: Mapping[PoolKey, LivePool], origin: str) -> States:
    """Return what tells how the pools of the zone ``origin`` are, whenever it is asked."""

    def state(reference: Reference) -> CalculatedState:
        pool = pools.get(PoolKey(origin, reference.name, reference.type))
        if pool is None:
            return CalculatedState(None, "not a pool of this node")
        return _of_member(pool, reference.address) if reference.address else _of_pool(pool)

    return state


def _of_member(pool: LivePool, address: str) -> CalculatedState:
    member = pool.state.members.get(address)
    if member is None:
        return CalculatedState(None, "not a member any more")
    if member.frozen and member.order is None:
        return CalculatedState(None, f"cannot be checked: {member.frozen}")
    match pool.state.eligibility(member):
        case Eligibility.IN:
            return CalculatedState(True)
        case Eligibility.OPEN:
            return CalculatedState(None, "not checked yet", soon=True)
    return CalculatedState(False, pool.state.told(member))


def _of_pool(pool: LivePool) -> CalculatedState:
    found = {address: _of_member(pool, address) for address in pool.state.members}
    ok = pool.state.has_enough({address: one.ok for address, one in found.items()})
    if ok is None:
        return CalculatedState(
            None, "its state is unknown", any(one.soon for one in found.values())
        )
    return CalculatedState(ok, "" if ok else "too few members are up")
