"""Which names of a zone are what: cuts, DNAMEs, occluded names, empty non-terminals.

A native table knows this from loading, so a Structure of one is a few views, made in
microseconds wherever one is needed. Without natives it is computed from the zone each time.
Nothing changes it. Names are lower-case wire names, as in :class:`dnsd.zone.records.Zone`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.wire.name import parent
from dnsd.wire.rdata import DNAME, NS, NSEC3
from dnsd.zone.table import FlaggedNames, table_of

if TYPE_CHECKING:
    from collections.abc import Set

    from dnsd.zone.records import Zone
    from dnsd.zone.table import Table


class Structure:
    """The shape of ``zone``.

    ``cuts``      owners of NS below the apex that are not occluded (RFC 1034 §4.2)
    ``dnames``    owners of DNAME that are not occluded (RFC 6672)
    ``occluded``  owners below a cut or a DNAME: never answered from, only glue
    ``ents``      empty non-terminals (RFC 4592 §2.2.2): no data, but names below them
    ``names``     names that exist for queries: authoritative owners, cuts, and ENTs
    ``hashed``    owners of NSEC3 records that have nothing else: they don't exist for queries
    """

    cuts: Set[bytes]
    dnames: Set[bytes]
    occluded: Set[bytes]
    ents: Set[bytes]
    names: Set[bytes]
    hashed: Set[bytes]

    def __init__(self, zone: Zone) -> None:
        self.apex = zone.apex
        if (table := table_of(zone)) is None:
            self._find(zone)
        else:
            self._take(table)

    def _take(self, table: Table) -> None:
        """Take the views of the table, which knows all this."""
        self.cuts, self.dnames = FlaggedNames(table, "cut"), FlaggedNames(table, "dname")
        self.occluded, self.hashed = FlaggedNames(table, "occluded"), FlaggedNames(table, "hashed")
        self.ents, self.names = FlaggedNames(table, "empty"), FlaggedNames(table, "exists")

    def _find(self, zone: Zone) -> None:
        self.hashed = {owner for owner, types in zone.nodes.items() if set(types) == {NSEC3}}
        stops = {
            owner
            for owner, types in zone.nodes.items()
            if DNAME in types or (NS in types and owner != zone.apex)
        }
        self.occluded = set()
        if stops:
            # hashed owners are not below a DNAME at the apex: they are no part of the tree
            below = zone.nodes.keys() - self.hashed - {zone.apex}
            self.occluded = {name for name in below if self._is_below(name, stops)}
        self.cuts = {n for n in stops - self.occluded if NS in zone.nodes[n] and n != zone.apex}
        self.dnames = {n for n in stops - self.occluded - self.cuts if DNAME in zone.nodes[n]}
        # A zone that cannot be served may have nothing at its apex; the name is there anyway.
        owners = (zone.nodes.keys() - self.occluded - self.hashed) | {zone.apex}
        self.ents = self._empty_non_terminals(owners)
        self.names = owners | self.ents

    def has(self, name: bytes) -> bool:
        """Tell whether the name exists for queries."""
        return name in self.names

    def _is_below(self, name: bytes, stops: set[bytes]) -> bool:
        while name != self.apex:
            name = parent(name)
            if name in stops:
                return True
        return False

    def _empty_non_terminals(self, owners: set[bytes]) -> set[bytes]:
        ents: set[bytes] = set()
        for name in owners - {self.apex}:
            above = parent(name)
            while above not in owners and above not in ents:
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
