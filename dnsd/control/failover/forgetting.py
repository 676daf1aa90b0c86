"""What caches may still hold of the answers that pools have given: for drains, and horizons.

:class:`Memory` is what the plane needs to be known; :class:`OwnMemory` knows it of this node
since this process began, and of pools only. Times are monotonic seconds.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Protocol

from dnsd.control.failover.live import addresses_of, named
from dnsd.failover.horizon import Heard, Inquiry, Tail, judge
from dnsd.failover.ledger import Ledger, Use
from dnsd.failover.member import Forced
from dnsd.failover.version import nothing, rrset
from dnsd.image.pools import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.control.failover.live import Key, LivePool
    from dnsd.control.failover.words import Noted
    from dnsd.control.pools import PoolMeta
    from dnsd.failover.horizon import Verdict
    from dnsd.failover.version import Question, Version

NODE = "this one"


class Memory(Protocol):
    """Remembers until when caches may hold which answer."""

    def noted(self, key: Key, meta: PoolMeta, noted: Noted, now: float) -> None:
        """Take in what workers have answered.

        That is told once a second for all that cells say, and before they say something else.
        """

    def decided(self, pool: LivePool, now: float) -> None:
        """Take in that the answer of ``pool`` has changed, or an order, or where it is placed.

        Its words are written already. A pool that has gone may have placements still.
        """

    def judge(self, question: Question, since: float, gate: float | None, now: float) -> Verdict:
        """Return whether caches have forgotten, of what was switched at ``since``.

        ``gate`` is the limit of new connections a second, if there is one.
        """


class OwnMemory:
    """A ledger of this process; that nobody has written it down makes no difference to it."""

    def __init__(self, now: float) -> None:
        self._ledger = Ledger(NODE, now)
        self._known: dict[Key, dict[Version, frozenset[str]]] = {}

    def noted(self, key: Key, meta: PoolMeta, noted: Noted, now: float) -> None:
        """Hold the account."""
        version = _version(key, meta, noted.mask, noted.mode)
        self._ledger.hold(version, noted.until, now, meta.ttl)

    def decided(self, pool: LivePool, now: float) -> None:
        """Declare what the pool gives out, and what it may give out again."""
        known = self._known.setdefault(pool.key, {})
        served = dict(_served(pool))
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

    def judge(self, question: Question, since: float, gate: float | None, now: float) -> Verdict:
        """Judge by what this node knows."""
        report = self._ledger.report(now, question)
        tail = None if gate is None else Tail(None, gate)
        inquiry = Inquiry(
            question=question,
            nodes=(NODE,),
            heard=(Heard(report, now, now),),
            since=since,
            tail=tail,
        )
        return judge(inquiry, now)


def _served(pool: LivePool) -> Iterator[tuple[Version, frozenset[str]]]:
    """Yield what workers answer now, with the addresses in it."""
    for placement in pool.placements:
        word, meta = placement.cells.word, placement.meta
        masks = [word.mask]
        if word.mode == Mode.ONE:
            masks = [1 << at for at in range(word.mask.bit_length()) if word.mask >> at & 1]
        if word.mode in (Mode.ANSWER, Mode.ONE, Mode.NODATA):
            for mask in masks:
                version = _version(pool.key, meta, mask, word.mode)
                yield version, frozenset(named(mask, addresses_of(meta)))


def _version(key: Key, meta: PoolMeta, mask: int, mode: Mode) -> Version:
    if mode == Mode.NODATA:
        return nothing(key.name, key.type)
    addresses = named(mask, addresses_of(meta))
    return rrset(key.name, key.type, [ip_address(one).packed for one in addresses])
