"""Finds what others have to do with the zones that a question concerns.

Secondaries answer from them: those are the servers that are notified. Who else may fetch a zone, or
is told by a secondary, a node does not know. And what is not answered now may be again: a primary
may confirm a zone that has expired, the target of an alias may not be resolved for long.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from dnsd.caches.acquainted import KnownSecondary
from dnsd.caches.version import about_name, canonical_name
from dnsd.control.horizon.poolbook import addresses_of
from dnsd.wire import name as names
from dnsd.wire.member import is_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from dnsd.build.poolmeta import PoolMeta
    from dnsd.build.resolved import AliasMeta
    from dnsd.caches.report import LedgerLine
    from dnsd.caches.version import CacheQuestion
    from dnsd.config import ZoneTransfers
    from dnsd.control.horizon.keeper import LedgerKeeper


LAPSED = "the zone {} has expired, and is answered again as soon as a primary confirms it"
FALLBACK = (
    "{} is answered for the alias {} {} while its target cannot be resolved: remove it from the "
    "zone file"
)


class AliasedZone(Protocol):
    """A zone with RRsets that follow names."""

    @property
    def aliases(self) -> tuple[AliasMeta, ...]:
        """These RRsets, as they are served."""
        ...


class TransferredZones(Protocol):
    """Zones that are to be there, loaded or not, and what holds for their transfers.

    Those that have ``expired`` are not answered until a primary confirms them. ``aliased`` are the
    rows of those that are served with aliases.
    """

    @property
    def aliased(self) -> Mapping[str, AliasedZone]:
        """See above."""
        ...

    @property
    def expired(self) -> Collection[str]:
        """See above."""
        ...

    @property
    def configured(self) -> Collection[str]:
        """Those that no catalog has brought."""
        ...

    def transfers_of(self, zone: str) -> ZoneTransfers:
        """Return the settings of a zone's transfers."""
        ...


class Outside:
    """The secondaries of the zones that ``keeper`` has declared, or that are in ``zones``."""

    def __init__(self, keeper: LedgerKeeper, zones: TransferredZones) -> None:
        self._keeper = keeper
        self._zones = zones

    async def concerned(
        self, question: CacheQuestion, lines: Iterable[LedgerLine]
    ) -> tuple[KnownSecondary, ...]:
        """Return those of zones that the question is about, or that have ``lines``."""
        zones = self._zones_of(question, lines)
        pools = self._pools(question)
        found = []
        for zone in sorted(filter(None, {*zones, *pools})):
            mine = tuple(sorted(pools.get(zone, ())))
            found += [KnownSecondary(one, zone, mine) for one in await self._servers(zone)]
        return tuple(found)

    def lapsed(self, question: CacheQuestion, lines: Iterable[LedgerLine]) -> str:
        """Return why what is not given out may be again, without an order or an edit here.

        Empty if it may not.
        """
        if self._zones.expired:
            gone = sorted(self._zones_of(question, lines) & {*self._zones.expired})
            if gone:
                return LAPSED.format(gone[0])
        for row in self._zones.aliased.values():
            for meta in row.aliases:
                if question.target in meta.fallback:
                    return FALLBACK.format(question.target, meta.rule.name, meta.type)
        return ""

    def _zones_of(self, question: CacheQuestion, lines: Iterable[LedgerLine]) -> set[str]:
        """Return the zones that have, or had, what is asked about."""
        owners = {one.version.owner for one in lines}
        if question.name:
            owners.add(question.name)
        return {self._zone_of(owner) for owner in owners}

    def _zone_of(self, owner: str) -> str:
        """Return the zone that has a name, or had it; empty if there is none."""
        configured = self._zones.configured
        while owner not in self._keeper.zones and owner not in configured:
            if owner == ".":
                return ""
            owner = names.to_text(names.parent(names.from_text(owner)))
        return owner

    def _pools(self, question: CacheQuestion) -> dict[str, list[tuple[str, str]]]:
        """Return the pools that the question concerns, by zone."""
        found: dict[str, list[tuple[str, str]]] = {}
        for apex, zone in self._keeper.zones.items():
            for meta in zone.pools:
                if _concerns(question, meta):
                    found.setdefault(apex, []).append(_key(meta))
        return found

    async def _servers(self, zone: str) -> tuple[str, ...]:
        said = self._zones.transfers_of(zone)
        hosts: list[str] = []
        if said.notify_ns:
            about = about_name(zone, "NS")
            await asyncio.to_thread(self._keeper.served.search, about)
            found = self._keeper.served.known(about) or {}
            hosts = sorted({one for version in found for one in version.targets if is_name(one)})
        return (*map(str, said.notify), *hosts)


def _concerns(question: CacheQuestion, meta: PoolMeta) -> bool:
    if question.target:
        return question.target in addresses_of(meta)
    return (question.name, question.type) == _key(meta)


def _key(meta: PoolMeta) -> tuple[str, str]:
    return canonical_name(meta.policy.name), meta.policy.type
