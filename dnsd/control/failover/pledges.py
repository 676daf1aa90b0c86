"""Whether the pools of this node keep their promises, and whether their checks are in time.

What a pool can promise depends on all others: they are checked in one queue. An edit that would
break a promise is refused (:mod:`dnsd.control.zones.acceptance`); what cannot be refused, or is
only worth a warning, is reported here. So is a queue that is longer than it should ever be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.build.promises import Promises
from dnsd.process import log

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.config import CheckLimits, Failover
    from dnsd.control.failover.live import LivePool

LATE_S = 1.0
"""So much later than promised is no matter of the loop's being busy for a moment."""


class Pledges:
    """Knows which promises are ``broken``: a sentence for each pool that misses its objective."""

    def __init__(self, failover: Failover, limits: CheckLimits) -> None:
        self.broken: dict[LivePool, str] = {}
        self.longest_wait = 0.0
        self._failover, self._limits = failover, limits
        self._late = False

    def review(self, pools: Iterable[LivePool]) -> None:
        """Work out again what ``pools``, which are all, can promise; tell what has changed."""
        of = {id(pool.meta): pool for pool in pools}
        metas = [pool.meta for pool in of.values()]
        promises = Promises(metas, self._failover, self._limits)
        self.longest_wait = promises.longest_wait
        before = self.broken
        self.broken = {of[id(meta)]: found.sentence() for meta, found in promises.broken(metas)}
        for pool, sentence in self.broken.items():
            if pool not in before:
                told = f"the recovery time objective is not met any more: {sentence}"
                pool.say("objective-missed", told, reason=sentence)
        for pool in before.keys() - self.broken.keys():
            pool.say("objective-met", "the recovery time objective is met again")

    def longest_wait_of(self, pools: Iterable[LivePool]) -> float:
        """Return for how long a check waits for its turn at the worst, if ``pools`` are all."""
        metas = [pool.meta for pool in pools]
        return Promises(metas, self._failover, self._limits).longest_wait

    def watch(self, behind: float) -> None:
        """Tell that checks are ``behind`` their schedule, and that they no longer are."""
        late = self.lateness(behind)
        if late and not self._late:
            log.say("checks-late", f"failover: {late}")
        elif self._late and not late:
            log.say("checks-in-time", "failover: checks are in time again")
        self._late = bool(late)

    def lateness(self, behind: float) -> str:
        """Return that checks are later than any promise allows for; empty if they are not."""
        if behind < self.longest_wait + LATE_S:
            return ""
        return (
            f"checks are {behind:.1f} s behind their schedule, and promises allow for "
            f"{self.longest_wait:.1f} s: failures are seen too late; "
            "this machine is too busy, or checks do not end"
        )
