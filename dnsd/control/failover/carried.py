"""Pools that are known, but not there: their zone is broken at a start, or gone for a while.

What the operator has ordered of them is not to be forgotten meanwhile, nor that he was to be
asked before a member comes back. Given the time (monotonic seconds).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.failover.member import OUT, State
from dnsd.failover.stored import BELIEVED_S, Kept

if TYPE_CHECKING:
    from dnsd.failover.drain import StoredDrain
    from dnsd.failover.member import StoredMember
    from dnsd.failover.stored import StoredPool


class _Carried(NamedTuple):
    """A pool as it was at ``at``; ``fresh`` says that its states were to be believed then."""

    pool: StoredPool
    at: float
    fresh: bool


class CarriedPools:
    """Holds what was ``kept`` on disk until its pool appears, and what disappears later."""

    def __init__(self, kept: Kept, now: float) -> None:
        self._pools = {
            key: _Carried(pool, now - kept.ago, kept.fresh) for key, pool in kept.pools.items()
        }

    def put(self, pool: StoredPool, now: float) -> None:
        """Keep ``pool``, which is no more."""
        self._pools[pool.name, pool.type] = _Carried(pool, now, fresh=True)

    def take(self, name: str, rtype: str, now: float) -> Kept:
        """Return what was known of a pool that is there again; nothing, if that is nothing."""
        found = self._pools.pop((name, rtype), None)
        if found is None:
            return Kept({}, 0.0, fresh=False, reason="")
        ago = now - found.at
        return Kept({(name, rtype): found.pool}, ago, _is_fresh(found, now), "")

    def to_stored(self, now: float) -> tuple[StoredPool, ...]:
        """Return what is to survive a restart, as of ``now``; forget what need not."""
        stored = {
            key: _aged(one.pool, now - one.at, _is_fresh(one, now))
            for key, one in self._pools.items()
        }
        self._pools = {key: one for key, one in self._pools.items() if _matters(stored[key])}
        return tuple(stored[key] for key in self._pools)


def _is_fresh(one: _Carried, now: float) -> bool:
    return one.fresh and now - one.at <= BELIEVED_S


def _matters(pool: StoredPool) -> bool:
    return any(one.forced or one.state != State.INIT for one in pool.members)


def _aged(pool: StoredPool, seconds: float, fresh: bool) -> StoredPool:
    return msgspec.structs.replace(
        pool,
        members=tuple(_aged_member(one, seconds, fresh) for one in pool.members),
        drains=tuple(_aged_drain(one, seconds) for one in pool.drains),
    )


def _aged_member(one: StoredMember, seconds: float, fresh: bool) -> StoredMember:
    left = None if one.left is None else one.left - seconds
    one = msgspec.structs.replace(one, age=one.age + seconds, left=left)
    if left is not None and left <= 0:
        one = msgspec.structs.replace(one, forced=None, left=None, reason="")
    if not fresh and one.state not in OUT:
        # Nobody has looked for too long. That it was out is kept: who is back says so himself.
        one = msgspec.structs.replace(
            one, state=State.INIT, n_fail=0, n_ok=0, n_stable=0, n_before=0
        )
    return one


def _aged_drain(one: StoredDrain, seconds: float) -> StoredDrain:
    return msgspec.structs.replace(one, left=one.left - seconds, age=one.age + seconds)
