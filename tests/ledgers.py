"""Ledgers as tests want them."""

from __future__ import annotations

from collections.abc import Collection

from dnsd.caches.ledger import Ledger, owner_of
from dnsd.caches.version import Version


def restored(data: bytes, now: float, unchanged: Collection[Version] = ()) -> Ledger:
    """Return the ledger with which a node goes on that finds ``data`` at its start."""
    name, _ = owner_of(data)
    ledger = Ledger(name, now)
    ledger.resume(data, now, unchanged)
    return ledger
