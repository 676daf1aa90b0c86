"""A memory of what pools have given out that needs no disk, for tests of the failover plane."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from dnsd.caches.inquiry import Inquiry
from dnsd.caches.judge import judge
from dnsd.caches.ledger import Ledger
from dnsd.caches.report import WEEK_S, Use
from dnsd.caches.site import alone
from dnsd.caches.version import nothing, rrset
from dnsd.control.failover.live import addresses_of
from dnsd.failover.member import Forced
from dnsd.image.selection import Members, Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dnsd.build.poolmeta import PoolMeta
    from dnsd.caches.judge import Verdict
    from dnsd.caches.version import CacheQuestion, Version
    from dnsd.control.failover.live import LivePool, PoolKey
    from dnsd.control.failover.selections import Noted
    from dnsd.failover.pool import Decision

NODE = "this one"


class OwnMemory:
    """A ledger of this process.

    What an earlier one may have answered it does not know: up to the longest TTL after its start
    each answer that it hears of may be in caches.
    """

    def __init__(self, now: float) -> None:
        self._began = now
        self._ledger = Ledger(NODE, now - 2 * WEEK_S)
        self._known: dict[PoolKey, dict[Version, frozenset[str]]] = {}

    def noted(self, key: PoolKey, meta: PoolMeta, noted: Noted, now: float) -> None:
        """Hold the account."""
        version = _version(key, meta, noted.mask, noted.mode)
        self._ledger.hold(version, noted.until, now, meta.ttl)

    def swept(self, now: float) -> None:
        """Forget nothing."""

    def admits(self, _pool: LivePool, _coming: Decision, _now: float) -> bool:
        """Say yes: there is no disk."""
        return True

    def when_on_disk(self, then: Callable[[], object]) -> None:
        """Do it now: there is no disk."""
        then()

    def decided(self, pool: LivePool, now: float) -> None:
        """Declare what the pool gives out, and what it may give out again."""
        known = self._known.setdefault(pool.key, {})
        served = dict(_served(pool))
        for version in served.keys() - known.keys():
            self._ledger.hold(version, self._began + pool.meta.ttl, self._began, pool.meta.ttl)
        known |= served
        removed = {
            address
            for address, member in pool.state.members.items()
            if member.order
            and member.order.forced != Forced.UP
            and (address not in pool.state.drains or pool.state.drains[address].switched)
        }
        for version, addresses in known.items():
            use = Use.SERVED if version in served else Use.POSSIBLE
            if use == Use.POSSIBLE and (not pool.placements or addresses & removed):
                use = Use.IDLE
            self._ledger.offer(version, pool.meta.ttl, use, now)

    def latest(self, key: PoolKey, address: str) -> float:
        """Return the bound."""
        return self._ledger.latest(key.name, key.type, address)

    def judge(self, question: CacheQuestion, since: float, now: float) -> Verdict:
        """Judge by what this node knows."""
        report = self._ledger.report(now, question)
        inquiry = Inquiry(
            question=question,
            site=alone(report, now),
            since=since,
        )
        return judge(inquiry, now)


def _served(pool: LivePool) -> Iterator[tuple[Version, frozenset[str]]]:
    """Yield what workers answer now, with the addresses in it."""
    for placement in pool.placements:
        selection, meta = placement.cells.selection, placement.meta
        masks = [selection.mask]
        if selection.mode == Mode.SOME:
            masks = [
                1 << at for at in range(selection.mask.bit_length()) if selection.mask >> at & 1
            ]
        if selection.mode in (Mode.ANSWER, Mode.SOME, Mode.NODATA):
            for mask in masks:
                version = _version(pool.key, meta, mask, selection.mode)
                yield version, frozenset(Members(mask).pick(addresses_of(meta)))


def _version(key: PoolKey, meta: PoolMeta, mask: int, mode: Mode) -> Version:
    if mode == Mode.NODATA:
        return nothing(key.name, key.type)
    addresses = Members(mask).pick(addresses_of(meta))
    return rrset(key.name, key.type, [ip_address(one).packed for one in addresses])
