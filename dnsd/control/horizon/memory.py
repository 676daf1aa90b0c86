"""What the failover plane tells the ledger about pools, and asks of it.

It is the node's :class:`dnsd.control.failover.forgetting.CacheMemory`: it knows all zones, and is
on disk.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from dnsd.caches.version import canonical_name
from dnsd.control.horizon.coverage import PoolAccount
from dnsd.control.horizon.poolbook import CACHED, PoolAnswers, PoolRRset, addresses_of, version_of
from dnsd.failover.member import Forced
from dnsd.image.selection import Members, Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dnsd.build.poolmeta import PoolMeta
    from dnsd.caches.judge import Verdict
    from dnsd.caches.version import CacheQuestion, Version
    from dnsd.control.failover import live
    from dnsd.control.failover.live import LivePool, Placement
    from dnsd.control.failover.selections import Noted
    from dnsd.control.horizon.ask import Horizon
    from dnsd.control.horizon.keeper import LedgerKeeper
    from dnsd.failover.member import MemberOrder
    from dnsd.failover.pool import Decision


class LedgerMemory:
    """Tells ``keeper``, asks ``horizon``."""

    def __init__(self, keeper: LedgerKeeper, horizon: Horizon) -> None:
        self._keeper = keeper
        self._horizon = horizon

    def noted(self, _key: live.PoolKey, meta: PoolMeta, noted: Noted, now: float) -> None:
        """Take in the notes of the workers."""
        self._keeper.pools.noted(meta, noted.mask, noted.mode, noted.until, now)

    def swept(self, now: float) -> None:
        """Take in that all notes have been read."""
        self._keeper.swept(now)

    def admits(self, pool: LivePool, coming: Decision, now: float) -> bool:
        """Declare ``coming``, and all that may follow; return whether it may be answered now."""
        key, ttl = _key(pool), _ttl(pool, coming)
        account = PoolAccount(frozenset(Members(coming.mask).pick(pool.addresses)), ttl)
        ahead = account.join(PoolAccount(_possible(pool), ttl))
        self._keeper.pools.announce(key, ahead, now)
        if not self._keeper.coverage.covers(key, ahead):
            self._keeper.save_soon(_nothing)
        return self._keeper.coverage.covers(key, account)

    def when_on_disk(self, then: Callable[[], object]) -> None:
        """Call ``then`` when the disk has taken what is declared, or has refused it."""
        self._keeper.save_soon(then)

    def decided(self, pool: LivePool, now: float) -> None:
        """Take in what a pool gives out from now on, and what it may give out again."""
        key = _key(pool)
        served = frozenset(
            version for placement in pool.placements for version in _served(placement)
        )
        possible = _possible(pool) if pool.placements else frozenset()
        ttl = _ttl(pool, pool.decision) if pool.placements else 0
        stays = () if pool.is_gone else pool.placements[-1:]
        lasting = frozenset(version for placement in stays for version in _served(placement))
        self._keeper.pools.given(key, PoolAnswers(served, possible, ttl, served - lasting), now)

    def latest(self, key: live.PoolKey, address: str) -> float:
        """Return until when caches may hold the answers with ``address`` that were given so far."""
        return self._horizon.latest(key.name, key.type, address)

    def judge(self, question: CacheQuestion, since: float, now: float) -> Verdict:
        """Return whether caches have forgotten what left the answers at ``since``."""
        return self._horizon.judge(question, since, now)


def _key(pool: LivePool) -> PoolRRset:
    return _key_of(pool.key.name, pool.key.type)


@lru_cache(maxsize=4096)
def _key_of(name: str, rtype: str) -> PoolRRset:
    return PoolRRset(canonical_name(name), rtype)


def _ttl(pool: LivePool, coming: Decision) -> int:
    """Return the longest TTL that workers may give: the zone may just have had another one."""
    return max(coming.ttl, *(placement.meta.ttl for placement in pool.placements), 1)


def _nothing() -> None:
    """Do nothing: no caller waits for it."""


def _served(placement: Placement) -> Iterator[Version]:
    """Yield what workers answer from some cells, as caches hold it."""
    selection, meta = placement.cells.selection, placement.meta
    if selection.mode == Mode.UNSET:
        yield version_of(meta, Members.of(range(len(meta.members))), Mode.ANSWER)
    elif selection.mode == Mode.SOME:
        for number in selection.members:
            yield version_of(meta, Members.of([number]), Mode.SOME)
    elif selection.mode in CACHED:
        yield version_of(meta, selection.mask, selection.mode)


def _possible(pool: LivePool) -> frozenset[str]:
    """Return the addresses that may be answered without a further order, or when one ends."""
    members = pool.state.members
    if all(_may_be_removed(pool, address) for address in members):
        return frozenset(addresses_of(pool.meta))  # an RRset is never empty
    removed = {address for address in members if _is_removed(pool, address)}
    return frozenset(addresses_of(pool.meta)) - removed


def _is_removed(pool: LivePool, address: str) -> bool:
    """Return whether orders and plans keep a member out for good."""
    order, drain, plan = pool.state.ordered(address)
    if not _removes(order) or (plan is not None and not _removes(plan.order)):
        return False
    return drain is None or drain.switched


def _may_be_removed(pool: LivePool, address: str) -> bool:
    """Return whether an order keeps a member out, or will: by a plan, or as its drain proceeds."""
    order, _, plan = pool.state.ordered(address)
    coming = None if plan is None else plan.order
    return any(one is not None and one.forced != Forced.UP for one in (order, coming))


def _removes(order: MemberOrder | None) -> bool:
    return order is not None and order.until is None and order.forced != Forced.UP
