"""Which answers of pools the ledger on disk covers: workers may give no others.

While the file is being replaced, a power cut leaves either the old one or the new one, so an answer
is covered only if it is in both. A missing file covers everything, because without it everything is
UNKNOWN. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.control.horizon.poolbook import PoolRRset


class PoolAccount(NamedTuple):
    """Any answer of a pool with some of ``addresses``, with a TTL of at most ``ttl``."""

    addresses: frozenset[str]
    ttl: int

    def covers(self, other: PoolAccount) -> bool:
        """Return whether it covers all of ``other``."""
        return other.addresses <= self.addresses and other.ttl <= self.ttl

    def join(self, other: PoolAccount) -> PoolAccount:
        """Return an account that covers both."""
        return PoolAccount(self.addresses | other.addresses, max(self.ttl, other.ttl))


class Coverage:
    """What the ledger's file covers; nothing at first."""

    def __init__(self) -> None:
        self._on_disk: Mapping[PoolRRset, PoolAccount] | None = {}
        self._coming: Mapping[PoolRRset, PoolAccount] | None = {}

    def covers(self, key: PoolRRset, wanted: PoolAccount) -> bool:
        """Return whether answers of the pool ``key`` are covered, whenever the power fails."""
        return all(
            one is None or (key in one and one[key].covers(wanted))
            for one in (self._on_disk, self._coming)
        )

    def found(self, accounts: Mapping[PoolRRset, PoolAccount]) -> None:
        """Note what the file on disk covers."""
        self._on_disk = self._coming = accounts

    def begin(self, accounts: Mapping[PoolRRset, PoolAccount]) -> None:
        """Note that the file is about to be replaced by one that covers ``accounts``."""
        self._coming = accounts

    def end(self, *, written: bool) -> None:
        """Note that the file was replaced; or that this failed, and it was removed."""
        self._on_disk = self._coming = self._coming if written else None
