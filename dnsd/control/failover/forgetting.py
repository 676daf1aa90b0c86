"""What the failover plane asks about caches, and what it reports for that.

For drains: caches may still hold what pools have given out. The object that remembers it is given
to the plane. Times are monotonic seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.build.poolmeta import PoolMeta
    from dnsd.caches.judge import Verdict
    from dnsd.caches.version import CacheQuestion
    from dnsd.control.failover.live import LivePool, PoolKey
    from dnsd.control.failover.selections import Noted
    from dnsd.failover.pool import Decision


class CacheMemory(Protocol):
    """Remembers until when caches may hold which answer."""

    def noted(self, key: PoolKey, meta: PoolMeta, noted: Noted, now: float) -> None:
        """Take in what workers have answered.

        Called once a second with all notes, and before a note stands for another answer.
        """

    def swept(self, now: float) -> None:
        """Take in that the notes of all workers have just been told."""

    def admits(self, pool: LivePool, coming: Decision, now: float) -> bool:
        """Declare that ``pool`` is about to answer ``coming``, and what may follow.

        Return whether it may do so now, because a restart would know of it. If not, the present
        answer stands until :meth:`when_on_disk` calls back.
        """

    def when_on_disk(self, then: Callable[[], object]) -> None:
        """Call ``then`` when what is declared is on disk, or the disk has refused it."""

    def decided(self, pool: LivePool, now: float) -> None:
        """Note that the answer of ``pool`` has changed, or an order, or where it is placed.

        Its selections are written already. A pool that has gone may have placements still.
        """

    def latest(self, key: PoolKey, address: str) -> float:
        """Return until when caches may hold answers of a pool with ``address`` given so far.

        -inf if there were none.
        """

    def judge(self, question: CacheQuestion, since: float, now: float) -> Verdict:
        """Return whether caches have forgotten what left the answers at ``since``."""
