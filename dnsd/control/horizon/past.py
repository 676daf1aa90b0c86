"""Finds out from the disk whether a node has had pools before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.caches.ledger import has_had_pools
from dnsd.errors import StateError

if TYPE_CHECKING:
    from dnsd.control.horizon.ledgerfile import LedgerFile


def pools_before(file: LedgerFile) -> str:
    """Return the evidence that the node has had pools, to follow "because"; empty if there is none.

    To be called before anything is written. Images alone prove nothing: they are written before the
    ledger.
    """
    try:
        had = any(map(has_had_pools, file.history()))
    except StateError:
        return "the node has kept a ledger"
    return "the ledger says that this node has had pools" if had else ""
