"""What a restarted node would know from the ledger on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.caches.ledger import declarations
from dnsd.control.horizon.coverage import PoolAccount
from dnsd.control.horizon.declared import version_of
from dnsd.control.horizon.poolbook import accounts_in, key_of, undecided
from dnsd.errors import StateError

if TYPE_CHECKING:
    from dnsd.caches.version import Version
    from dnsd.control.horizon.declared import DeclaredZone
    from dnsd.control.horizon.poolbook import PoolRRset

_NOTHING = PoolAccount(frozenset(), 0)


class LedgerOnDisk:
    """The declarations in the content ``data`` of the file; none if it is damaged."""

    def __init__(self, data: bytes) -> None:
        self._zones: dict[Version, int] = {}
        self._pools: dict[PoolRRset, PoolAccount] = {}
        try:
            self._zones, self._pools = declarations(data), accounts_in(data)
        except StateError:
            return

    def declares(self, apex: str, zone: DeclaredZone) -> bool:
        """Return whether all that ``zone`` may give out is declared, with undecided pools."""
        return self._zones.get(version_of(apex, zone), -1) >= zone.shelved.contents.ttl and all(
            self._pools.get(key_of(meta), _NOTHING).covers(undecided(meta)) for meta in zone.pools
        )
