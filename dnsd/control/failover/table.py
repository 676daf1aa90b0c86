"""All pools of a running node, over edits of their zones and over restarts.

Knows which cells are whose; what is decided, the pools know. Given the time (monotonic seconds).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.control.failover.absent import AbsentPools
from dnsd.control.failover.live import LivePool, Placement, PoolKey, addresses_of
from dnsd.control.failover.selections import PoolCells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dnsd.build.poolmeta import PoolMeta
    from dnsd.control.failover.selections import Noted
    from dnsd.failover.orders import Directive
    from dnsd.failover.stored import Kept, StoredPool
    from dnsd.image.cells import Range
    from dnsd.image.state import StateVector

    Told = Callable[[PoolKey, PoolMeta, Noted], object]


class PoolEdit(NamedTuple):
    """What an edit has done: pools that are new or changed, and pools that are gone."""

    here: tuple[LivePool, ...]
    gone: tuple[LivePool, ...]


class OrderTarget(NamedTuple):
    """The member an order is about: an address in the pool of this name and type."""

    name: str
    type: str
    address: str


class Table:
    """The pools by their keys, as far as their zones have them.

    ``told`` is called with what workers have answered, before the cells that say so are used for
    something else. ``kept`` is what an earlier process has stored.
    """

    def __init__(self, vector: StateVector, kept: Kept, now: float, told: Told) -> None:
        self.pools: dict[PoolKey, LivePool] = {}
        self._selections = vector.selections
        self._notes = [vector.cache_until(index) for index in range(vector.workers)]
        self._told = told
        self.proposed: dict[OrderTarget, Directive] = {}
        self._absent = AbsentPools(kept, now)
        self._leaving: dict[PoolKey, LivePool] = {}
        """Pools that are gone, but that some worker may still answer."""
        self._of: dict[str, set[PoolKey]] = {}
        self._placed: dict[int, tuple[PoolKey, Placement]] = {}

    def recover(self, origin: str, pools: Sequence[PoolMeta], cell: int, now: float) -> PoolEdit:
        """Take over the pools of a zone from an earlier process: workers answer them already."""
        return self._edit(origin, self._placements(origin, pools, cell, now), now)

    def place(self, origin: str, pools: Sequence[PoolMeta], cell: int, now: float) -> PoolEdit:
        """Go on with what a zone has now: ``pools``, in cells that no worker uses yet.

        Or in those that they had before, because what they have now is not published after all.
        """
        placements = self._placements(origin, pools, cell, now)
        for placement in placements:
            if placement.first not in self._placed:
                placement.cells.clear()
        return self._edit(origin, placements, now)

    def remove(self, origin: str, now: float) -> PoolEdit:
        """Note that a zone is gone."""
        return self._edit(origin, [], now)

    def release(self, cells: Range, now: float) -> PoolEdit:
        """Read out cells for the last time, and wipe them; return the pools that were there."""
        here, gone = [], []
        for first in range(cells.first, cells.first + cells.size):
            if found := self._placed.pop(first, None):
                key, placement = found
                placement.cells.sweep(now)
                placement.cells.clear()
                if pool := self.pools.get(key):
                    pool.displace(placement, now)
                    here.append(pool)
                elif pool := self._leaving.get(key):
                    pool.displace(placement, now)
                    gone.append(pool)
                    if not pool.placements:
                        del self._leaving[key]
        return PoolEdit(tuple(here), tuple(gone))

    def sweep(self, now: float) -> None:
        """Tell what workers have answered."""
        for _, placement in self.placements():
            placement.cells.sweep(now)

    def placements(self) -> Iterator[tuple[PoolKey, Placement]]:
        """Yield all cells that workers may answer from, with the pool they are of."""
        yield from tuple(self._placed.values())

    def to_stored(self, now: float) -> tuple[StoredPool, ...]:
        """Return what must survive a restart, with orders that are obeyed once it is on disk."""
        stored = {(one.name, one.type): one for one in self._stored(now)}
        for at, directive in self.proposed.items():
            if pool := stored.get(at[:2]):
                stored[at[:2]] = pool.under(at.address, directive, now)
        return tuple(stored.values())

    def _stored(self, now: float) -> Iterator[StoredPool]:
        yield from self._absent.to_stored(now)
        for pool in self.pools.values():
            yield pool.state.to_stored(now)

    def find(self, name: str, rtype: str) -> LivePool | None:
        """Return the pool of that name and type, None if no zone has it."""
        return next((one for key, one in self.pools.items() if key[1:] == (name, rtype)), None)

    def followed(self, name: str) -> str | None:
        """Return the member that a pool of CNAME records leads to, the preferred one of several.

        "" if it leads to none now, None if there is no such pool.
        """
        pool = self.find(name, "CNAME")
        return None if pool is None else next(iter(pool.answered), "")

    def absent_orders(self, now: float) -> dict[OrderTarget, Directive]:
        """Return the orders about members that are in no pool now."""
        places = [
            OrderTarget(pool.name, pool.type, one.address)
            for pool in self._absent.to_stored(now)
            for one in pool.members
        ]
        for pool in self.pools.values():
            places += [OrderTarget(*pool.key[1:], address) for address in pool.state.away]
        found = {at: self.directive(at, now) for at in places}
        return {at: one for at, one in found.items() if one.order or one.plan}

    def is_ordered(self, now: float) -> bool:
        """Return whether anything is ordered of a member, or planned."""
        here = (
            pool.state.plans or any(member.order for member in pool.state.members.values())
            for pool in self.pools.values()
        )
        return any(here) or bool(self.absent_orders(now))

    def directive(self, at: OrderTarget, now: float) -> Directive:
        """Return the orders about a member, even an absent one."""
        pool = self.find(at.name, at.type)
        return pool.state.ordered(at.address) if pool else self._absent.directive(*at, now)

    def obey(self, at: OrderTarget, directive: Directive, now: float) -> LivePool | None:
        """Obey an order about a member, even an absent one; return the pool to decide again."""
        pool = self.find(at.name, at.type)
        if pool is None:
            self._absent.obey(*at, directive, now)
        else:
            pool.obey(at.address, directive)
        return pool

    def shift_plans(self, seconds: float) -> list[LivePool]:
        """Have what is planned begin so much later; return the pools to decide again."""
        self._absent.shift_plans(seconds)
        planned = [pool for pool in self.pools.values() if pool.state.plans]
        for pool in planned:
            pool.state.shift_plans(seconds)
        return planned

    # -- zones --------------------------------------------------------------------------------

    def _edit(self, origin: str, placements: Sequence[Placement], now: float) -> PoolEdit:
        here = [self._put(origin, placement, now) for placement in placements]
        keys = {pool.key for pool in here}
        gone = [self.pools.pop(key) for key in self._of.pop(origin, ()) if key not in keys]
        if keys:
            self._of[origin] = keys
        for pool in gone:
            self._absent.put(pool.state.to_stored(now), now)
            pool.is_gone = True
            if pool.placements:
                self._leaving[pool.key] = pool
        return PoolEdit(tuple(here), tuple(gone))

    def _put(self, origin: str, placement: Placement, now: float) -> LivePool:
        meta = placement.meta
        key = _key(origin, meta)
        pool = self.pools.get(key)
        if pool is None:
            pool = self.pools[key] = LivePool(origin, meta, now)
            pool.restore(self._absent.take(key.name, key.type, now), now)
            if before := self._leaving.pop(key, None):
                pool.placements = before.placements
        else:
            pool.edit(meta, now)
        pool.place(placement)
        self._placed[placement.first] = key, placement
        return pool

    def _placements(
        self, origin: str, pools: Sequence[PoolMeta], cell: int, now: float
    ) -> list[Placement]:
        return [self._placement(_key(origin, meta), meta, cell + meta.cell, now) for meta in pools]

    def _placement(self, key: PoolKey, meta: PoolMeta, first: int, now: float) -> Placement:
        if first in self._placed:
            return self._placed[first][1]
        place = slice(first, first + meta.cells)
        cells = PoolCells(
            self._selections[place],
            [notes[place] for notes in self._notes],
            len(addresses_of(meta)),
            now,
            lambda noted: self._told(key, meta, noted),
        )
        return Placement(meta, first, cells)


def _key(origin: str, meta: PoolMeta) -> PoolKey:
    return PoolKey(origin, meta.policy.name, meta.policy.type)
