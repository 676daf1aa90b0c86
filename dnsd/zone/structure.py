"""Which names of a zone are what: cuts, DNAMEs, occluded names, empty non-terminals.

Worked out once from a loaded zone; checks and the compiler read it, nothing changes it.
Names are lower-case wire names, as in :class:`dnsd.zone.records.Zone`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.wire.name import parent
from dnsd.wire.rdata import DNAME, NS, NSEC3

if TYPE_CHECKING:
    from dnsd.zone.bulk import Bulk
    from dnsd.zone.records import Zone


class Structure:
    """The shape of ``zone``.

    ``cuts``      owners of NS below the apex that are not occluded (RFC 1034 §4.2)
    ``dnames``    owners of DNAME that are not occluded (RFC 6672)
    ``occluded``  owners below a cut or a DNAME: never answered from, only glue
    ``ents``      empty non-terminals (RFC 4592 §2.2.2): no data, but names below them
    ``names``     names that exist for queries: authoritative owners, cuts, and ENTs; those in
                  the zone's ``bulk`` are left out, :meth:`has` knows them too
    ``hashed``    owners of NSEC3 records that have nothing else: they don't exist for queries
    """

    def __init__(self, zone: Zone) -> None:
        self.apex = zone.apex
        self._bulk = zone.bulk
        self.hashed = {owner for owner, types in zone.nodes.items() if set(types) == {NSEC3}}
        stops = {
            owner
            for owner, types in zone.nodes.items()
            if DNAME in types or (NS in types and owner != zone.apex)
        }
        self.occluded: set[bytes] = set()
        if stops:
            # hashed owners are not below a DNAME at the apex: they are no part of the tree
            below = zone.nodes.keys() - self.hashed - {zone.apex}
            self.occluded = {name for name in below if self._is_below(name, stops)}
            if zone.bulk is not None:
                self.occluded |= zone.bulk.below(stops)
        self.cuts = {n for n in stops - self.occluded if NS in zone.nodes[n] and n != zone.apex}
        self.dnames = {n for n in stops - self.occluded - self.cuts if DNAME in zone.nodes[n]}
        # A zone that cannot be served may have nothing at its apex; the name is there anyway.
        owners = (zone.nodes.keys() - self.occluded - self.hashed) | {zone.apex}
        self.ents = self._empty_non_terminals(owners)
        self.names = owners | self.ents

    def has(self, name: bytes) -> bool:
        """Tell whether the name exists for queries."""
        if name in self.names:
            return True
        return self._bulk is not None and name in self._bulk and name not in self.occluded

    def _is_below(self, name: bytes, stops: set[bytes]) -> bool:
        while name != self.apex:
            name = parent(name)
            if name in stops:
                return True
        return False

    def _empty_non_terminals(self, owners: set[bytes]) -> set[bytes]:
        ents: set[bytes] = set()
        bulk: Bulk | set[bytes] = set()
        if self._bulk is not None:
            bulk, ents = self._bulk, self._bulk.empty_above(owners)
        for name in owners - {self.apex}:
            above = parent(name)
            while above not in owners and above not in ents and above not in bulk:
                ents.add(above)
                above = parent(above)
        return ents

    def cut_above(self, name: bytes) -> bytes | None:
        """Return the cut that ``name`` is at or below, or None; ``name`` is in the zone."""
        while name != self.apex:
            if name in self.cuts:
                return name
            name = parent(name)
        return None
