"""Pools that are known but absent: their zone is broken at a start, or gone for a while.

Their orders are kept until they return, and so is that a member waits for the operator before it
comes back. Given the time (monotonic seconds).
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from dnsd.failover.member import OUT, MemberState
from dnsd.failover.orders import Directive
from dnsd.failover.stored import BELIEVED_S, Kept, StoredPool


class _AbsentPool(NamedTuple):
    """A pool as it was at ``at``; ``fresh`` says that its states were to be believed then."""

    pool: StoredPool
    at: float
    fresh: bool


class AbsentPools:
    """Holds what was ``kept`` on disk until its pool appears, and what disappears later."""

    def __init__(self, kept: Kept, now: float) -> None:
        self._pools = {
            key: _AbsentPool(pool, now - kept.ago, kept.fresh) for key, pool in kept.pools.items()
        }

    def put(self, pool: StoredPool, now: float) -> None:
        """Keep ``pool``, which has just gone."""
        self._pools[pool.name, pool.type] = _AbsentPool(pool, now, fresh=True)

    def take(self, name: str, rtype: str, now: float) -> Kept:
        """Return and forget what is kept of a pool that has returned; it may be nothing."""
        found = self._pools.pop((name, rtype), None)
        if found is None:
            return Kept({}, 0.0, fresh=False, reason="")
        ago = now - found.at
        return Kept({(name, rtype): found.pool}, ago, _is_fresh(found, now), "")

    def directive(self, name: str, rtype: str, address: str, now: float) -> Directive:
        """Return the orders about a member of an absent pool."""
        found = self._pools.get((name, rtype))
        return found.pool.aged(now - found.at).directive(address, now) if found else Directive()

    def obey(self, name: str, rtype: str, address: str, directive: Directive, now: float) -> None:
        """Keep an order about a member of an absent pool."""
        nothing = _AbsentPool(StoredPool(name=name, type=rtype, members=()), now, fresh=False)
        found = self._pools.get((name, rtype), nothing)
        pool = found.pool.aged(now - found.at).under(address, directive, now)
        self._pools[name, rtype] = _AbsentPool(pool, now, _is_fresh(found, now))

    def shift_plans(self, seconds: float) -> None:
        """Have what is planned begin so much later: the clock of the day was set."""
        for key, one in self._pools.items():
            self._pools[key] = one._replace(pool=one.pool.planned_later(seconds))

    def to_stored(self, now: float) -> tuple[StoredPool, ...]:
        """Return what must survive a restart, as of ``now``; forget the rest."""
        stored = {
            key: _as_believed(one.pool.aged(now - one.at), _is_fresh(one, now))
            for key, one in self._pools.items()
        }
        self._pools = {key: one for key, one in self._pools.items() if _matters(stored[key])}
        return tuple(stored[key] for key in self._pools)


def _is_fresh(one: _AbsentPool, now: float) -> bool:
    return one.fresh and now - one.at <= BELIEVED_S


def _matters(pool: StoredPool) -> bool:
    return bool(pool.plans) or any(
        one.forced or one.state != MemberState.INIT for one in pool.members
    )


def _as_believed(pool: StoredPool, fresh: bool) -> StoredPool:
    """Return ``pool`` without states too old to believe, and without plans that are over.

    A member that was out stays out: its own checks say when it is back.
    """
    return msgspec.structs.replace(
        pool,
        members=tuple(
            one
            if fresh or one.state in OUT
            else msgspec.structs.replace(
                one, state=MemberState.INIT, n_fail=0, n_ok=0, n_stable=0, n_before=0
            )
            for one in pool.members
        ),
        plans=tuple(one for one in pool.plans if one.ends is None or one.ends > 0),
    )
