"""The account of each pool: every answer that it may give, or gave until a moment ago.

It grows at once. An address leaves it only when no worker can note it any more (``LATE_S``) and all
notes have been read since: a crash in between must not lose it. Times are monotonic seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.control.failover.selections import LATE_S
from dnsd.control.horizon.coverage import PoolAccount

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.control.horizon.poolbook import PoolRRset

NOTHING = PoolAccount(frozenset(), 0)


class _Given(NamedTuple):
    """What is given out since ``since``, and may be given out again."""

    account: PoolAccount
    since: float


class Accounts:
    """The accounts by pool."""

    def __init__(self) -> None:
        self._of: dict[PoolRRset, PoolAccount] = {}
        self._given: dict[PoolRRset, _Given] = {}
        self._left: dict[PoolRRset, dict[str, float]] = {}

    def of(self, key: PoolRRset) -> PoolAccount:
        """Return the account of a pool; it is empty for an unknown one."""
        return self._of.get(key, NOTHING)

    def all(self) -> Mapping[PoolRRset, PoolAccount]:
        """Return the current accounts."""
        return dict(self._of)

    def announce(self, key: PoolRRset, coming: PoolAccount) -> None:
        """Add what a pool is about to answer, or may answer soon."""
        if not (before := self.of(key)).covers(coming):
            self._of[key] = before.join(coming)
        if left := self._left.get(key):
            for address in coming.addresses:
                left.pop(address, None)

    def give(self, key: PoolRRset, here: PoolAccount, now: float) -> None:
        """Note that from now on a pool answers only ``here``."""
        if here.addresses:
            self.announce(key, here)
        elif key not in self._of:
            return
        before = self._given.get(key)
        if before is None or before.account.ttl != here.ttl:
            self._given[key] = _Given(here, now)
        left = self._left.setdefault(key, {})
        for address in self.of(key).addresses - here.addresses:
            left.setdefault(address, now)

    def swept(self, now: float) -> list[PoolRRset]:
        """Forget what left long ago: all notes were just read. Return which pools have changed."""
        return [key for key in tuple(self._given) if self._forget(key, now)]

    def _forget(self, key: PoolRRset, now: float) -> bool:
        left, given, account = self._left[key], self._given[key], self.of(key)
        over = {address for address, since in left.items() if now >= since + LATE_S}
        ttl = given.account.ttl if now >= given.since + LATE_S else account.ttl
        shorter = PoolAccount(account.addresses - over, min(ttl, account.ttl))
        if shorter == account:
            return False
        if shorter.addresses:
            self._of[key] = shorter
            self._left[key] = {one: since for one, since in left.items() if one not in over}
        else:
            del self._of[key], self._left[key], self._given[key]
        return True
