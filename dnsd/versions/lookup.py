"""Finds the records of single names in a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.versions._lookup import select
from dnsd.versions._stored import records, store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.versions.version import ZoneVersion
    from dnsd.wire.records import Record


def records_at(version: ZoneVersion, owner: bytes) -> list[Record]:
    """Return the records of the name ``owner``, by type; one pass over ``version``."""
    return list(records(select(version.octets, store(owner, 0, 0, b""))))


def records_of(version: ZoneVersion, owners: Iterable[bytes]) -> list[Record]:
    """Return the records of all names in ``owners``, in canonical order; one pass, too.

    ``owners`` are in canonical order.
    """
    wanted = b"".join(store(owner, 0, 0, b"") for owner in owners)
    return list(records(select(version.octets, wanted)))
